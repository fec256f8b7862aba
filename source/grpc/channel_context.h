#pragma once

#include <array>

#include "source/base/random.h"
#include "source/base/service_map.h"
#include "source/grpc/status.h"
#include "source/http/http2/stats.h"
#include "source/http/message.h"
#include "source/network/io_context.h"
#include "source/stats/stats.h"

namespace weir::grpc {

// What the channels of one owner share on one thread: its connections' context, randomness and
// counters. Worker-confined; outlives the channels and what the dispatcher destroys a little later.
class ChannelContext {
 public:
  // `services` offers network::IoContext, stats::Store, stats::Block and what transports want; it
  // outlives the context. `labels` say whose calls these are: {{"client", "etcd"}}.
  ChannelContext(base::ServiceMap& services, const stats::Labels& labels);

  base::ServiceMap& services() { return services_; }
  network::IoContext& io() { return io_; }
  event::Dispatcher& dispatcher() { return io_.dispatcher(); }
  base::Random& random() { return random_; }
  const http::http2::Cells& http2Cells() const { return http2_cells_; }
  // Of the call that is just begun.
  http::RequestHead& requestHead() { return request_head_; }

  // grpc_client_calls_total by status; …connections_total, …connect_failures_total, …retries_total.
  void countCall(Code code) { calls_[static_cast<size_t>(code)]->add(); }
  void countConnection() { connections_.add(); }
  void countConnectFailure() { connect_failures_.add(); }
  void countRetry() { retries_.add(); }

 private:
  base::ServiceMap& services_;
  network::IoContext& io_;
  base::Random random_;
  const http::http2::Cells http2_cells_;
  http::RequestHead request_head_;
  std::array<stats::Cell*, http::kGrpcStatuses> calls_;
  stats::Cell& connections_;
  stats::Cell& connect_failures_;
  stats::Cell& retries_;
};

}  // namespace weir::grpc
