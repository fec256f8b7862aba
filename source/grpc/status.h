#pragma once

#include <string>
#include <string_view>

#include "source/http/grpc_semantics.h"

namespace weir::grpc {

using Code = http::GrpcStatus;

// How a call ended. Value.
struct Status {
  Code code = Code::kOk;
  std::string message;  // for people; from the server, or Weir's own words
  // Bytes of grpc-status-details-bin, usually a google.rpc.Status; empty: none.
  std::string details = {};

  bool ok() const { return code == Code::kOk; }
  // "UNAVAILABLE: 10.0.0.1:443: connection refused"; "OK".
  std::string toString() const;
};

}  // namespace weir::grpc
