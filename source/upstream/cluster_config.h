#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "source/http/codec.h"
#include "source/http/grpc_semantics.h"
#include "source/http/http2/options.h"
#include "source/http/http2/stats.h"
#include "source/network/address.h"
#include "source/network/socket.h"
#include "source/network/transport_socket.h"
#include "source/stats/stats.h"
#include "source/upstream/cluster_usage.h"
#include "source/upstream/discovery.h"
#include "source/upstream/eligibility.h"
#include "source/upstream/endpoint.h"
#include "source/upstream/hash_policy.h"
#include "source/upstream/health_policy.h"
#include "source/upstream/load_balancer.h"
#include "source/upstream/slow_start.h"
#include "source/upstream/stickiness.h"
#include "source/upstream/wait_queue.h"

namespace weir::upstream {

// Metric ids of one cluster; registered on the main thread. Labels {cluster=name}.
struct ClusterStats {
  static ClusterStats create(stats::Store& store, const std::string& cluster);
  stats::CounterId requests, responses_by_class[5], grpc_responses[http::kGrpcStatuses],
      connections_total, connect_failures, connect_timeouts, retries, overflow, resets, bytes_sent,
      bytes_received, no_endpoint, refused_full, refused_timeout, refused_displaced,
      refused_retries;
  stats::GaugeId active_connections, active_requests, pending_requests;
  stats::HistogramId connect_us, response_us, queue_wait_us;
};

enum class HttpProtocol : uint8_t {
  kHttp1,
  kHttp2,  // by prior knowledge; over TLS the endpoint has to choose "h2"
  kAuto,   // HTTP/2 where the endpoint chooses "h2" by ALPN, else HTTP/1
};

// How many requests may be under way for another time: those who fail together would else come
// back together and be too many. Both limits are over all workers.
struct RetryLimits {
  uint32_t most = 0;  // 0: none but the budget
  // Of the requests in flight (L4: connections), in a hundred; never fewer than `at_least`. 0: no
  // budget.
  uint32_t budget_percent = 20;
  uint32_t at_least = 10;
};

// What becomes of the connections to the endpoints of a cluster.
struct ConnectionPolicy {
  // Each worker keeps so many more open to an endpoint than it needs, from the first request on.
  uint32_t preconnect = 0;
  // A pooled connection takes no more requests after it; less up to `lifetime_jitter_percent` of
  // it. Zero: none.
  std::chrono::milliseconds max_lifetime{0};
  uint32_t lifetime_jitter_percent = 10;
  network::KeepAlive keep_alive = {};
  // Addresses to connect from, for endpoints of the same family; kNone: the kernel chooses.
  network::Address source_ipv4 = {};
  network::Address source_ipv6 = {};
};

// A cluster as configured, with the routing state that it begins with. Immutable; part of a
// snapshot.
struct ClusterConfig {
  std::string name;
  // Of the members that are known beforehand; what is current is published beside the snapshot
  // (control::RoutingState).
  std::shared_ptr<const HostSet> hosts;
  EligibilityPolicy policy;
  SlowStart slow_start;
  std::shared_ptr<const LoadBalancerFactory> load_balancer;
  // What `load_balancer` was made of: when another configuration says the same, the balancers go
  // on. Empty: nobody knows.
  std::string load_balancer_identity;
  // What algorithms hash, unless the route says; null: as the algorithm does by itself.
  std::shared_ptr<const HashPolicy> hash_policy;
  std::shared_ptr<const network::TransportSocketFactory> transport;  // null: plain
  // What `transport` was made of: when another configuration says the same, pooled connections are
  // kept although the factory is another one. Empty: nobody knows.
  std::string transport_identity;
  // Set: endpoints come from here instead of from `hosts`, which is empty.
  std::shared_ptr<const EndpointSource> endpoint_source;
  // Set: members are found on the main thread.
  std::shared_ptr<const MembershipSourceFactory> membership;
  // Not empty: one of these serves, and this cluster has no endpoints of its own.
  std::vector<std::string> clusters;
  std::vector<std::shared_ptr<const HealthCheckConfig>> health_checks;
  std::optional<OutlierPolicy> outliers;
  DrainPolicy drain;
  std::shared_ptr<const StickinessFactory> stickiness;  // null: none
  std::string stickiness_identity;                      // as load_balancer_identity
  StickyPolicy sticky_policy;
  std::optional<StickyStats> sticky_stats;  // set where there is stickiness
  // Connections to endpoints come from the client's own address (IP_TRANSPARENT).
  bool original_source = false;
  std::chrono::milliseconds connect_timeout{5'000};
  std::chrono::milliseconds idle_timeout{60'000};  // of a pooled connection; zero: none
  uint32_t max_connections = 1024;                 // over all workers and endpoints
  uint32_t max_requests = 0;                       // HTTP in progress, over all workers; 0: none
  uint32_t max_pending_requests = 1024;            // waiting for room, over all workers
  std::chrono::milliseconds queue_timeout{5'000};  // of one that waits for room
  QueueOrder queue_order = QueueOrder::kFifo;
  RetryLimits retry_limits;
  ConnectionPolicy connections;
  uint32_t max_requests_per_connection = 0;  // 0: none
  http::CodecLimits limits;                  // of responses
  HttpProtocol http_protocol = HttpProtocol::kHttp1;
  // The rest is about HTTP/2.
  http::http2::Options http2;
  // A connection with so many streams is loaded: others are opened beside it.
  uint32_t streams_per_connection = ~uint32_t{0};
  std::optional<http::http2::Stats> http2_stats;  // set unless kHttp1
  ClusterStats stats;
  std::shared_ptr<ClusterUsage> usage;
};

}  // namespace weir::upstream
