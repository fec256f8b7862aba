#pragma once

#include <chrono>
#include <optional>

#include "source/event/dispatcher.h"
#include "source/http/grpc_semantics.h"
#include "source/http/message.h"
#include "source/router/route_table.h"

namespace weir::router {

// How long a gRPC call may take, as its client said in grpc-timeout; runs from the head on, since
// the messages of a call may have no end. Worker-confined.
class GrpcDeadline {
 public:
  // False: the field is there more than once, or cannot be read.
  bool read(const http::RequestHead& head, const GrpcTimeoutPolicy& policy,
            event::MonotonicTime now);
  // There is one.
  bool set() const { return allowed_.has_value(); }
  // At least zero.
  http::GrpcTimeout left(event::MonotonicTime now) const;
  // Tells the endpoint what is left, if the client has told us.
  void write(http::RequestHead& head, event::MonotonicTime now) const;

 private:
  std::optional<http::GrpcTimeout> allowed_;
  event::MonotonicTime began_;
};

}  // namespace weir::router
