#include <utility>

#include "source/upstream/cluster.h"
#include "source/upstream/http_pool.h"
#include "source/upstream/keyed_pools.h"
#include "source/upstream/spare_connections.h"

namespace weir::upstream {

WorkerEndpoint::WorkerEndpoint(WorkerCluster& cluster, std::shared_ptr<const Endpoint> endpoint,
                               std::shared_ptr<EndpointUsage> usage)
    : cluster_(cluster),
      address_(endpoint->address),
      endpoint_(std::move(endpoint)),
      usage_(std::move(usage)) {}

WorkerEndpoint::~WorkerEndpoint() {
  // What they have open is counted while it closes.
  keyed_pools_.reset();
  pool_.reset();
  spares_.reset();
  if (cells_ != nullptr) usage_->leave(*cells_);
}

HttpPool& WorkerEndpoint::httpPool() {
  if (pool_ == nullptr) {
    pool_ = createHttpPool(cluster_, *this);
    if (cluster_.draining() || draining()) pool_->drain();
  }
  return *pool_;
}

HttpPool& WorkerEndpoint::httpPool(const network::TransportTarget& target) {
  if (keyed_pools_ == nullptr) keyed_pools_ = std::make_unique<KeyedPools>(cluster_, *this);
  return keyed_pools_->get(target);
}

uint32_t WorkerEndpoint::openConnections() const {
  const size_t shared = pool_ != nullptr ? pool_->openConnections() : 0;
  return static_cast<uint32_t>(shared) +
         (keyed_pools_ != nullptr ? keyed_pools_->openConnections() : 0);
}

bool WorkerEndpoint::full(bool request) const {
  const Endpoint& own = *endpoint_;
  const auto reached = [](const ClusterUsage::Count& count, uint32_t limit) {
    return limit > 0 && count.load(std::memory_order_relaxed) >= limit;
  };
  if (request && reached(usage_->requests, own.max_requests)) return true;
  // While the whole cluster is short of connections, an endpoint without any may still get one, for
  // which an idle one elsewhere is closed: else it would get none as long as it goes on.
  const bool no_more = reached(usage_->connections, own.max_connections) ||
                       (cluster_.shortOfConnections() && connections > 0);
  return no_more && !hasFreeConnection(request);
}

bool WorkerEndpoint::hasFreeConnection(bool request) const {
  if (keyed_pools_ != nullptr && keyed_pools_->hasIdle()) return true;
  if (!request && spares_ != nullptr && spares_->size() > 0) return true;
  if (pool_ == nullptr) return false;
  return request ? pool_->hasRoom() : pool_->idleConnections() > 0;
}

void WorkerEndpoint::reportTrouble(Trouble trouble) {
  const auto bit = static_cast<uint32_t>(trouble);
  if ((usage_->troubles.load(std::memory_order_relaxed) & bit) != 0) return;
  auto* const sink = cluster_.services().find<TroubleSink>();
  if (sink == nullptr) return;
  if ((usage_->troubles.fetch_or(bit, std::memory_order_relaxed) & bit) != 0) return;
  sink->report(cluster_.name(), endpoint_->id, trouble);
}

SpareConnections& WorkerEndpoint::spares() {
  if (spares_ == nullptr) spares_ = std::make_unique<SpareConnections>(*this);
  return *spares_;
}

void WorkerEndpoint::closeIdle() {
  if (spares_ != nullptr) spares_->closeAll();
  if (pool_ != nullptr) pool_->closeIdle();
  if (keyed_pools_ != nullptr) keyed_pools_->closeIdle();
}

bool WorkerEndpoint::closeOneIdle() {
  return (spares_ != nullptr && spares_->closeOne()) ||
         (pool_ != nullptr && pool_->closeOneIdle()) ||
         (keyed_pools_ != nullptr && keyed_pools_->closeOneIdle());
}

bool WorkerEndpoint::follow(uint32_t index, const std::shared_ptr<const Endpoint>& endpoint) {
  index_ = index;
  if (endpoint == endpoint_) return true;
  const bool moves = !(endpoint->address == address_);
  const bool may_move = endpoint->logical && endpoint_->logical;
  if ((moves && !may_move) || endpoint->id != endpoint_->id) return false;
  endpoint_ = endpoint;
  if (moves) address_ = endpoint->address;
  return true;
}

}  // namespace weir::upstream
