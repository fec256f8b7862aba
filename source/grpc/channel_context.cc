#include "source/grpc/channel_context.h"

#include <string>

namespace weir::grpc {
namespace {

http::http2::Cells http2Cells(base::ServiceMap& services, const stats::Labels& labels) {
  return http::http2::Cells(http::http2::Stats::create(services.get<stats::Store>(), labels),
                            services.get<stats::Block>());
}

stats::Cell& counter(base::ServiceMap& services, std::string_view name, std::string_view help,
                     const stats::Labels& labels) {
  return services.get<stats::Block>().counter(
      services.get<stats::Store>().counter(name, help, labels));
}

}  // namespace

ChannelContext::ChannelContext(base::ServiceMap& services, const stats::Labels& labels)
    : services_(services),
      io_(services.get<network::IoContext>()),
      http2_cells_(grpc::http2Cells(services, labels)),
      connections_(counter(services, "grpc_client_connections_total",
                           "Connections that Weir's own gRPC clients have made.", labels)),
      connect_failures_(counter(services, "grpc_client_connect_failures_total",
                                "Attempts of Weir's own gRPC clients to connect that failed.",
                                labels)),
      retries_(counter(services, "grpc_client_retries_total",
                       "Calls begun once more because the server had not processed them.",
                       labels)) {
  for (size_t i = 0; i < calls_.size(); ++i) {
    stats::Labels with_status = labels;
    with_status.emplace_back("status", http::grpcStatusName(static_cast<Code>(i)));
    calls_[i] = &counter(services, "grpc_client_calls_total",
                         "Calls of Weir's own gRPC clients that have ended.", with_status);
  }
}

}  // namespace weir::grpc
