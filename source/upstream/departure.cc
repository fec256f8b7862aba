#include "source/upstream/departure.h"

namespace weir::upstream {
namespace {

constexpr std::string_view kDrained = "endpoint_drained";
constexpr std::string_view kDown = "endpoint_down";

}  // namespace

Departure departureOf(const HostSet& hosts, uint32_t index, const DrainPolicy& policy) {
  const HostSet::Host& host = hosts.hosts[index];
  switch (host.health) {
    case Health::kUnknown:
    case Health::kHealthy:
    case Health::kDegraded:
      return {};
    case Health::kDraining:
    case Health::kDisabled:
      return {Departure::Kind::kFinish, host.out_since, kDrained};
    case Health::kUnhealthy:
      break;
  }
  if (hosts.group_of[index] != HostSet::kNoGroup) return {};
  switch (policy.on_unhealthy) {
    case DrainPolicy::OnUnhealthy::kFinish:
      return {Departure::Kind::kFinish, host.out_since, kDown};
    case DrainPolicy::OnUnhealthy::kClose:
      return {Departure::Kind::kClose, host.out_since, kDown};
    case DrainPolicy::OnUnhealthy::kKeep:
      return {};
  }
  return {};
}

Departure departureOfRemoved(event::MonotonicTime now) {
  return {Departure::Kind::kFinish, now, kDrained};
}

}  // namespace weir::upstream
