#include "source/router/attempts.h"

namespace weir::router {

bool Attempts::another(const Retries::Outcome& outcome, upstream::WorkerCluster& cluster,
                       http::StreamInfo& info) {
  if (outcome.replay == Replay::kOverdue) return replaced(outcome, cluster);
  const std::optional<Retries::Again> again = retries_.after(outcome);
  if (again && again->limited && !slot_) slot_ = upstream::RetrySlot::take(cluster, true);
  if (again && (slot_ || !again->limited)) {
    if (!again->limited) slot_.release();
    next_ = *again;
    return true;
  }
  slot_.release();
  if (again) {
    info.addFlag(http::ResponseFlag::kUpstreamOverflow);
  } else if (retries_.exhausted()) {
    info.addFlag(http::ResponseFlag::kUpstreamRetryLimitExceeded);
  }
  return false;
}

// As long as the attempt goes on, nothing is lost: not even a retry when the limits forbid it.
bool Attempts::replaced(const Retries::Outcome& overdue, upstream::WorkerCluster& cluster) {
  if (!retries_.allowedByPolicy(overdue)) return false;
  if (!slot_) slot_ = upstream::RetrySlot::take(cluster, true);
  if (!slot_) return false;
  next_ = *retries_.after(overdue);
  return true;
}

}  // namespace weir::router
