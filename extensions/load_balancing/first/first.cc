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

void First::forecast(const upstream::PickContext&, upstream::PickForecast& out) const {
  out.rule = "the first in the order of the cluster that has room";
  out.score = "requests in flight from this worker, over what it may have";
  for (const Candidate& candidate : candidates_) {
    const uint32_t in_flight = loads_->inFlight(candidate.host);
    out.scores[candidate.host] =
        in_flight == 0 ? 0 : static_cast<double>(in_flight) / static_cast<double>(candidate.most);
    if (!out.host && in_flight < candidate.most && !loads_->full(candidate.host)) {
      out.host = candidate.host;
    }
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
