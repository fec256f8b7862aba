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
    cluster.noteConnectionLimit();
    return {};
  }
  ConnectionSlot slot;
  slot.usage_ = config.usage;
  slot.endpoint_usage_ = endpoint.sharedUsage();
  slot.endpoint_ = &endpoint;
  ++endpoint.connections;
  endpoint.stats().connections.add();
  endpoint.stats().active_connections.add();
  cluster.cells().connections_total->add();
  cluster.cells().active_connections->add();
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
      endpoint_(std::exchange(other.endpoint_, nullptr)) {}

ConnectionSlot& ConnectionSlot::operator=(ConnectionSlot&& other) noexcept {
  std::swap(usage_, other.usage_);
  std::swap(endpoint_usage_, other.endpoint_usage_);
  std::swap(endpoint_, other.endpoint_);
  return *this;
}

void ConnectionSlot::release() {
  if (usage_ == nullptr) return;
  --endpoint_->connections;
  endpoint_->stats().active_connections.sub();
  endpoint_->cluster().cells().active_connections->sub();
  usage_->connections.fetch_sub(1, std::memory_order_relaxed);
  endpoint_usage_->connections.fetch_sub(1, std::memory_order_relaxed);
  usage_.reset();
  endpoint_usage_.reset();
  endpoint_->cluster().sharedRoomMade();
}

}  // namespace weir::upstream
