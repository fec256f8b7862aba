#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/base/intrusive_list.h"
#include "source/base/local_ref.h"
#include "source/base/log.h"
#include "source/base/random.h"
#include "source/base/service_map.h"
#include "source/base/string_map.h"
#include "source/http/codec.h"
#include "source/http/grpc_semantics.h"
#include "source/http/http2/options.h"
#include "source/http/http2/stats.h"
#include "source/network/connection.h"
#include "source/network/io_context.h"
#include "source/network/socket.h"
#include "source/network/transport_socket.h"
#include "source/stats/stats.h"
#include "source/upstream/cluster_usage.h"
#include "source/upstream/departure.h"
#include "source/upstream/discovery.h"
#include "source/upstream/eligibility.h"
#include "source/upstream/endpoint.h"
#include "source/upstream/endpoint_session.h"
#include "source/upstream/hash_policy.h"
#include "source/upstream/health_policy.h"
#include "source/upstream/load_balancer.h"
#include "source/upstream/named_endpoints.h"
#include "source/upstream/request_slot.h"
#include "source/upstream/routing_monitor.h"
#include "source/upstream/slow_start.h"
#include "source/upstream/stickiness.h"
#include "source/upstream/trouble.h"
#include "source/upstream/wait_queue.h"

namespace weir::upstream {

class WorkerCluster;

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
  uint32_t at_least = 3;
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

// How the connections of a cluster are made on one worker, as of one configuration. Kept as long as
// there are connections made in this way. Worker-confined.
struct BoundTransport final : base::LocalCounted {
  std::shared_ptr<const network::TransportSocketFactory> factory;  // null: plain
  std::unique_ptr<network::WorkerTransportSocketFactory> worker;   // null: plain
  network::TransportNeeds needs;
  bool original_source = false;
  HttpProtocol http_protocol = HttpProtocol::kHttp1;
  uint32_t generation = 0;  // with the same number, connections are alike
  // Not everybody may share every connection.
  bool keyed() const { return original_source || needs.any(); }
};

class HttpPool;
class KeyedPools;
class SpareConnections;

// One endpoint as one worker sees it: its pools and what is in flight. Kept while its Endpoint is
// in the host set, or was named lately, or a request uses it. Worker-confined.
class WorkerEndpoint final : public base::LocalCounted, public base::ListNode<> {
 public:
  static constexpr uint32_t kRemoved = ~uint32_t{0};

  WorkerEndpoint(WorkerCluster& cluster, std::shared_ptr<const Endpoint> endpoint,
                 std::shared_ptr<EndpointUsage> usage);
  ~WorkerEndpoint() override;
  WorkerCluster& cluster() const { return cluster_; }
  const Endpoint& endpoint() const { return *endpoint_; }
  // Stays where it is while this lives, through configurations; a logical endpoint's changes.
  const network::Address& address() const { return address_; }
  // Index into the current host set; kRemoved: not in it, or no more.
  uint32_t index() const { return index_; }
  // Neither the host set nor an endpoint source gives it to anybody any more.
  bool gone() const { return gone_; }
  // It gets nothing new, but perhaps what belongs to it (StickyPolicy); what runs may finish.
  bool draining() const { return draining_ != nullptr; }
  // What ran then has been broken off: nothing may be begun here.
  bool drainOver() const;
  // The pool that everybody shares; made when first needed.
  HttpPool& httpPool();
  // Connections of which may serve requests with this target: while BoundTransport::keyed(). Good
  // until the current callback returns, or as long as a request is in it.
  HttpPool& httpPool(const network::TransportTarget& target);
  uint32_t openConnections() const;  // pooled ones
  void closeIdle();
  // Closes the idle pooled connection that was not used for longest; false when there is none.
  bool closeOneIdle();
  // Of all workers.
  EndpointUsage& usage() const { return *usage_; }
  const std::shared_ptr<EndpointUsage>& sharedUsage() const { return usage_; }
  // What this worker counts of it.
  EndpointUsage::Cells& stats() {
    if (cells_ == nullptr) cells_ = &usage_->join();
    return *cells_;
  }
  // A request (or L4 session) would find no room: max_requests is reached, or no connection may be
  // opened and none is free.
  bool full(bool request) const;
  // Real traffic has met it: the main thread is told, unless it has been and has not taken it yet.
  void reportTrouble(Trouble trouble);
  // Connected and unused, for L4; made when first needed.
  SpareConnections& spares();
  // `session` runs through it until it is unlinked.
  void join(EndpointSession& session);
  uint32_t in_flight = 0;    // on this worker; see RequestSlot
  uint32_t connections = 0;  // open from this worker; see ConnectionSlot

