#include "source/router/retries.h"

#include <algorithm>
#include <utility>

namespace weir::router {

using std::chrono::milliseconds;

std::optional<Retries::Again> Retries::after(const Outcome& outcome) {
  if (outcome.replay == Replay::kImpossible) return std::nullopt;
  const std::optional<Again> safe = withoutPolicy(outcome);
  if (!safe) return byPolicy(outcome);
  ++count_;
  return safe;
}

std::optional<Retries::Again> Retries::withoutPolicy(const Outcome& outcome) {
  switch (outcome.replay) {
    case Replay::kRefused:
      if (++refusals_ > kMaxRefusals) return std::nullopt;
      return Again{};
    case Replay::kReusedBroke:
      if (std::exchange(reused_broke_, true)) return std::nullopt;
      return Again{.fresh = true};
    case Replay::kUnsent:
      // Many fail so together when an endpoint dies: limited.
      if (!outcome.others || std::exchange(unsent_, true)) return std::nullopt;
      return Again{.limited = true};
    case Replay::kImpossible:
    case Replay::kUnsafe:
    case Replay::kBroke:
    case Replay::kAnswered:
    case Replay::kOverdue:
      return std::nullopt;
  }
  return std::nullopt;
}

std::optional<Retries::Again> Retries::byPolicy(const Outcome& outcome) {
  if (policy_ == nullptr || !meant(outcome)) return std::nullopt;
  exhausted_ = by_policy_ >= policy_->max_retries;
  if (exhausted_) return std::nullopt;
  const milliseconds wait = waitBefore(outcome);
  if (wait > std::min(policy_->max_retry_after, outcome.left)) return std::nullopt;
  ++by_policy_;
  ++count_;
  return Again{.limited = true, .pause = wait + backOff()};
}

// An endpoint that has had enough speaks for itself; that the client has, it says for all.
milliseconds Retries::waitBefore(const Outcome& outcome) const {
  constexpr uint16_t kTooManyRequests = 429;
  if (!outcome.wait || policy_->max_retry_after.count() == 0) return milliseconds(0);
  const bool for_all = outcome.status == kTooManyRequests || !outcome.untried;
  return for_all ? *outcome.wait : milliseconds(0);
}

bool Retries::allowedByPolicy(const Outcome& outcome) const {
  return policy_ != nullptr && meant(outcome) && by_policy_ < policy_->max_retries;
}

bool Retries::meant(const Outcome& outcome) const {
  using Condition = RetryPolicy::Condition;
  const RetryPolicy& policy = *policy_;
  const Replay replay = outcome.replay;
  // That status may be the server's word that nothing was done: the policy has chosen it.
  if (grpc_ && replay != Replay::kOverdue && policy.retries(outcome.grpc_status)) return true;
  if (replay == Replay::kUnsent && policy.retries(Condition::kConnectFailure)) return true;
  if (replay == Replay::kRefused && policy.retries(Condition::kRefusedStream)) return true;
  const bool untouched = replay == Replay::kUnsent || replay == Replay::kRefused;
  if (!untouched && !may_repeat_) return false;
  if (replay == Replay::kOverdue) return true;
  const bool broke = replay == Replay::kBroke || replay == Replay::kReusedBroke;
  if (broke && policy.retries(Condition::kResetBeforeAnswer)) return true;
  const uint16_t status = outcome.status;
  if (replay == Replay::kAnswered && policy.retriesAnswer(status)) return true;
  if (status >= 502 && status <= 504 && policy.retries(Condition::kGatewayError)) return true;
  return status >= 500 && status <= 599 && policy.retries(Condition::kServerError);
}

// Full jitter ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
milliseconds Retries::backOff() {
  milliseconds most = policy_->base_interval;
  for (uint32_t i = 1; i < by_policy_ && most < policy_->max_interval; ++i) most *= 2;
  most = std::min(most, policy_->max_interval);
  return milliseconds(random_.uniform(static_cast<uint64_t>(most.count()) + 1));
}

void Retries::addTried(const upstream::HostSet& hosts, uint32_t index) {
  tried_uids_[tried_count_++ % kMostTried] = hosts.hosts[index].uid;
  hosts_version_ = 0;
}

// Host sets change just when endpoints fail: what was tried is looked for in the new one.
std::span<const uint32_t> Retries::tried(const upstream::HostSet& hosts) {
  if (hosts_version_ != hosts.version || hosts.version == 0) {
    hosts_version_ = hosts.version;
    found_count_ = 0;
    const std::span uids(tried_uids_.data(), std::min<size_t>(tried_count_, kMostTried));
    for (uint32_t i = 0; i < hosts.hosts.size() && found_count_ < uids.size(); ++i) {
      const bool tried = std::find(uids.begin(), uids.end(), hosts.hosts[i].uid) != uids.end();
      if (tried) found_[found_count_++] = i;
    }
  }
  return {found_.data(), found_count_};
}

}  // namespace weir::router
