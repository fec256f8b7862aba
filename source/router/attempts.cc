#include "source/router/attempts.h"

namespace weir::router {

bool Attempts::another(const Retries::Outcome& outcome, upstream::WorkerCluster& cluster,
                       http::StreamInfo& info) {
  const bool goes_on = outcome.replay == Replay::kOverdue;
  const std::optional<Retries::Again> again = retries_.after(outcome);
  if (again && again->limited && !slot_) slot_ = upstream::RetrySlot::take(cluster, true);
  if (again && (slot_ || !again->limited)) {
    if (!again->limited) slot_.release();
    next_ = *again;
    return true;
  }
  if (goes_on) return false;
  slot_.release();
  if (again) {
    info.addFlag(http::ResponseFlag::kUpstreamOverflow);
  } else if (retries_.exhausted()) {
    info.addFlag(http::ResponseFlag::kUpstreamRetryLimitExceeded);
  }
  return false;
}

}  // namespace weir::router
