#include "extensions/load_balancing/least_request/least_request.h"

#include <algorithm>

#include "source/base/concat.h"

namespace weir::extensions::load_balancing::least_request {

namespace {

// How often one that is of no use is drawn before another way is taken.
constexpr int kDraws = 4;

}  // namespace

LeastRequest::LeastRequest(base::Random& random, const LeastRequestOptions& options)
    : random_(random), options_(options), first_draws_(random.next()) {}

void LeastRequest::onGroup(const upstream::HostSet& hosts, const upstream::HostGroup& group,
                           const upstream::HostLoads& loads) {
  loads_ = &loads;
  table_ = common::AliasTable::of(hosts, group);
  candidates_.clear();
  for (const uint32_t host : group.hosts) {
    candidates_.push_back({host, hosts.hosts[host].endpoint->weight});
  }
}

upstream::Pick LeastRequest::pick(const upstream::PickContext& context) {
  if (candidates_.empty()) return upstream::Pick::failure("no_eligible_endpoint");
  const size_t first = drawUntried(context);
  // There is nothing less than nothing.
  if (first != kNone && loads_->inFlight(candidates_[first].host) == 0) {
    return upstream::Pick::endpoint(candidates_[first].host);
  }
  const bool all = candidates_.size() <= options_.full_scan_limit || first == kNone;
  const size_t chosen = all ? scan(context, first) : drawMore(context, first);
  return upstream::Pick::endpoint(candidates_[chosen].host);
}

void LeastRequest::forecast(const upstream::PickContext&, upstream::PickForecast& out) const {
  const bool all = candidates_.size() <= options_.full_scan_limit;
  out.rule = all ? "one drawn by weight, unless another of all has a lower score"
                 : base::concat("the lowest score of ", options_.choices, " drawn by weight");
  out.score = "requests in flight from this worker, with this one, over weight";
  for (const Candidate& candidate : candidates_) {
    out.scores[candidate.host] =
        (loads_->inFlight(candidate.host) + 1.0) / static_cast<double>(candidate.weight);
  }
  if (candidates_.size() == 1) out.host = candidates_.front().host;
}

int LeastRequest::compare(const Loaded& a, const Loaded& b) {
  const uint64_t left = a.load * b.weight;
  const uint64_t right = b.load * a.weight;
  return left < right ? -1 : left > right;
}

size_t LeastRequest::drawUntried(const upstream::PickContext& context) {
  size_t at = table_->draw(first_draws_.next());
  if (context.tried.empty()) return at;
  for (int i = 1; i < kDraws && isTried(context, candidates_[at].host); ++i) {
    at = table_->draw(random_.next());
  }
  return isTried(context, candidates_[at].host) ? kNone : at;
}

// Equals share by lot (reservoir sampling), so that the first of the set, or the one behind a busy
// one, does not get more than its share.
size_t LeastRequest::scan(const upstream::PickContext& context, size_t first) {
  Loaded best{0, 0, kNone};
  uint64_t equals = 0;
  for (size_t at = 0; at < candidates_.size(); ++at) {
    if (at == first || isTried(context, candidates_[at].host)) continue;
    const Loaded other = loaded(at, 1);
    const int order = best.at == kNone ? -1 : compare(other, best);
    if (order < 0) {
      best = other;
      equals = 1;
    } else if (order == 0 && random_.uniform(++equals) == 0) {
      best = other;
    }
  }
  if (first == kNone) {
    // All have been tried: any of them.
    return best.at == kNone ? table_->draw(random_.next()) : best.at;
  }
  return best.at != kNone && compare(best, loaded(first, 0)) <= 0 ? best.at : first;
}

size_t LeastRequest::drawMore(const upstream::PickContext& context, size_t first) {
  Loaded best{0, 0, kNone};
  for (uint32_t i = 1; i < options_.choices; ++i) {
    size_t at = table_->draw(random_.next());
    for (int again = 1; again < kDraws && at == first; ++again) at = table_->draw(random_.next());
    if (at == first || isTried(context, candidates_[at].host)) continue;
    const Loaded other = loaded(at, 1);
    if (best.at == kNone || compare(other, best) < 0) best = other;
  }
  return best.at != kNone && compare(best, loaded(first, 0)) <= 0 ? best.at : first;
}

std::unique_ptr<upstream::Algorithm> LeastRequestFactory::createAlgorithm(
    const upstream::BalancerContext& context) const {
  return std::make_unique<LeastRequest>(context.random, options_);
}

std::shared_ptr<const upstream::BalancerTable> LeastRequestFactory::prepareGroup(
    const upstream::HostSet& hosts, const upstream::HostGroup& group) const {
  return std::make_shared<common::AliasTable>(hosts, group);
}

}  // namespace weir::extensions::load_balancing::least_request
