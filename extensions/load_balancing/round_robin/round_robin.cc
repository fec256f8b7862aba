#include "extensions/load_balancing/round_robin/round_robin.h"

#include <algorithm>
#include <cmath>

namespace weir::extensions::load_balancing::round_robin {

namespace {

// Deadlines are rebuilt from the fraction of the cycle before doubles get coarse.
constexpr double kRebaseAt = 1 << 20;

}  // namespace

RoundRobin::RoundRobin(base::Random& random) : now_(random.unit()), cursor_(random.next() >> 32) {}

void RoundRobin::onGroup(const upstream::HostSet& hosts, const upstream::HostGroup& group,
                         const upstream::HostLoads&) {
  std::vector<uint32_t>(group.hosts).swap(eligible_);
  const auto weightOf = [&hosts](uint32_t host) { return hosts.hosts[host].endpoint->weight; };
  equal_weights_ = std::all_of(eligible_.begin(), eligible_.end(), [&](uint32_t host) {
    return weightOf(host) == weightOf(eligible_.front());
  });
  std::vector<Entry> entries;
  if (!equal_weights_) {
    entries.reserve(eligible_.size());
    for (const uint32_t host : eligible_) entries.push_back({0, host, weightOf(host), 0});
  }
  entries_.swap(entries);
  std::vector<uint32_t>(entries_.size()).swap(losers_);
  if (!equal_weights_) schedule();
}

// The schedule behind the last pick follows from the weights alone: those due at `now_` and behind
// `last_` come next. The cycle repeats with every unit of time.
void RoundRobin::schedule() {
  if (now_ >= kRebaseAt) now_ -= std::floor(now_);
  for (Entry& entry : entries_) {
    const double turn = std::ceil(now_ * entry.weight - 0.5);
    entry.turn = static_cast<uint64_t>(std::max(0.0, turn));
    entry.deadline = deadlineOf(entry.turn, entry.weight);
    const bool over = entry.deadline == now_ && entry.host <= last_;
    if (entry.deadline < now_ || over) entry.deadline = deadlineOf(++entry.turn, entry.weight);
  }
  build();
}

// Who comes to a node first waits there for the other.
void RoundRobin::build() {
  std::fill(losers_.begin(), losers_.end(), kNobody);
  for (uint32_t i = 0; i < entries_.size(); ++i) {
    uint32_t best = i;
    size_t node = (entries_.size() + i) / 2;
    for (; node > 0 && losers_[node] != kNobody; node /= 2) best = play(node, best);
    (node > 0 ? losers_[node] : winner_) = best;
  }
}

upstream::Pick RoundRobin::pick(const upstream::PickContext& context) {
  if (eligible_.empty()) return upstream::Pick::failure("no_eligible_endpoint");
  return upstream::Pick::endpoint(equal_weights_ ? rotate(context) : earliest(context));
}

uint32_t RoundRobin::rotate(const upstream::PickContext& context) {
  const size_t count = eligible_.size();
  const uint32_t first = eligible_[cursor_++ % count];
  if (context.tried.empty() || !isTried(context, first)) return first;
  for (size_t i = 1; i < count; ++i) {
    const uint32_t host = eligible_[cursor_++ % count];
    if (!isTried(context, host)) return host;
  }
  return first;
}

uint32_t RoundRobin::earliest(const upstream::PickContext& context) {
  uint32_t chosen = winner_;
  if (!context.tried.empty() && isTried(context, entries_[winner_].host)) {
    // Retries are rare: look at all for the earliest of the untried.
    for (uint32_t i = 0; i < entries_.size(); ++i) {
      if (isTried(context, entries_[i].host)) continue;
      if (chosen == winner_ || before(i, chosen)) chosen = i;
    }
  }
  const uint32_t host = entries_[chosen].host;
  if (chosen == winner_) {
    now_ = entries_[chosen].deadline;
    last_ = host;
  }
  advance(chosen);
  if (now_ >= kRebaseAt) schedule();
  return host;
}

// Its deadline only grows: whoever beat it before beats whoever comes in its place.
void RoundRobin::advance(uint32_t position) {
  Entry& entry = entries_[position];
  entry.deadline = deadlineOf(++entry.turn, entry.weight);
  uint32_t best = position;
  size_t node = (entries_.size() + position) / 2;
  for (; node > 0 && losers_[node] != position; node /= 2) best = play(node, best);
  (node > 0 ? losers_[node] : winner_) = best;
}

std::unique_ptr<upstream::Algorithm> RoundRobinFactory::createAlgorithm(
    const upstream::BalancerContext& context) const {
  return std::make_unique<RoundRobin>(context.random);
}

}  // namespace weir::extensions::load_balancing::round_robin
