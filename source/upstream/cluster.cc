#include "source/upstream/cluster.h"

#include <algorithm>
#include <array>
#include <system_error>
#include <utility>

#include "absl/container/flat_hash_map.h"

#include "source/base/concat.h"

namespace weir::upstream {

namespace {

WorkerCluster::Cells resolve(stats::Block& block, const ClusterStats& ids) {
  WorkerCluster::Cells cells;
  cells.requests = &block.counter(ids.requests);
  for (int i = 0; i < 5; ++i) {
    cells.responses_by_class[i] = &block.counter(ids.responses_by_class[i]);
  }
  for (size_t i = 0; i < http::kGrpcStatuses; ++i) {
    cells.grpc_responses[i] = &block.counter(ids.grpc_responses[i]);
  }
  cells.connections_total = &block.counter(ids.connections_total);
  cells.connect_failures = &block.counter(ids.connect_failures);
  cells.connect_timeouts = &block.counter(ids.connect_timeouts);
  cells.retries = &block.counter(ids.retries);
  cells.overflow = &block.counter(ids.overflow);
  cells.resets = &block.counter(ids.resets);
  cells.bytes_sent = &block.counter(ids.bytes_sent);
  cells.bytes_received = &block.counter(ids.bytes_received);
  cells.no_endpoint = &block.counter(ids.no_endpoint);
  cells.refused_full = &block.counter(ids.refused_full);
  cells.refused_timeout = &block.counter(ids.refused_timeout);
  cells.refused_displaced = &block.counter(ids.refused_displaced);
  cells.refused_retries = &block.counter(ids.refused_retries);
  cells.active_connections = &block.gauge(ids.active_connections);
  cells.active_requests = &block.gauge(ids.active_requests);
  cells.pending_requests = &block.gauge(ids.pending_requests);
  cells.connect_us = &block.histogram(ids.connect_us);
  cells.response_us = &block.histogram(ids.response_us);
  cells.queue_wait_us = &block.histogram(ids.queue_wait_us);
  return cells;
}

// Keeps a removed endpoint, and the cluster behind it, until no frame of theirs is on the stack.
struct LastRequest final : event::DeferredDeletable {
  base::LocalRef<WorkerCluster> cluster;  // destroyed last
  base::LocalRef<WorkerEndpoint> endpoint;
};

}  // namespace

WorkerCluster::WorkerCluster(base::ServiceMap& services, base::Random& random,
                             std::shared_ptr<const ClusterConfig> config,
                             std::shared_ptr<const HostSet> hosts)
    : services_(services),
      monitor_(services.find<RoutingMonitor>()),
      io_(services.get<network::IoContext>()),
      random_(random),
      config_(std::move(config)),
      request_quota_(config_->usage),
      cells_(resolve(services.get<stats::Block>(), config_->stats)),
      member_(std::make_shared<ClusterUsage::Member>(io_.dispatcher(), *cells_.active_requests,
                                                     *cells_.active_connections)),
      queue_(*this) {
  member_->cluster = this;
  config_->usage->join(member_);
  slow_start_ = config_->slow_start;
  makeBalancer();
  makeStickiness();
  bindHttp2();
  bindTransport(nullptr);
  adoptHosts(hosts != nullptr ? std::move(hosts) : config_->hosts);
}

WorkerCluster::~WorkerCluster() {
  member_->cluster = nullptr;
  config_->usage->leave(*member_);
}

void WorkerCluster::update(std::shared_ptr<const ClusterConfig> config,
                           std::shared_ptr<const HostSet> hosts) {
  const bool same_balancer = config->load_balancer == config_->load_balancer ||
                             (!config->load_balancer_identity.empty() &&
                              config->load_balancer_identity == config_->load_balancer_identity);
  const bool same_stickiness =
      config->stickiness == config_->stickiness ||
      (config->stickiness != nullptr && stickiness_ != nullptr && config->usage == config_->usage &&
       config->stickiness_identity == config_->stickiness_identity);
  if (config->usage != config_->usage) {
    config_->usage->leave(*member_);
    config->usage->join(member_);
    request_quota_.moveTo(config->usage);
    queue_.moveTo(*config_->usage, *config->usage);
  }
  const std::shared_ptr<const ClusterConfig> before = std::exchange(config_, std::move(config));
  bindHttp2();
  bindTransport(before.get());
  slow_start_ = config_->slow_start;
  if (!same_balancer) makeBalancer();
  if (!same_stickiness) makeStickiness();
  adoptHosts(hosts != nullptr ? std::move(hosts) : config_->hosts);
}

void WorkerCluster::updateHosts(std::shared_ptr<const HostSet> hosts) {
  if (hosts->version > hosts_->version) adoptHosts(std::move(hosts));
}

void WorkerCluster::makeBalancer() {
  std::unique_ptr<LoadBalancer> made = config_->load_balancer->create(
      {.random = random_, .services = &services_, .cluster = this, .slow_start = &slow_start_});
  balancer_ = std::move(made);  // the one before goes before its factory
  balancer_factory_ = config_->load_balancer;
}

void WorkerCluster::adoptHosts(std::shared_ptr<const HostSet> next) {
  static const HostSet kNone;
  // The old host set lives until the balancer has the new one.
  const std::shared_ptr<const HostSet> before = std::exchange(hosts_, std::move(next));
  if (monitor_ != nullptr && before != nullptr) {
    monitor_->onHosts(name(), before->version, hosts_->version);
  }
  group_in_flight_.assign(hosts_->groups.size(), 0);  // until it is summed up
  if (config_->endpoint_source == nullptr) named_.clear();
  limited_endpoints_ =
      std::any_of(hosts_->hosts.begin(), hosts_->hosts.end(), [](const auto& each) {
        return each.endpoint->max_requests > 0 || each.endpoint->max_connections > 0;
      });
  may_be_full_ = limited_endpoints_ || short_of_connections_;
  if (before != hosts_) {
    std::vector<base::LocalRef<WorkerEndpoint>> endpoints =
        endpointsOf(*hosts_, before != nullptr ? *before : kNone);
    endpoints_.swap(endpoints);
    for (const base::LocalRef<WorkerEndpoint>& gone : endpoints) {
      if (!gone) continue;
      gone->remove();
      leaving_.pushBack(*gone);
    }
  }
  // What other workers use of an endpoint with limits counts as well.
  if (limited_endpoints_) {
    for (uint32_t i = 0; i < endpoints_.size(); ++i) host(i);
  }
  if (stickiness_ != nullptr) {
    hosts_by_uid_ =
        hosts_->sticky != nullptr ? hosts_->sticky : std::make_shared<const HostsByUid>(*hosts_);
  }
  sumInFlight();
  balancer_->onHostSet(*hosts_, *this);
  followDepartures();
  queue_.roomMade();
}

void WorkerCluster::followDepartures() {
  for (uint32_t i = 0; i < endpoints_.size(); ++i) {
    if (endpoints_[i]) endpoints_[i]->depart(departureOf(*hosts_, i, config_->drain));
  }
}

void WorkerCluster::sumInFlight() {
  group_in_flight_.assign(hosts_->groups.size(), 0);
  for (const base::LocalRef<WorkerEndpoint>& endpoint : endpoints_) {
    if (endpoint && endpoint->in_flight > 0) addInFlight(*endpoint, endpoint->in_flight);
  }
}

void WorkerCluster::addInFlight(const WorkerEndpoint& endpoint, int64_t change) {
  if (endpoint.index() == WorkerEndpoint::kRemoved) return;
  const uint32_t group = hosts_->group_of[endpoint.index()];
  if (group != HostSet::kNoGroup) group_in_flight_[group] += static_cast<uint64_t>(change);
}

// Takes those that stay out of endpoints_. What stays costs a look into a table of numbers, and not
// even that where the order is the same: no text is compared, nothing shared is locked.
std::vector<base::LocalRef<WorkerEndpoint>> WorkerCluster::endpointsOf(const HostSet& next,
                                                                       const HostSet& before) {
  absl::flat_hash_map<uint64_t, uint32_t> places;
  const auto placeOf = [&](uint32_t i) {
    const uint64_t uid = next.hosts[i].uid;
    if (i < endpoints_.size() && before.hosts[i].uid == uid) return i;
    if (places.empty()) {
      places.reserve(before.hosts.size());
      for (uint32_t k = 0; k < before.hosts.size(); ++k) places.emplace(before.hosts[k].uid, k);
    }
    const auto found = places.find(uid);
    return found == places.end() ? WorkerEndpoint::kRemoved : found->second;
  };
  base::StringMap<WorkerEndpoint*> leaving;
  for (WorkerEndpoint* each = leaving_.front(); each != nullptr; each = leaving_.next(*each)) {
    leaving[each->endpoint().id] = each;
  }
  const auto comesBack = [&](uint32_t i) -> WorkerEndpoint* {
    if (leaving.empty()) return nullptr;
    const auto found = leaving.find(next.hosts[i].endpoint->id);
    const bool same = found != leaving.end() && found->second->comeBack(i, next.hosts[i].endpoint);
    return same ? found->second : nullptr;
  };
  std::vector<base::LocalRef<WorkerEndpoint>> endpoints;
  endpoints.reserve(next.hosts.size());
  for (uint32_t i = 0; i < next.hosts.size(); ++i) {
    const std::shared_ptr<const Endpoint>& endpoint = next.hosts[i].endpoint;
    const uint32_t place = placeOf(i);
    const bool stays = place != WorkerEndpoint::kRemoved && endpoints_[place] &&
                       endpoints_[place]->follow(i, endpoint);
    endpoints.push_back(stays ? std::move(endpoints_[place])
                              : base::LocalRef<WorkerEndpoint>(comesBack(i)));
  }
  return endpoints;
}

WorkerEndpoint& WorkerCluster::makeEndpoint(uint32_t index) {
  const std::shared_ptr<const Endpoint>& endpoint = hosts_->hosts[index].endpoint;
  endpoints_[index] =
      base::makeLocal<WorkerEndpoint>(*this, endpoint, config_->usage->endpoint(endpoint->id));
  endpoints_[index]->index_ = index;
  endpoints_[index]->depart(departureOf(*hosts_, index, config_->drain));
  return *endpoints_[index];
}

// Cells stay for connections that were made before, whatever the protocol is now.
void WorkerCluster::bindHttp2() {
  if (http2_cells_ || !config_->http2_stats) return;
  http2_cells_.emplace(*config_->http2_stats, services_.get<stats::Block>());
}

void WorkerCluster::bindTransport(const ClusterConfig* before) {
  const bool same_use = before != nullptr && before->original_source == config_->original_source &&
                        before->http_protocol == config_->http_protocol;
  if (same_use && before->transport == config_->transport) return;
  auto bound = base::makeLocal<BoundTransport>();
  bound->factory = config_->transport;
  if (bound->factory != nullptr) {
    bound->worker = bound->factory->bind(services_);
    bound->needs = bound->factory->needs();
  }
  bound->original_source = config_->original_source;
  bound->http_protocol = config_->http_protocol;
  const bool alike = same_use && !config_->transport_identity.empty() &&
                     before->transport_identity == config_->transport_identity;
  if (transport_) bound->generation = transport_->generation + (alike ? 0 : 1);
  transport_ = std::move(bound);
  if (!alike) {
    forEachEndpoint([](WorkerEndpoint& endpoint) { endpoint.closeIdle(); });
  }
}

template <class F>
void WorkerCluster::forEachEndpoint(F&& visit) {
  for (const base::LocalRef<WorkerEndpoint>& endpoint : endpoints_) {
    if (endpoint) visit(*endpoint);
  }
  named_.forEach(visit);
}

std::unique_ptr<network::Connection> WorkerCluster::connect(
    const WorkerEndpoint& endpoint, const network::TransportTarget& target) {
  network::ConnectOptions options;
  options.timeout = config_->connect_timeout;
  options.more_addresses = endpoint.endpoint().more_addresses;
  const ConnectionPolicy& policy = config_->connections;
  options.socket.keep_alive = policy.keep_alive;
  const bool from_client = config_->original_source && target.source != nullptr &&
                           target.source->isIp() && endpoint.address().isIp();
  if (from_client) {
    // One of another family than the endpoint's does not bind.
    options.socket.source_ipv4 = options.socket.source_ipv6 = target.source->withPort(0);
    options.socket.transparent = true;
  } else {
    options.socket.source_ipv4 = policy.source_ipv4;
    options.socket.source_ipv6 = policy.source_ipv6;
  }
  std::unique_ptr<network::Connection> connection = network::Connection::connect(
      io_, endpoint.address(), transport_->worker ? transport_->worker->create(target) : nullptr,
      options);
  const network::Address& source = options.socket.sourceFor(endpoint.address());
  if (source.family() != network::Address::Family::kNone && connection->lastError() != 0) {
    reportConnectFailure(endpoint, source, connection->lastError());
  }
  return connection;
}

// What fails at once is the binding, as a rule: that is for the operator to put right.
void WorkerCluster::reportConnectFailure(const WorkerEndpoint& endpoint,
                                         const network::Address& source, int error) {
  const auto held_back = source_log_.admit(io_.dispatcher().now());
  if (!held_back) return;
  const std::string_view advice = config_->original_source
                                      ? "the client's address needs CAP_NET_ADMIN, a client and an "
                                        "endpoint of the same address "
                                        "family, and a route back to this host (original_source)"
                                      : "source_addresses have to be addresses of this host";
  base::log::warning("upstream", "cluster \"", name(), "\": cannot connect from ", source.ip(),
                     " to ", endpoint.address().toString(), ": ",
                     std::generic_category().message(error), "; ", advice,
                     *held_back > 0 ? base::concat(" (", *held_back, " like this before)") : "");
}

// --- Choosing ---

WorkerCluster::Choice WorkerCluster::choose(const PickContext& context) {
  if (!config_->clusters.empty()) return chooseOther(context);
  for_request_ = context.request != nullptr;
  const uint32_t limit = for_request_ ? config_->max_requests : 0;
  if (limit == 0) return chooseHere(context, RequestSlot::Quota::kNone);
  if (!request_quota_.take(limit)) return wait("max_requests_reached");
  Choice choice = chooseHere(context, RequestSlot::Quota::kTaken);
  if (choice.kind != Pick::Kind::kEndpoint) request_quota_.release();
  return choice;
}

WorkerCluster::Choice WorkerCluster::chooseHere(const PickContext& context,
                                                RequestSlot::Quota quota) {
  if (config_->endpoint_source) return chooseNamed(context, quota);
  if (short_of_connections_) noteConnectionLimit();
  PickContext complete = context;
  complete.now = io_.dispatcher().now();
  if (context.tried_in != nullptr && context.tried_in != this) complete.tried = {};
  if (stickiness_ != nullptr && context.sticky != nullptr) return chooseSticky(complete, quota);
  return chooseByAlgorithm(complete, quota);
}

WorkerCluster::Choice WorkerCluster::chooseByAlgorithm(PickContext& context,
                                                       RequestSlot::Quota quota) {
  const Pick pick = balancer_->pick(context);
  if (pick.kind == Pick::Kind::kEndpoint) {
    notePick(pick.host, /*bound=*/false);
    WorkerEndpoint& endpoint = host(pick.host);
    if (!may_be_full_ || !endpoint.full(for_request_)) {
      if (RequestSlot slot = RequestSlot::take(endpoint, for_request_, quota)) {
        return chosen(base::LocalRef<WorkerEndpoint>(&endpoint), std::move(slot));
      }
    }
    return chooseAround(context, pick.host, quota);
  }
  if (pick.kind == Pick::Kind::kWait) return wait(pick.reason);
  return {.kind = pick.kind, .reason = pick.reason};
}

// Who was picked has no room, or another worker was faster: the others, as long as the balancer
// finds some.
WorkerCluster::Choice WorkerCluster::chooseAround(PickContext& context, uint32_t full,
                                                  RequestSlot::Quota quota) {
  std::array<uint32_t, 2 * kMostAround> around;
  size_t count = std::min<size_t>(context.tried.size(), kMostAround);
  std::copy_n(context.tried.begin(), count, around.begin());
  for (size_t left = kMostAround; left > 0; --left) {
    around[count++] = full;
    context.tried = {around.data(), count};
    const Pick pick = balancer_->pick(context);
    if (pick.kind != Pick::Kind::kEndpoint) break;
    full = pick.host;
    WorkerEndpoint& endpoint = host(full);
    if (endpoint.full(for_request_)) continue;
    if (RequestSlot slot = RequestSlot::take(endpoint, for_request_, quota)) {
      return chosen(base::LocalRef<WorkerEndpoint>(&endpoint), std::move(slot));
    }
  }
  return wait("endpoints_full");
}

WorkerCluster::Choice WorkerCluster::chooseNamed(const PickContext& context,
                                                 RequestSlot::Quota quota) {
  const EndpointSource& source = *config_->endpoint_source;
  const EndpointSource::Named named = source.name(context);
  if (!named.address) return {.kind = Pick::Kind::kFailure, .reason = named.reason};
  base::LocalRef<WorkerEndpoint> endpoint =
      named_.get(*named.address, *this, source.maxEndpoints());
  if (!endpoint) return {.kind = Pick::Kind::kFailure, .reason = "too_many_endpoints_in_use"};
  RequestSlot slot = RequestSlot::take(*endpoint, for_request_, quota);
  return chosen(std::move(endpoint), std::move(slot));
}

WorkerCluster::Choice WorkerCluster::chosen(base::LocalRef<WorkerEndpoint> endpoint,
                                            RequestSlot slot) {
  return {.kind = Pick::Kind::kEndpoint,
          .cluster = base::LocalRef<WorkerCluster>(this),
          .endpoint = std::move(endpoint),
          .slot = std::move(slot)};
}

WorkerCluster::Choice WorkerCluster::wait(std::string_view reason) {
  return {
      .kind = Pick::Kind::kWait, .cluster = base::LocalRef<WorkerCluster>(this), .reason = reason};
}

void WorkerCluster::drain() {
  draining_ = true;
  forEachEndpoint([](WorkerEndpoint& endpoint) { endpoint.drain(); });
}

void WorkerCluster::remove() {
  removed_ = true;
  drain();
  const Departure departure = departureOfRemoved(io_.dispatcher().now());
  forEachEndpoint([&](WorkerEndpoint& endpoint) {
    if (!endpoint.draining()) endpoint.depart(departure);
  });
}

// --- Room ---

// A worker that has connections at its endpoints gets them back as its own requests end.
void WorkerCluster::makeRoom() {
  if (atConnectionLimit() && closeOneIdle()) return;
  config_->usage->askForRoom(*member_, /*starving=*/cells_.active_connections->value() == 0);
}

void WorkerCluster::onAskedForRoom(bool starving) {
  if (request_quota_.giveBackSpare()) sharedRoomMade();
  if (!closeOneIdle() && starving) owes_connection_ = true;
}

void WorkerCluster::noteConnectionLimit() {
  short_of_connections_ = atConnectionLimit();
  may_be_full_ = limited_endpoints_ || short_of_connections_;
}

bool WorkerCluster::closeOneIdle() {
  bool closed = false;
  forEachEndpoint(
      [&closed](WorkerEndpoint& endpoint) { closed = closed || endpoint.closeOneIdle(); });
  return closed;
}

void WorkerCluster::release(base::LocalRef<WorkerCluster>& cluster,
                            base::LocalRef<WorkerEndpoint>& endpoint) {
  const bool gone = cluster && (cluster->removed_ || (endpoint && endpoint->gone()));
  if (gone) {
    auto last = std::make_unique<LastRequest>();
    last->cluster = cluster;
    last->endpoint = endpoint;
    cluster->io().dispatcher().deferDelete(std::move(last));
  }
  endpoint.reset();
  cluster.reset();
}

}  // namespace weir::upstream
