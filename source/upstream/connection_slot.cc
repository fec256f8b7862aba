#include "source/upstream/connection_slot.h"

#include <utility>

namespace weir::upstream {

ConnectionSlot ConnectionSlot::take(WorkerCluster& cluster, WorkerEndpoint& endpoint) {
  const ClusterConfig& config = cluster.config();
  const uint32_t own = endpoint.endpoint().max_connections;
  ClusterUsage::Count& count = endpoint.usage().connections;
  if (!ClusterUsage::tryAdd(count, own > 0 ? own : ~uint32_t{0})) return {};
  if (!ClusterUsage::tryAdd(config.usage->connections, config.max_connections)) {
    count.fetch_sub(1, std::memory_order_relaxed);
    return {};
  }
  ConnectionSlot slot;
  slot.usage_ = config.usage;
  slot.endpoint_usage_ = endpoint.sharedUsage();
  slot.endpoint_cells_ = &endpoint.stats();
  slot.endpoint_cells_->connections.add();
  slot.endpoint_cells_->active_connections.add();
  slot.cells_ = &cluster.cells();
  slot.cells_->connections_total->add();
  slot.cells_->active_connections->add();
  return slot;
}

ConnectionSlot ConnectionSlot::takeOrMakeRoom(WorkerCluster& cluster, WorkerEndpoint& endpoint) {
  ConnectionSlot slot = take(cluster, endpoint);
  if (slot) return slot;
  // One of its own makes room under both limits.
  if (!endpoint.closeOneIdle()) cluster.makeRoom();
  return take(cluster, endpoint);
}

ConnectionSlot::ConnectionSlot(ConnectionSlot&& other) noexcept
    : usage_(std::move(other.usage_)),
      endpoint_usage_(std::move(other.endpoint_usage_)),
      endpoint_cells_(std::exchange(other.endpoint_cells_, nullptr)),
      cells_(std::exchange(other.cells_, nullptr)) {}

ConnectionSlot& ConnectionSlot::operator=(ConnectionSlot&& other) noexcept {
  std::swap(usage_, other.usage_);
  std::swap(endpoint_usage_, other.endpoint_usage_);
  std::swap(endpoint_cells_, other.endpoint_cells_);
  std::swap(cells_, other.cells_);
  return *this;
}

void ConnectionSlot::release() {
  if (usage_ == nullptr) return;
  cells_->active_connections->sub();
  endpoint_cells_->active_connections.sub();
  usage_->connections.fetch_sub(1, std::memory_order_relaxed);
  endpoint_usage_->connections.fetch_sub(1, std::memory_order_relaxed);
  usage_.reset();
  endpoint_usage_.reset();
}

}  // namespace weir::upstream
