#pragma once

#include <memory>

#include "source/http/filter.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::grpc_web {

// What the filter counts. Immutable.
struct GrpcWebStats {
  stats::CounterId requests;
  stats::CounterId text_requests;
  stats::CounterId malformed_requests;
  stats::CounterId malformed_responses;
  stats::CounterId foreign_responses;
  stats::CounterId missing_status;
};

// Translates between gRPC-Web clients and gRPC servers. Immutable.
class GrpcWebFilterFactory final : public http::HttpFilterFactory {
 public:
  explicit GrpcWebFilterFactory(const GrpcWebStats& stats) : stats_(stats) {}

  std::unique_ptr<http::WorkerHttpFilterFactory> bind(base::ServiceMap& services) const override;

 private:
  const GrpcWebStats stats_;
};

}  // namespace weir::extensions::http_filters::grpc_web
