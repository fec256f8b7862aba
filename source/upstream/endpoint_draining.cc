// The part of WorkerEndpoint that deals with its end: what runs through it is let finish, and then
// broken off.

#include <algorithm>
#include <chrono>
#include <utility>

#include "source/upstream/cluster.h"
#include "source/upstream/http_pool.h"
#include "source/upstream/keyed_pools.h"
#include "source/upstream/spare_connections.h"

namespace weir::upstream {

WorkerEndpoint::Draining::Draining(WorkerEndpoint& endpoint)
    : timer(endpoint.cluster_.io().dispatcher().wheel(),
            event::wheelCallback<&WorkerEndpoint::onDrainOver>, &endpoint) {}

bool WorkerEndpoint::drainOver() const {
  return draining_ != nullptr && draining_->over;
}

void WorkerEndpoint::join(EndpointSession& session) {
  if (sessions_ == nullptr) sessions_ = std::make_unique<Sessions>();
  sessions_->pushBack(session);
}

// From the loop alone, that nothing is broken off while host sets or configurations change hands:
// what is due at once comes with the next turn.
void WorkerEndpoint::depart(const Departure& departure) {
  if (!departure.departs()) return stay();
  const event::MonotonicTime now = cluster_.io().dispatcher().now();
  const bool begins = draining_ == nullptr;
  if (begins) draining_ = std::make_unique<Draining>(*this);
  Draining& draining = *draining_;
  const event::MonotonicTime ends = departure.ends(cluster_.config().drain);
  draining.reason = departure.reason;
  if (begins || ends != draining.ends) {
    draining.ends = ends;
    draining.over = draining.over && ends <= now;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(ends - now);
    if (!draining.over) draining.timer.arm(std::max(left, std::chrono::milliseconds(0)));
  }
  if (begins) drain();
}

// It is fit again, or was never otherwise.
void WorkerEndpoint::stay() {
  if (draining_ == nullptr) return;
  draining_.reset();
  if (cluster_.draining() || gone_) return;
  if (pool_ != nullptr) pool_->undrain();
  if (keyed_pools_ != nullptr) keyed_pools_->undrain();
}

void WorkerEndpoint::drain() {
  if (spares_ != nullptr) spares_->closeAll();
  if (pool_ != nullptr) pool_->drain();
  if (keyed_pools_ != nullptr) keyed_pools_->drain();
}

void WorkerEndpoint::remove() {
  index_ = kRemoved;
  gone_ = true;
  if (draining_ != nullptr) return drain();  // in the time that it has left
  depart(departureOfRemoved(cluster_.io().dispatcher().now()));
}

bool WorkerEndpoint::comeBack(uint32_t index, const std::shared_ptr<const Endpoint>& endpoint) {
  if (!follow(index, endpoint)) return false;
  gone_ = false;
  unlink();
  return true;
}

void WorkerEndpoint::onDrainOver() {
  draining_->over = true;
  const std::string_view reason = draining_->reason;
  // With the last who used them they may go.
  const base::LocalRef<WorkerCluster> cluster(&cluster_);
  const base::LocalRef<WorkerEndpoint> self(this);
  if (sessions_ != nullptr) {
    Sessions all;
    all.spliceBack(*sessions_);
    while (EndpointSession* session = all.popFront()) {
      usage_->broken_connections.fetch_add(1);
      session->onBrokenOff(reason);
    }
  }
  if (spares_ != nullptr) spares_->closeAll();
  if (pool_ != nullptr) pool_->breakOff(reason);
  if (keyed_pools_ != nullptr) keyed_pools_->breakOff(reason);
}

}  // namespace weir::upstream
