#include "extensions/network_filters/tcp_proxy/tcp_proxy.h"

#include <utility>

#include "extensions/network_filters/tcp_proxy/session.h"

namespace weir::extensions::network_filters::tcp_proxy {
namespace {

TcpProxyWorker::Cells resolve(stats::Block& block, const TcpProxyStats& ids) {
  return {.connections = block.counter(ids.connections),
          .bytes_received = block.counter(ids.bytes_received),
          .bytes_sent = block.counter(ids.bytes_sent),
          .connect_failures = block.counter(ids.connect_failures),
          .connect_retries = block.counter(ids.connect_retries),
          .connect_gave_up = block.counter(ids.connect_gave_up),
          .no_cluster = block.counter(ids.no_cluster),
          .idle_timeouts = block.counter(ids.idle_timeouts),
          .max_durations = block.counter(ids.max_durations),
          .half_closed = block.counter(ids.half_closed),
          .active = block.gauge(ids.active)};
}

}  // namespace

TcpProxyStats TcpProxyStats::create(stats::Store& store, const std::string& prefix) {
  const stats::Labels labels{{"proxy", prefix}};
  TcpProxyStats ids;
  ids.connections = store.counter("tcp_connections_total", "Client connections.", labels);
  ids.active = store.gauge("tcp_connections_active", "Client connections open now.", labels);
  ids.bytes_received = store.counter("tcp_bytes_received_total", "Bytes from clients.", labels);
  ids.bytes_sent = store.counter("tcp_bytes_sent_total", "Bytes to clients.", labels);
  ids.connect_failures = store.counter("tcp_connect_failures_total",
                                       "Attempts to reach an endpoint that failed.", labels);
  ids.connect_retries =
      store.counter("tcp_connect_retries_total", "Attempts that followed one that failed.", labels);
  ids.connect_gave_up =
      store.counter("tcp_connect_gave_up_total",
                    "Clients that were reset because no endpoint was reached.", labels);
  ids.no_cluster =
      store.counter("tcp_no_cluster_total",
                    "Clients that were reset because there was no cluster for them.", labels);
  ids.idle_timeouts = store.counter("tcp_idle_timeouts_total",
                                    "Connections closed because no byte passed.", labels);
  ids.max_durations = store.counter(
      "tcp_max_durations_total", "Connections closed because they had lasted long enough.", labels);
  ids.half_closed =
      store.counter("tcp_half_closed_total",
                    "Connections of which one direction ended before the other.", labels);
  return ids;
}

TcpProxyWorker::TcpProxyWorker(std::shared_ptr<const TcpProxyConfig> config,
                               base::ServiceMap& services)
    : config_(std::move(config)),
      clusters_(services.get<upstream::ClusterSet>()),
      dispatcher_(services.get<event::Dispatcher>()),
      cells_(resolve(services.get<stats::Block>(), config_->stats)) {
  for (const auto& logger : config_->access_loggers) loggers_.push_back(logger->bind(services));
}

std::unique_ptr<network::NetworkFilter> TcpProxyWorker::create() {
  return std::make_unique<Session>(*this);
}

std::string_view TcpProxyWorker::target(const uint64_t* hash) {
  const auto& targets = config_->targets;
  if (targets.size() == 1) return targets.front().cluster;
  if (targets.empty()) return {};
  const uint64_t total = config_->total_weight;
  uint64_t drawn = hash != nullptr ? *hash % total : random_.uniform(total);
  for (const TcpProxyConfig::Target& target : targets) {
    if (drawn < target.weight) return target.cluster;
    drawn -= target.weight;
  }
  return targets.back().cluster;
}

void TcpProxyWorker::log(const http::StreamInfo& info) {
  for (const auto& logger : loggers_) logger->log(no_request_, no_response_, no_trailers_, info);
}

std::unique_ptr<network::WorkerNetworkFilterFactory> TcpProxyFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<TcpProxyWorker>(config_, services);
}

}  // namespace weir::extensions::network_filters::tcp_proxy