 private:
  friend class NamedEndpoints;
  friend class WorkerCluster;
  // False when `endpoint` is another one: then this one goes.
  bool follow(uint32_t index, const std::shared_ptr<const Endpoint>& endpoint);
  // What the current host set says of its end.
  void depart(const Departure& departure);
  void stay();
  void drain();
  void remove();
  // It had been removed, and something still runs; otherwise as follow().
  bool comeBack(uint32_t index, const std::shared_ptr<const Endpoint>& endpoint);
  void onDrainOver();
  bool hasFreeConnection(bool request) const;

  WorkerCluster& cluster_;
  network::Address address_;
  std::shared_ptr<const Endpoint> endpoint_;
  std::shared_ptr<EndpointUsage> usage_;
  EndpointUsage::Cells* cells_ = nullptr;  // of usage_, when something was counted
  uint32_t index_ = kRemoved;
  bool gone_ = false;
  std::unique_ptr<HttpPool> pool_;
  std::unique_ptr<KeyedPools> keyed_pools_;
  std::unique_ptr<SpareConnections> spares_;
  using Sessions = base::IntrusiveList<EndpointSession, EndpointSession>;
  std::unique_ptr<Sessions> sessions_;  // made with the first
  struct Draining {
    explicit Draining(WorkerEndpoint& endpoint);
    event::WheelTimer timer;
    event::MonotonicTime ends = {};
    std::string_view reason = {};
    bool over = false;
  };
  std::unique_ptr<Draining> draining_;  // null: it does not
};

// One cluster on one worker: its endpoints, balancer and cells. Lives on through configurations of
// the same name; outlives requests that hold a reference. Worker-confined.
class WorkerCluster final : public base::LocalCounted, public HostLoads {
 public:
  // `services` has network::IoContext, stats::Block and what else transports are bound to. `hosts`:
  // the routing state that is current; null: that of `config`.
  WorkerCluster(base::ServiceMap& services, base::Random& random,
                std::shared_ptr<const ClusterConfig> config,
                std::shared_ptr<const HostSet> hosts = nullptr);
  ~WorkerCluster() override;

  const ClusterConfig& config() const { return *config_; }
  const std::shared_ptr<const ClusterConfig>& sharedConfig() const { return config_; }
  const HostSet& hosts() const { return *hosts_; }
  std::string_view name() const { return config_->name; }
  // Connections to endpoints that stay are kept; of those that went, and of all when connections
  // are made in another way now, idle ones close and busy ones close after their request.
  void update(std::shared_ptr<const ClusterConfig> config,
              std::shared_ptr<const HostSet> hosts = nullptr);
  // Another routing state for the same configuration; an older one than the current is refused.
  // Endpoints are as for update().
  void updateHosts(std::shared_ptr<const HostSet> hosts);

  // The endpoint for one request or session, as the balancer or the endpoint source says, with a
  // place there.
  struct Choice {
    Pick::Kind kind = Pick::Kind::kFailure;
    // kEndpoint: whose endpoint it is, kWait: in whose queue to wait. This one, or one that it
    // stands for.
    base::LocalRef<WorkerCluster> cluster = {};
    base::LocalRef<WorkerEndpoint> endpoint = {};  // set when kEndpoint
    RequestSlot slot = {};                         // set when kEndpoint
    std::string_view reason = {};                  // static text unless kEndpoint
  };
  Choice choose(const PickContext& context);
  // Null: none of its own.
  Stickiness* stickiness() { return stickiness_.get(); }
  // Only where there is stickiness.
  StickyCells& stickyCells() { return *sticky_cells_; }
  // HTTP, where there is stickiness: the head of the answer of an endpoint that choose() has given
  // is about to be passed on.
  void stickyAnswer(const PickContext& context, WorkerEndpoint& endpoint, http::ResponseHead& head);
  // Made when it is first wanted: of a large cluster most workers use few.
  WorkerEndpoint& host(uint32_t index) {
    return endpoints_[index] ? *endpoints_[index] : makeEndpoint(index);
  }
  LoadBalancer& balancer() { return *balancer_; }
  base::ServiceMap& services() { return services_; }
  uint32_t inFlight(uint32_t host) const override {
    return endpoints_[host] ? endpoints_[host]->in_flight : 0;
  }
  std::optional<uint64_t> groupInFlight(uint32_t group) const override {
    return group_in_flight_[group];
  }
  // Of RequestSlot: WorkerEndpoint::in_flight has changed.
  void addInFlight(const WorkerEndpoint& endpoint, int64_t change);
  bool full(uint32_t index) const override {
    return may_be_full_ && endpoints_[index] && endpoints_[index]->full(for_request_);
  }

