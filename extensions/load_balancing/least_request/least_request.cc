#include "extensions/load_balancing/least_request/least_request.h"

#include <algorithm>

namespace weir::extensions::load_balancing::least_request {

LeastRequest::LeastRequest(base::Random& random, const LeastRequestOptions& options)
    : random_(random), options_(options) {}

void LeastRequest::onGroup(const upstream::HostSet& hosts, const upstream::HostGroup& group,
                           const upstream::HostLoads& loads) {
  loads_ = &loads;
  candidates_.clear();
  for (uint32_t host : group.hosts) {
    candidates_.push_back({host, hosts.hosts[host].endpoint->weight});
  }
}

upstream::Pick LeastRequest::pick(const upstream::PickContext& context) {
  if (candidates_.empty()) return upstream::Pick::failure("no_eligible_endpoint");
  size_t chosen = kNone;
  if (candidates_.size() > options_.full_scan_limit) chosen = draw(context);
  if (chosen == kNone) chosen = scan(context);
  // All have been tried: better one of them again than none.
  if (chosen == kNone) {
    upstream::PickContext any = context;
    any.tried = {};
    chosen = scan(any);
  }
  return upstream::Pick::endpoint(candidates_[chosen].host);
}

bool LeastRequest::lighter(const Candidate& a, const Candidate& b) const {
  const uint64_t load_a = uint64_t{loads_->inFlight(a.host)} + 1;
  const uint64_t load_b = uint64_t{loads_->inFlight(b.host)} + 1;
  return load_a * b.weight < load_b * a.weight;
}

// Draws lots between equals (reservoir sampling), so that at low load the first
// of the set, or the one behind a busy one, does not get more than its share.
size_t LeastRequest::scan(const upstream::PickContext& context) {
  size_t best = kNone;
  uint64_t equals = 0;
  for (size_t at = 0; at < candidates_.size(); ++at) {
    if (isTried(context, candidates_[at].host)) continue;
    if (best == kNone || lighter(candidates_[at], candidates_[best])) {
      best = at;
      equals = 1;
    } else if (!lighter(candidates_[best], candidates_[at]) && random_.uniform(++equals) == 0) {
      best = at;
    }
  }
  return best;
}

// Each further draw is among the others than the best so far.
size_t LeastRequest::draw(const upstream::PickContext& context) {
  const size_t count = candidates_.size();
  size_t best = random_.uniform(count);
  bool usable = context.tried.empty() || !isTried(context, candidates_[best].host);
  for (uint32_t i = 1; i < options_.choices && count > 1; ++i) {
    const size_t other = (best + 1 + random_.uniform(count - 1)) % count;
    if (!context.tried.empty() && isTried(context, candidates_[other].host)) continue;
    if (!usable || lighter(candidates_[other], candidates_[best])) best = other;
    usable = true;
  }
  return usable ? best : kNone;
}

std::unique_ptr<upstream::Algorithm> LeastRequestFactory::createAlgorithm(
    const upstream::BalancerContext& context) const {
  return std::make_unique<LeastRequest>(context.random, options_);
}

}  // namespace weir::extensions::load_balancing::least_request
