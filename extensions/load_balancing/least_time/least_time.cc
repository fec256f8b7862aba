#include "extensions/load_balancing/least_time/least_time.h"

#include <algorithm>
#include <cmath>

#include "absl/container/flat_hash_map.h"

namespace weir::extensions::load_balancing::least_time {

namespace {

// How often one that is of no use is drawn before another way is taken.
constexpr int kDraws = 4;
// An idle endpoint is left for one whose response would come in this part of its time. Measured
// times that differ by less say nothing, and would override the weights.
constexpr double kClearly = 0.8;
constexpr double kLeastMicros = 1;
// By this part the usual time moves towards each response, however far away that is: so it becomes
// the time that half of them take, and outliers do not matter.
constexpr double kStep = 1.0 / 16;

}  // namespace

double PeakAverage::at(event::MonotonicTime now, std::chrono::duration<double> half_life) const {
  const double lives = (now - updated_) / half_life;
  if (lives <= 1) return micros_;
  return std::max(kLeastMicros, micros_ * std::exp2(1 - lives));
}

void PeakAverage::add(double micros, event::MonotonicTime now,
                      std::chrono::duration<double> half_life) {
  micros = std::max(kLeastMicros, micros);
  if (!known() || micros >= at(now, half_life)) {
    micros_ = micros;
  } else {
    const double old = std::exp2(-std::max(0.0, (now - updated_) / half_life));
    micros_ = micros_ * old + micros * (1 - old);
  }
  updated_ = now;
}

LeastTime::LeastTime(base::Random& random, const LeastTimeOptions& options)
    : random_(random),
      options_(options),
      half_life_(options.half_life),
      first_draws_(random.next()) {}

void LeastTime::onGroup(const upstream::HostSet& hosts, const upstream::HostGroup& group,
                        const upstream::HostLoads& loads) {
  loads_ = &loads;
  table_ = common::AliasTable::of(hosts, group);
  absl::flat_hash_map<uint64_t, PeakAverage> known;
  known.reserve(candidates_.size());
  for (const Candidate& candidate : candidates_) {
    if (candidate.average.known()) known.emplace(candidate.uid, candidate.average);
  }
  candidates_.clear();
  uint64_t sum = 0;
  for (const uint32_t host : group.hosts) sum += hosts.hosts[host].endpoint->weight;
  const double mean = static_cast<double>(sum) / static_cast<double>(group.hosts.size());
  for (const uint32_t host : group.hosts) {
    const upstream::HostSet::Host& from = hosts.hosts[host];
    const auto found = known.find(from.uid);
    candidates_.push_back({host, static_cast<float>(from.endpoint->weight / mean), from.uid,
                           found == known.end() ? PeakAverage() : found->second});
  }
}

upstream::Pick LeastTime::pick(const upstream::PickContext& context) {
  if (candidates_.empty()) return upstream::Pick::failure("no_eligible_endpoint");
  const size_t first = drawUntried(context);
  const bool all = candidates_.size() <= options_.full_scan_limit || first == kNone;
  size_t chosen = all ? scan(context, first) : drawMore(context, first);
  // All have been tried: any of them.
  if (chosen == kNone) chosen = table_->draw(random_.next());
  return upstream::Pick::endpoint(candidates_[chosen].host);
}

void LeastTime::forecast(const upstream::PickContext& context, upstream::PickForecast& out) const {
  out.rule = "one drawn by weight, unless another has a clearly lower score";
  out.score = "expected microseconds with one request more";
  for (size_t at = 0; at < candidates_.size(); ++at) {
    out.scores[candidates_[at].host] = costOf(at, context.now).whole;
  }
  if (candidates_.size() == 1) out.host = candidates_.front().host;
}

LeastTime::Cost LeastTime::costOf(size_t at, event::MonotonicTime now) const {
  const Candidate& candidate = candidates_[at];
  Cost cost;
  cost.time = candidate.average.known() ? candidate.average.at(now, half_life_)
                                        : std::max(kLeastMicros, usual_);
  cost.in_flight = loads_->inFlight(candidate.host);
  cost.capacity = candidate.capacity;
  cost.whole = cost.time * (cost.in_flight + 1) / cost.capacity;
  cost.at = at;
  return cost;
}

// `other` takes a request as soon as `first`, which has requests in flight, does without it; or so
// much faster that they need not be looked at.
bool LeastTime::clearlyBetter(const Cost& other, const Cost& first) {
  if (first.in_flight > 0 && other.whole <= first.time * first.in_flight / first.capacity) {
    return true;
  }
  const double time = other.time * std::max(1.0, (other.in_flight + 1) / other.capacity);
  return time < kClearly * first.time * std::max(1.0, first.in_flight / first.capacity);
}

size_t LeastTime::drawUntried(const upstream::PickContext& context) {
  size_t at = table_->draw(first_draws_.next());
  if (context.tried.empty()) return at;
  for (int i = 1; i < kDraws && isTried(context, candidates_[at].host); ++i) {
    at = table_->draw(random_.next());
  }
  return isTried(context, candidates_[at].host) ? kNone : at;
}

size_t LeastTime::better(const Cost& other, size_t first, event::MonotonicTime now) const {
  if (first == kNone || other.at == kNone) return first == kNone ? other.at : first;
  return clearlyBetter(other, costOf(first, now)) ? other.at : first;
}

size_t LeastTime::scan(const upstream::PickContext& context, size_t first) const {
  Cost best;
  for (size_t at = 0; at < candidates_.size(); ++at) {
    if (at == first || isTried(context, candidates_[at].host)) continue;
    const Cost other = costOf(at, context.now);
    if (best.at == kNone || other.whole < best.whole) best = other;
  }
  return better(best, first, context.now);
}

size_t LeastTime::drawMore(const upstream::PickContext& context, size_t first) {
  Cost best;
  for (uint32_t i = 1; i < options_.choices; ++i) {
    size_t at = table_->draw(random_.next());
    for (int again = 1; again < kDraws && at == first; ++again) at = table_->draw(random_.next());
    if (at == first || isTried(context, candidates_[at].host)) continue;
    const Cost other = costOf(at, context.now);
    if (best.at == kNone || other.whole < best.whole) best = other;
  }
  return better(best, first, context.now);
}

void LeastTime::onResponse(uint32_t host, std::chrono::microseconds took, bool success,
                           event::MonotonicTime now) {
  const auto found = std::lower_bound(
      candidates_.begin(), candidates_.end(), host,
      [](const Candidate& candidate, uint32_t wanted) { return candidate.host < wanted; });
  if (found == candidates_.end() || found->host != host) return;
  auto micros = static_cast<double>(took.count());
  if (success) {
    if (usual_ == 0) usual_ = std::max(kLeastMicros, micros);
    usual_ *= micros > usual_ ? 1 + kStep : 1 - kStep;
  } else {
    micros = std::max(micros, usual_ * options_.failure_factor);
  }
  found->average.add(micros, now, half_life_);
}

std::unique_ptr<upstream::Algorithm> LeastTimeFactory::createAlgorithm(
    const upstream::BalancerContext& context) const {
  return std::make_unique<LeastTime>(context.random, options_);
}

std::shared_ptr<const upstream::BalancerTable> LeastTimeFactory::prepareGroup(
    const upstream::HostSet& hosts, const upstream::HostGroup& group) const {
  return std::make_shared<common::AliasTable>(hosts, group);
}

}  // namespace weir::extensions::load_balancing::least_time
