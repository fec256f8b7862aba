#include "extensions/load_balancing/common/load_bound.h"

#include <algorithm>

namespace weir::extensions::load_balancing::common {

void LoadBound::adopt(const upstream::HostSet& hosts, const upstream::HostGroup& group,
                      const upstream::HostLoads& loads) {
  hosts_ = &hosts;
  group_ = &group;
  loads_ = &loads;
  weights_ = 0;
  if (percent_ == 0) return;
  for (const uint32_t host : group.hosts) weights_ += weight(host);
}

uint64_t LoadBound::requestsInFlight() const {
  const auto number = static_cast<uint32_t>(group_ - hosts_->groups.data());
  if (const auto kept = loads_->groupInFlight(number)) return *kept;
  uint64_t sum = 0;
  for (const uint32_t host : group_->hosts) sum += loads_->inFlight(host);
  return sum;
}

bool LoadBound::allTried(const upstream::PickContext& context) const {
  if (context.avoided.empty() && context.tried.size() < group_->hosts.size()) return false;
  return std::all_of(group_->hosts.begin(), group_->hosts.end(),
                     [&](uint32_t host) { return upstream::isTried(context, host); });
}

LoadBound::Room::Room(const LoadBound& bound, const upstream::PickContext& context)
    : bound_(bound),
      context_(context),
      some_tried_((!context.tried.empty() || !context.avoided.empty()) &&
                  !bound.allTried(context)) {
  if (bound.percent_ == 0) return;
  requests_ = bound.requestsInFlight() + 1;
  weights_ = bound.weights_;
  if (!some_tried_) return;
  for (const uint32_t host : bound.group_->hosts) {
    if (!upstream::isTried(context, host)) continue;
    requests_ -= std::min<uint64_t>(bound.loads_->inFlight(host), requests_ - 1);
    weights_ -= bound.weight(host);
  }
}

}  // namespace weir::extensions::load_balancing::common
