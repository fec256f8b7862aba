#include "source/upstream/slow_start.h"

#include <algorithm>
#include <cmath>

namespace weir::upstream {

namespace {

using event::MonotonicTime;

constexpr int kSteps = 256;
// None is without any share, whatever the configuration: nobody would see that it works.
constexpr double kLeast = 0.001;

}  // namespace

void SlowStartShares::onHostSet(const HostSet& hosts, const SlowStart& config) {
  config_ = config;
  hosts_ = &hosts;
  until_ = kNever;
  next_step_ = kNever;
  if (config.window.count() > 0) {
    for (const uint32_t host : hosts.eligible) {
      const MonotonicTime since = hosts.hosts[host].serving_since;
      if (since != MonotonicTime()) until_ = std::max(until_, since + config.window);
    }
  }
  parts_.assign(any() ? hosts.hosts.size() : 0, 1.0F);
}

double SlowStartShares::partAt(MonotonicTime since, MonotonicTime now) const {
  if (since == MonotonicTime()) return 1;
  const std::chrono::duration<double> age = now - since;
  const double x = age / std::chrono::duration<double>(config_.window);
  if (x >= 1) return 1;
  const double grown = config_.aggression == 1 ? x : std::pow(x, 1 / config_.aggression);
  const double part =
      x <= 0 ? config_.min_share : config_.min_share + (1 - config_.min_share) * grown;
  return std::clamp(part, kLeast, 1.0);
}

void SlowStartShares::step(MonotonicTime now) {
  const auto length =
      std::max<MonotonicTime::duration>(config_.window / kSteps, std::chrono::milliseconds(1));
  const MonotonicTime at = now - now.time_since_epoch() % length;
  next_step_ = at + length;
  for (const HostGroup& group : hosts_->groups) {
    double most = 0;
    for (const uint32_t host : group.hosts) {
      const double part = partAt(hosts_->hosts[host].serving_since, at);
      parts_[host] = static_cast<float>(part);
      most = std::max(most, part);
    }
    for (const uint32_t host : group.hosts) parts_[host] /= static_cast<float>(most);
  }
}

}  // namespace weir::upstream