  // Opens a connection to `endpoint` with the cluster's transport, on behalf of `target`. Counts
  // nothing: see EndpointConnection and HttpPool. Keep transport() as long as the connection.
  std::unique_ptr<network::Connection> connect(const WorkerEndpoint& endpoint,
                                               const network::TransportTarget& target);
  BoundTransport& transport() { return *transport_; }
  network::IoContext& io() { return io_; }
  // Resolved cells of this worker.
  struct Cells {
    stats::Cell *requests, *responses_by_class[5], *grpc_responses[http::kGrpcStatuses],
        *connections_total, *connect_failures, *connect_timeouts, *retries, *overflow, *resets,
        *bytes_sent, *bytes_received, *no_endpoint, *refused_full, *refused_timeout,
        *refused_displaced, *refused_retries, *active_connections, *active_requests,
        *pending_requests;
    stats::HistogramCell *connect_us, *response_us, *queue_wait_us;
  };
  Cells& cells() { return cells_; }
  // Only of a cluster that speaks HTTP/2, or did.
  const http::http2::Cells& http2Cells() const { return *http2_cells_; }
  RequestQuota& requestQuota() { return request_quota_; }
  base::Random& random() { return random_; }
  // Closes idle connections, lets busy ones finish, keeps none for later.
  void drain();
  bool draining() const { return draining_; }

  // Those who wait for room.
  WaitQueue& queue() { return queue_; }
  // Room for one who waits: closes an idle connection here, or asks the other workers to.
  void makeRoom();
  bool closeOneIdle();
  // Another worker asks to; `starving`: see ClusterUsage::askForRoom().
  void onAskedForRoom(bool starving);
  // The next connection that has done its work is to be closed, for another worker. Asked once.
  bool owesConnection() { return std::exchange(owes_connection_, false); }
  // Other workers have waiters as well.
  bool othersWait() const { return config_->usage->workersWaiting() > (queue_.empty() ? 0 : 1); }
  // A connection of this worker has room.
  void localRoomMade() { queue_.roomMade(); }
  // Something that all workers share was given back.
  void sharedRoomMade() {
    if (config_->usage->workersWaiting() > 0) config_->usage->roomMade(*member_);
  }
  // No connection may be opened, as far as the cluster's limit goes.
  bool atConnectionLimit() const {
    return config_->usage->connections.load(std::memory_order_relaxed) >= config_->max_connections;
  }
  bool shortOfConnections() const { return short_of_connections_; }
  void noteConnectionLimit();
  ClusterUsage::Member& member() { return *member_; }

  // A request is done with `endpoint`, which may thereby vanish: not before the current callback
  // has returned. Empties the reference.
  static void release(base::LocalRef<WorkerCluster>& cluster,
                      base::LocalRef<WorkerEndpoint>& endpoint);

 private:
  friend class ClusterSet;
  // Endpoints that are asked for one request when those picked before have no room.
  static constexpr size_t kMostAround = 16;

