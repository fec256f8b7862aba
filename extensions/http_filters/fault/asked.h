#pragma once

#include "extensions/http_filters/fault/fault.h"
#include "source/http/header_map.h"

namespace weir::extensions::http_filters::fault {

// The faults that a request asks for in x-envoy-fault-… fields. What is malformed or out of range
// asks for nothing.
struct AskedFaults {
  std::optional<Delay> delay;
  std::optional<uint16_t> abort_status;
  std::optional<http::GrpcStatus> abort_grpc_status;
  http::Fraction abort_share;
  std::optional<ResponseRate> response_rate;
};
AskedFaults readAskedFaults(const http::HeaderMap& headers);

}  // namespace weir::extensions::http_filters::fault
