#include "extensions/load_balancing/first/first.h"

#include <algorithm>
#include <limits>

namespace weir::extensions::load_balancing::first {

void First::onGroup(const upstream::HostSet& hosts, const upstream::HostGroup& group,
                    const upstream::HostLoads& loads) {
  constexpr uint64_t kNoLimit = std::numeric_limits<uint32_t>::max();
  loads_ = &loads;
  candidates_.clear();
  for (const uint32_t host : group.hosts) {
    const uint64_t most = uint64_t{options_.max_in_flight} * hosts.hosts[host].endpoint->weight;
    candidates_.push_back(
        {host, static_cast<uint32_t>(most == 0 ? kNoLimit : std::min(most, kNoLimit))});
  }
}

upstream::Pick First::pick(const upstream::PickContext& context) {
  if (candidates_.empty()) return upstream::Pick::failure("no_eligible_endpoint");
  const Candidate* tried = nullptr;
  for (const Candidate& candidate : candidates_) {
    if (loads_->full(candidate.host)) continue;
    if (loads_->inFlight(candidate.host) >= candidate.most) continue;
    if (!isTried(context, candidate.host)) return upstream::Pick::endpoint(candidate.host);
    if (tried == nullptr) tried = &candidate;
  }
  if (tried == nullptr) return upstream::Pick::wait("endpoints_full");
  return upstream::Pick::endpoint(tried->host);
}

}  // namespace weir::extensions::load_balancing::first
