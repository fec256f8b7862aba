#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/base/local_ref.h"
#include "source/base/log.h"
#include "source/base/random.h"
#include "source/base/service_map.h"
#include "source/network/connection.h"
#include "source/network/io_context.h"
#include "source/upstream/cluster_config.h"
#include "source/upstream/named_endpoints.h"
#include "source/upstream/request_slot.h"
#include "source/upstream/routing_monitor.h"
#include "source/upstream/worker_endpoint.h"

namespace weir::upstream {

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
  // What its balancer says of a pick, which is not made; empty where it has no endpoints of its
  // own. Past stickiness.
  PickForecast forecast(PickContext context) const;
  // Where stickiness would send it. Changes nothing; asks no store.
  struct StickyForecast {
    bool bound = false;
    std::optional<uint32_t> host = {};  // it belongs to; nothing: to one that is not there any more
    bool goes_there = false;            // as far as health and room go
  };
  StickyForecast forecastSticky(PickContext context);
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

}  // namespace weir::upstream
