#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "source/base/local_ref.h"
#include "source/base/random.h"
#include "source/http/codec.h"
#include "source/network/io_context.h"
#include "source/network/transport_socket.h"
#include "source/stats/stats.h"
#include "source/upstream/endpoint.h"
#include "source/upstream/load_balancer.h"

namespace weir::upstream {

// Open connections and waiting requests of one cluster over all workers, against its limits.
// Touched when a connection opens or closes or a request has to wait, never for a request that
// finds an idle connection. Shared by successive configurations of a cluster. Thread-safe.
struct ClusterUsage {
  std::atomic<uint32_t> connections{0};
  std::atomic<uint32_t> pending{0};
};

// Metric ids of one cluster; registered on the main thread. Labels {cluster=name}.
struct ClusterStats {
  static ClusterStats create(stats::Store& store, const std::string& cluster);
  stats::CounterId requests, responses_by_class[5], connections_total, connect_failures,
      connect_timeouts, retries, overflow, resets, bytes_sent, bytes_received, no_endpoint;
  stats::GaugeId active_connections, active_requests, pending_requests;
  stats::HistogramId connect_us, response_us;
};

// A cluster as configured, with its current routing state. Immutable; part of a snapshot.
struct ClusterConfig {
  std::string name;
  std::shared_ptr<const HostSet> hosts;
  std::shared_ptr<const LoadBalancerFactory> load_balancer;
  std::shared_ptr<const network::TransportSocketFactory> transport;
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds idle_timeout{60'000};  // of a pooled connection; zero: none
  uint32_t max_connections = 1024;                 // over all workers and endpoints
  uint32_t max_pending_requests = 1024;            // waiting for a connection, over all workers
  uint32_t max_requests_per_connection = 0;        // 0: none
  http::CodecLimits limits;                        // of responses
  ClusterStats stats;
  std::shared_ptr<ClusterUsage> usage;
};

class HttpPool;
class WorkerCluster;

// One endpoint as one worker sees it: its pool and what is in flight. Kept while its Endpoint is in
// the host set or a request uses it. Worker-confined.
class WorkerEndpoint final : public base::LocalCounted {
 public:
  WorkerEndpoint(WorkerCluster& cluster, std::shared_ptr<const Endpoint> endpoint);
  ~WorkerEndpoint() override;
  const Endpoint& endpoint() const { return *endpoint_; }
  HttpPool& httpPool();  // made when first needed
  uint32_t in_flight = 0;

 private:
  WorkerCluster& cluster_;
  std::shared_ptr<const Endpoint> endpoint_;
  std::unique_ptr<HttpPool> pool_;
};

// One cluster on one worker: its endpoints, balancer and cells. Lives on through configurations of
// the same name; outlives requests that hold a reference. Worker-confined.
class WorkerCluster final : public base::LocalCounted, public HostLoads {
 public:
  WorkerCluster(network::IoContext& io, stats::Block& stats, base::Random& random,
                std::shared_ptr<const ClusterConfig> config);
  ~WorkerCluster() override;

  const ClusterConfig& config() const { return *config_; }
  std::string_view name() const { return config_->name; }
  // Connections to endpoints that stay are kept; of those that went, idle ones close and busy ones
  // close after their request.
  void update(std::shared_ptr<const ClusterConfig> config);

  Pick pick(const PickContext& context) { return balancer_->pick(context); }
  WorkerEndpoint& host(uint32_t index) { return *endpoints_[index]; }
  LoadBalancer& balancer() { return *balancer_; }
  uint32_t inFlight(uint32_t host) const override { return endpoints_[host]->in_flight; }

  network::IoContext& io() { return io_; }
  // Resolved cells of this worker.
  struct Cells {
    stats::Cell *requests, *responses_by_class[5], *connections_total, *connect_failures,
        *connect_timeouts, *retries, *overflow, *resets, *bytes_sent, *bytes_received, *no_endpoint,
        *active_connections, *active_requests, *pending_requests;
    stats::HistogramCell *connect_us, *response_us;
  };
  Cells& cells() { return cells_; }
  // Closes idle connections, lets busy ones finish.
  void drain();

 private:
  network::IoContext& io_;
  base::Random& random_;
  std::shared_ptr<const ClusterConfig> config_;
  std::vector<base::LocalRef<WorkerEndpoint>> endpoints_;  // as in config_->hosts->hosts
  std::unique_ptr<LoadBalancer> balancer_;
  Cells cells_;
};

// The clusters of one worker by name; one of the services that extensions are bound to.
// Worker-confined.
class ClusterSet {
 public:
  ClusterSet(network::IoContext& io, stats::Block& stats);
  // Adds, updates and drops so that exactly `clusters` are there.
  void apply(const std::vector<std::shared_ptr<const ClusterConfig>>& clusters);
  // Empty when there is none of that name.
  base::LocalRef<WorkerCluster> find(std::string_view name) const;
  void drain();

 private:
  network::IoContext& io_;
  stats::Block& stats_;
  base::Random random_;
  absl::flat_hash_map<std::string, base::LocalRef<WorkerCluster>> clusters_;
};

}  // namespace weir::upstream
