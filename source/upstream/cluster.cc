#include "source/upstream/cluster.h"

#include <algorithm>
#include <utility>

#include "source/upstream/http_pool.h"

namespace weir::upstream {

namespace {

WorkerCluster::Cells resolve(stats::Block& block, const ClusterStats& ids) {
  WorkerCluster::Cells cells;
  cells.requests = &block.counter(ids.requests);
  for (int i = 0; i < 5; ++i) {
    cells.responses_by_class[i] = &block.counter(ids.responses_by_class[i]);
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
  cells.active_connections = &block.gauge(ids.active_connections);
  cells.active_requests = &block.gauge(ids.active_requests);
  cells.pending_requests = &block.gauge(ids.pending_requests);
  cells.connect_us = &block.histogram(ids.connect_us);
  cells.response_us = &block.histogram(ids.response_us);
  return cells;
}

// Keeps a removed endpoint, and the cluster behind it, until no frame of theirs is on the stack.
struct LastRequest final : event::DeferredDeletable {
  base::LocalRef<WorkerCluster> cluster;  // destroyed last
  base::LocalRef<WorkerEndpoint> endpoint;
};

}  // namespace

WorkerEndpoint::WorkerEndpoint(WorkerCluster& cluster, std::shared_ptr<const Endpoint> endpoint)
    : cluster_(cluster),
      address_(endpoint->address),
      endpoint_(std::move(endpoint)),
      connections_of_all_(cluster.config().usage->endpointConnections(endpoint_->id)) {}

WorkerEndpoint::~WorkerEndpoint() = default;

HttpPool& WorkerEndpoint::httpPool() {
  if (pool_ == nullptr) pool_ = createHttp1Pool(cluster_, *this);
  return *pool_;
}

uint32_t WorkerEndpoint::openConnections() const {
  return pool_ == nullptr ? 0 : static_cast<uint32_t>(pool_->openConnections());
}

bool WorkerEndpoint::closeOneIdle() {
  return pool_ != nullptr && pool_->closeOneIdle();
}

bool WorkerEndpoint::follow(uint32_t index, const std::shared_ptr<const Endpoint>& endpoint) {
  if (!(endpoint->address == address_)) return false;
  endpoint_ = endpoint;
  index_ = index;
  return true;
}

void WorkerEndpoint::remove() {
  index_ = kRemoved;
  if (pool_ != nullptr) pool_->drain();
}

WorkerCluster::WorkerCluster(base::ServiceMap& services, base::Random& random,
                             std::shared_ptr<const ClusterConfig> config)
    : services_(services),
      io_(services.get<network::IoContext>()),
      random_(random),
      config_(std::move(config)),
      member_(std::make_shared<ClusterUsage::Member>(io_.dispatcher())),
      cells_(resolve(services.get<stats::Block>(), config_->stats)) {
  member_->cluster = this;
  config_->usage->join(member_);
  balancer_ = config_->load_balancer->create(random_);
  bindTransport(nullptr);
  adoptHosts();
}

WorkerCluster::~WorkerCluster() {
  member_->cluster = nullptr;
  config_->usage->leave(*member_);
}

void WorkerCluster::update(std::shared_ptr<const ClusterConfig> config) {
  const bool same_balancer = config->load_balancer == config_->load_balancer;
  if (config->usage != config_->usage) {
    config_->usage->leave(*member_);
    config->usage->join(member_);
  }
  // Keeps the old host set alive until the balancer has the new one.
  const std::shared_ptr<const ClusterConfig> before = std::exchange(config_, std::move(config));
  bindTransport(before->transport);
  if (!same_balancer) balancer_ = config_->load_balancer->create(random_);
  adoptHosts();
}

void WorkerCluster::adoptHosts() {
  base::StringMap<base::LocalRef<WorkerEndpoint>> known;
  for (base::LocalRef<WorkerEndpoint>& endpoint : endpoints_) {
    known.emplace(endpoint->endpoint().id, std::move(endpoint));
  }
  endpoints_.clear();
  const HostSet& hosts = *config_->hosts;
  for (uint32_t i = 0; i < hosts.hosts.size(); ++i) {
    const std::shared_ptr<const Endpoint>& endpoint = hosts.hosts[i].endpoint;
    const auto found = known.find(endpoint->id);
    if (found != known.end() && found->second->follow(i, endpoint)) {
      endpoints_.push_back(std::move(found->second));
      known.erase(found);
    } else {
      endpoints_.push_back(base::makeLocal<WorkerEndpoint>(*this, endpoint));
      endpoints_.back()->index_ = i;
    }
  }
  for (auto& [id, gone] : known) gone->remove();
  balancer_->onHostSet(hosts, *this);
}

void WorkerCluster::bindTransport(
    const std::shared_ptr<const network::TransportSocketFactory>& before) {
  if (config_->transport == before) return;
  transport_ = config_->transport ? config_->transport->bind(services_) : nullptr;
}

std::unique_ptr<network::Connection> WorkerCluster::connect(
    const WorkerEndpoint& endpoint, const network::TransportTarget& target) {
  network::ConnectOptions options;
  options.timeout = config_->connect_timeout;
  if (config_->original_source && target.source != nullptr && target.source->isIp()) {
    options.source = *target.source;
    options.transparent = true;
  }
  return network::Connection::connect(io_, endpoint.address(),
                                      transport_ ? transport_->create(target) : nullptr, options);
}

WorkerCluster::Choice WorkerCluster::choose(const PickContext& context) {
  if (config_->endpoint_source) return chooseNamed(context);
  const Pick pick = balancer_->pick(context);
  Choice choice{pick.kind, {}, pick.reason};
  if (pick.kind == Pick::Kind::kEndpoint) choice.endpoint = endpoints_[pick.host];
  return choice;
}

WorkerCluster::Choice WorkerCluster::chooseNamed(const PickContext& context) {
  const EndpointSource::Named named = config_->endpoint_source->name(context);
  if (!named.address) return {Pick::Kind::kFailure, {}, named.reason};
  const std::string id = named.address->toString();
  auto found = named_.find(id);
  if (found == named_.end()) {
    if (named_.size() >= config_->endpoint_source->maxEndpoints()) forgetUnused();
    auto endpoint = std::make_shared<Endpoint>();
    endpoint->id = id;
    endpoint->address = *named.address;
    found = named_.emplace(id, base::makeLocal<WorkerEndpoint>(*this, std::move(endpoint))).first;
  }
  return {Pick::Kind::kEndpoint, found->second, {}};
}

// Endpoints that nobody refers to and that have no connection.
void WorkerCluster::forgetUnused() {
  absl::erase_if(named_, [](const auto& entry) {
    return entry.second->in_flight == 0 && entry.second->openConnections() == 0;
  });
}

void WorkerCluster::drain() {
  draining_ = true;
  for (const base::LocalRef<WorkerEndpoint>& endpoint : endpoints_) {
    if (endpoint->hasHttpPool()) endpoint->httpPool().drain();
  }
}

void WorkerCluster::remove() {
  removed_ = true;
  drain();
}

void WorkerCluster::makeRoom() {
  if (!closeOneIdle()) config_->usage->askForRoom(*member_);
}

bool WorkerCluster::closeOneIdle() {
  for (const base::LocalRef<WorkerEndpoint>& endpoint : endpoints_) {
    if (endpoint->closeOneIdle()) return true;
  }
  return false;
}

void WorkerCluster::release(base::LocalRef<WorkerCluster>& cluster,
                            base::LocalRef<WorkerEndpoint>& endpoint) {
  const bool gone =
      cluster && (cluster->removed_ || (endpoint && endpoint->index() == WorkerEndpoint::kRemoved));
  if (gone) {
    auto last = std::make_unique<LastRequest>();
    last->cluster = cluster;
    last->endpoint = endpoint;
    cluster->io().dispatcher().deferDelete(std::move(last));
  }
  endpoint.reset();
  cluster.reset();
}

ClusterSet::ClusterSet(base::ServiceMap& services)
    : services_(services), io_(services.get<network::IoContext>()) {}

void ClusterSet::apply(const std::vector<std::shared_ptr<const ClusterConfig>>& clusters) {
  ++generation_;
  base::StringMap<base::LocalRef<WorkerCluster>> before = std::move(clusters_);
  clusters_.clear();
  for (const std::shared_ptr<const ClusterConfig>& config : clusters) {
    const auto found = before.find(config->name);
    if (found == before.end()) {
      clusters_.emplace(config->name, base::makeLocal<WorkerCluster>(services_, random_, config));
      continue;
    }
    found->second->update(config);
    clusters_.emplace(config->name, std::move(found->second));
    before.erase(found);
  }
  for (auto& [name, cluster] : before) cluster->remove();
}

base::LocalRef<WorkerCluster> ClusterSet::find(std::string_view name) const {
  const auto found = clusters_.find(name);
  return found == clusters_.end() ? base::LocalRef<WorkerCluster>() : found->second;
}

void ClusterSet::drain() {
  for (const auto& [name, cluster] : clusters_) cluster->drain();
}

}  // namespace weir::upstream
