#include "source/upstream/retry_slot.h"

#include <algorithm>

#include "source/upstream/cluster.h"

namespace weir::upstream {
namespace {

// What the cluster as a whole has under way is only looked at when it matters.
uint32_t allowed(const ClusterConfig& config, bool request) {
  const RetryLimits& limits = config.retry_limits;
  const uint32_t most = limits.most > 0 ? limits.most : ~uint32_t{0};
  if (limits.budget_percent == 0) return most;
  if (config.usage->retries.load(std::memory_order_relaxed) < limits.at_least) {
    return std::min(most, limits.at_least);
  }
  const ClusterUsage::Active active = config.usage->active();
  const uint64_t budget =
      (request ? active.requests : active.connections) * limits.budget_percent / 100;
  return static_cast<uint32_t>(
      std::min<uint64_t>(most, std::max<uint64_t>(budget, limits.at_least)));
}

}  // namespace

RetrySlot RetrySlot::take(WorkerCluster& cluster, bool request) {
  RetrySlot slot;
  const ClusterConfig& config = cluster.config();
  if (ClusterUsage::tryAdd(config.usage->retries, allowed(config, request))) {
    slot.usage_ = config.usage;
  } else {
    cluster.cells().overflow->add();
    cluster.cells().refused_retries->add();
  }
  return slot;
}

}  // namespace weir::upstream
