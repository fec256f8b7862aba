#include "source/http/connection_manager.h"

#include <utility>

#include "source/http/connection_manager_filter.h"

namespace weir::http {

ConnectionManagerStats ConnectionManagerStats::create(stats::Store& store,
                                                      const std::string& prefix) {
  const stats::Labels labels{{"manager", prefix}};
  ConnectionManagerStats ids;
  ids.requests = store.counter("http_requests_total", "Requests begun.", labels);
  for (int i = 0; i < 5; ++i) {
    stats::Labels with_class = labels;
    with_class.emplace_back("class", std::string(1, static_cast<char>('1' + i)) + "xx");
    ids.responses_by_class[i] =
        store.counter("http_responses_total", "Final responses sent, by class.", with_class);
  }
  for (size_t i = 0; i < kGrpcStatuses; ++i) {
    stats::Labels with_status = labels;
    with_status.emplace_back("status", grpcStatusName(static_cast<GrpcStatus>(i)));
    ids.grpc_responses[i] =
        store.counter("http_grpc_responses_total", "Ends of gRPC calls, by status.", with_status);
  }
  ids.resets = store.counter("http_resets_total", "Exchanges that were broken off.", labels);
  ids.protocol_errors = store.counter("http_protocol_errors_total",
                                      "Requests refused because they are not HTTP.", labels);
  ids.head_timeouts = store.counter("http_head_timeouts_total",
                                    "Request heads that were not complete in time.", labels);
  ids.idle_timeouts = store.counter("http_idle_timeouts_total",
                                    "Connections closed because nothing was asked.", labels);
  ids.upgrades = store.counter("http_upgrades_total", "Tunnels begun.", labels);
  ids.active_connections =
      store.gauge("http_active_connections", "Client connections open.", labels);
  ids.active_streams = store.gauge("http_active_streams", "Exchanges under way.", labels);
  ids.duration_us = store.histogram("http_request_microseconds",
                                    "From the first byte of the request to the end of the "
                                    "exchange, in microseconds.",
                                    labels);
  ids.http2 = http2::Stats::create(store, labels);
  return ids;
}

ConnectionManagerFactory::ConnectionManagerFactory(
    std::shared_ptr<const ConnectionManagerConfig> config, stats::Store& store)
    : config_(std::move(config)),
      stats_(ConnectionManagerStats::create(store, config_->stat_prefix)) {}

std::vector<std::string> ConnectionManagerFactory::applicationProtocols() const {
  if (!config_->allow_http2) return {"http/1.1"};
  return {"h2", "http/1.1"};
}

std::unique_ptr<network::WorkerNetworkFilterFactory> ConnectionManagerFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<BoundConnectionManager>(
      base::makeLocal<ConnectionManagerWorker>(config_, stats_, services));
}

}  // namespace weir::http
