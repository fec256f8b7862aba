#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/random.h"
#include "source/http/access_log.h"
#include "source/network/filter_chain.h"
#include "source/network/network_filter.h"
#include "source/stats/stats.h"
#include "source/upstream/cluster.h"
#include "source/upstream/cluster_set.h"

namespace weir::extensions::network_filters::tcp_proxy {

// Metric ids; registered on the main thread. Labels {proxy=stat_prefix}.
struct TcpProxyStats {
  static TcpProxyStats create(stats::Store& store, const std::string& prefix);
  stats::CounterId connections, bytes_received, bytes_sent, connect_failures, connect_retries,
      connect_gave_up, no_cluster, idle_timeouts, max_durations, half_closed;
  stats::GaugeId active;
};

// The configuration, validated. Immutable.
struct TcpProxyConfig {
  struct Target {
    std::string cluster;
    uint32_t weight = 1;
  };
  std::vector<Target> targets;  // empty: only what a filter in front has chosen
  uint64_t total_weight = 0;
  bool hash_source_ip = false;
  uint32_t max_connect_attempts = 3;
  std::chrono::milliseconds idle_timeout = std::chrono::hours(1);  // zero: none
  std::chrono::milliseconds max_duration{0};                       // zero: none
  std::vector<std::shared_ptr<const http::AccessLoggerFactory>> access_loggers;
  bool log_at_connect = false;
  TcpProxyStats stats;
};

// What the sessions of one worker share. Worker-confined.
class TcpProxyWorker final : public network::WorkerNetworkFilterFactory {
 public:
  TcpProxyWorker(std::shared_ptr<const TcpProxyConfig> config, base::ServiceMap& services);
  std::unique_ptr<network::NetworkFilter> create() override;

  const TcpProxyConfig& config() const { return *config_; }
  upstream::ClusterSet& clusters() { return clusters_; }
  event::Dispatcher& dispatcher() { return dispatcher_; }
  // Name of the cluster for a connection with `hash`, or empty.
  std::string_view target(const uint64_t* hash);
  bool logs() const { return !loggers_.empty(); }
  void log(const http::StreamInfo& info);

  struct Cells {
    stats::Cell &connections, &bytes_received, &bytes_sent, &connect_failures, &connect_retries,
        &connect_gave_up, &no_cluster, &idle_timeouts, &max_durations, &half_closed, &active;
  };
  Cells& cells() { return cells_; }

 private:
  const std::shared_ptr<const TcpProxyConfig> config_;
  upstream::ClusterSet& clusters_;
  event::Dispatcher& dispatcher_;
  Cells cells_;
  base::Random random_;
  std::vector<std::unique_ptr<http::AccessLogger>> loggers_;
  // A connection has no heads: what loggers get in their place.
  const http::RequestHead no_request_;
  const http::ResponseHead no_response_;
  base::Arena no_bytes_;
  const http::HeaderMap no_trailers_{no_bytes_};
};

// Immutable.
class TcpProxyFactory final : public network::NetworkFilterFactory {
 public:
  explicit TcpProxyFactory(std::shared_ptr<const TcpProxyConfig> config)
      : config_(std::move(config)) {}
  std::unique_ptr<network::WorkerNetworkFilterFactory> bind(
      base::ServiceMap& services) const override;

 private:
  const std::shared_ptr<const TcpProxyConfig> config_;
};

}  // namespace weir::extensions::network_filters::tcp_proxy
