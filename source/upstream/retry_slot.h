#pragma once

#include <cstdint>
#include <memory>

#include "source/upstream/cluster_usage.h"

namespace weir::upstream {

class WorkerCluster;

// The place of one request that is sent, or session that connects, for another time: counts against
// the cluster's RetryLimits over all workers, until it is released or destroyed. Worker-confined.
class RetrySlot {
 public:
  RetrySlot() = default;  // none
  // None when the limits forbid it; counted. `request`: HTTP, whose budget is of requests in flight
  // and not of connections.
  static RetrySlot take(WorkerCluster& cluster, bool request);
  RetrySlot(RetrySlot&& other) noexcept = default;
  RetrySlot& operator=(RetrySlot&& other) noexcept {
    usage_.swap(other.usage_);
    return *this;
  }
  ~RetrySlot() { release(); }

  explicit operator bool() const { return usage_ != nullptr; }
  void release() {
    if (usage_ != nullptr) usage_->retries.fetch_sub(1, std::memory_order_relaxed);
    usage_.reset();
  }

 private:
  std::shared_ptr<ClusterUsage> usage_;  // of when it was taken
};

}  // namespace weir::upstream