  void makeBalancer();
  void makeStickiness();
  void adoptHosts(std::shared_ptr<const HostSet> hosts);
  void followDepartures();
  void sumInFlight();
  WorkerEndpoint& makeEndpoint(uint32_t index);
  std::vector<base::LocalRef<WorkerEndpoint>> endpointsOf(const HostSet& next,
                                                          const HostSet& before);
  void remove();
  void bindTransport(const ClusterConfig* before);
  void bindHttp2();
  Choice chooseHere(const PickContext& context, RequestSlot::Quota quota);
  Choice chooseByAlgorithm(PickContext& context, RequestSlot::Quota quota);
  Choice chooseAround(PickContext& context, uint32_t full, RequestSlot::Quota quota);
  Choice chooseSticky(PickContext& context, RequestSlot::Quota quota);
  Choice followBinding(PickContext& context, uint32_t host, RequestSlot::Quota quota);
  Choice bindAnew(PickContext& context, Choice choice, RequestSlot::Quota quota);
  enum class Binding : uint8_t { kHolds, kNotNow, kLost };
  Binding bindingTo(const PickContext& context, std::optional<uint32_t> host);
  RequestSlot placeAt(uint32_t host, RequestSlot::Quota quota);
  Choice chooseNamed(const PickContext& context, RequestSlot::Quota quota);
  Choice chosen(base::LocalRef<WorkerEndpoint> endpoint, RequestSlot slot);
  Choice wait(std::string_view reason);
  void notePick(uint32_t host, bool bound) {
    if (monitor_ != nullptr) monitor_->onPick(*this, host, bound);
  }
  Choice chooseOther(const PickContext& context);
  // What it can be expected to give, the best first.
  enum class Standing : uint8_t {
    kFine,
    kPanic,   // some of its endpoints are picked whatever their health
    kNothing  // none may be picked
  };
  Standing standing();
  void findOthers();
  void reportConnectFailure(const WorkerEndpoint& endpoint, const network::Address& source,
                            int error);
  template <class F>
  void forEachEndpoint(F&& visit);

  base::ServiceMap& services_;
  RoutingMonitor* const monitor_;  // null in tests
  network::IoContext& io_;
  base::Random& random_;
  std::shared_ptr<const ClusterConfig> config_;
  base::LocalRef<BoundTransport> transport_;
  base::log::LogLimiter source_log_{std::chrono::seconds(10)};
  RequestQuota request_quota_;
  NamedEndpoints named_;                // of an endpoint source
  std::vector<WorkerCluster*> others_;  // that it stands for; alive within one generation
  uint64_t others_of_ = 0;              // of the ClusterSet
  std::shared_ptr<const HostSet> hosts_;
  // As in hosts_->hosts; empty ones have not been wanted, and have no limits of their own.
  std::vector<base::LocalRef<WorkerEndpoint>> endpoints_;
  // Removed from there, and something still runs.
  base::IntrusiveList<WorkerEndpoint> leaving_;
  SlowStart slow_start_;                                         // the balancer's
  std::shared_ptr<const LoadBalancerFactory> balancer_factory_;  // outlives the balancer
  std::unique_ptr<LoadBalancer> balancer_;
  std::shared_ptr<const HostsByUid> hosts_by_uid_;           // null: no stickiness
  std::shared_ptr<const StickinessFactory> sticky_factory_;  // outlives the stickiness
  std::unique_ptr<Stickiness> stickiness_;
  std::optional<StickyCells> sticky_cells_;
  Cells cells_;
  std::shared_ptr<ClusterUsage::Member> member_;
  WaitQueue queue_;
  std::optional<http::http2::Cells> http2_cells_;
  bool draining_ = false;
  bool removed_ = false;
  bool for_request_ = false;               // the pick under way is for HTTP
  std::vector<uint64_t> group_in_flight_;  // as HostSet::groups
  bool limited_endpoints_ = false;
  bool short_of_connections_ = false;  // was refused one, and the limit still holds
  bool may_be_full_ = false;
  bool owes_connection_ = false;
};

// The clusters of one worker by name; one of the services that extensions are bound to.
// Worker-confined.
class ClusterSet {
 public:
  // As for WorkerCluster; `services` outlives it.
  explicit ClusterSet(base::ServiceMap& services);
  // Adds, updates and drops so that exactly `clusters` are there. `hosts`: their routing states, in
  // the same order; none: what the configurations say.
  void apply(const std::vector<std::shared_ptr<const ClusterConfig>>& clusters,
             const std::vector<std::shared_ptr<const HostSet>>& hosts = {});
  // Nothing when there is no cluster of that name.
  void updateHosts(std::string_view cluster, std::shared_ptr<const HostSet> hosts);
  // Empty when there is none of that name.
  base::LocalRef<WorkerCluster> find(std::string_view name) const;
  // Changes with every apply(): what was found before may be gone then.
  uint64_t generation() const { return generation_; }
  network::IoContext& io() { return io_; }
  // In no order.
  template <class F>
  void forEach(F&& visit) const {
    for (const auto& [name, cluster] : clusters_) visit(*cluster);
  }
  void drain();

 private:
  base::ServiceMap& services_;
  network::IoContext& io_;
  base::Random random_;
  uint64_t generation_ = 1;
  base::StringMap<base::LocalRef<WorkerCluster>> clusters_;
};

}  // namespace weir::upstream
