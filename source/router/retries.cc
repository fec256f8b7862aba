#include "source/router/retries.h"

#include <algorithm>

namespace weir::router {

using std::chrono::milliseconds;

std::optional<Retries::Again> Retries::afterFailure(Replay replay, http::GrpcStatus status) {
  switch (replay) {
    case Replay::kImpossible:
      return std::nullopt;
    case Replay::kRefused:
      if (++refusals_ > kMaxRefusals) break;
      ++count_;
      return Again{};
    case Replay::kReusedBroke:
      if (reused_broke_) break;
      reused_broke_ = true;
      ++count_;
      return Again{.fresh = true};
    case Replay::kUnsafe:
    case Replay::kUnsent:
      break;
  }
  return byPolicy(status);
}

std::optional<Retries::Again> Retries::afterAnswer(http::GrpcStatus status) {
  return byPolicy(status);
}

std::optional<Retries::Again> Retries::byPolicy(http::GrpcStatus status) {
  if (policy_ == nullptr || !grpc_ || !policy_->retries(status)) return std::nullopt;
  exhausted_ = by_policy_ >= policy_->max_retries;
  if (exhausted_) return std::nullopt;
  ++by_policy_;
  ++count_;
  return Again{.later = true, .wait = backOff()};
}

// Full jitter ("Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
milliseconds Retries::backOff() {
  milliseconds most = policy_->base_interval;
  for (uint32_t i = 1; i < by_policy_ && most < policy_->max_interval; ++i) most *= 2;
  most = std::min(most, policy_->max_interval);
  return milliseconds(random_.uniform(static_cast<uint64_t>(most.count()) + 1));
}

void Retries::addTried(uint64_t hosts_version, uint32_t index) {
  if (hosts_version != hosts_version_) tried_count_ = 0;
  hosts_version_ = hosts_version;
  tried_[tried_count_++ % tried_.size()] = index;
}

std::span<const uint32_t> Retries::tried(uint64_t hosts_version) const {
  if (hosts_version != hosts_version_) return {};
  return {tried_.data(), std::min<size_t>(tried_count_, tried_.size())};
}

}  // namespace weir::router
