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
  eligible_ = group.hosts;
  heap_.clear();
  equal_weights_ = true;
  for (uint32_t host : eligible_) {
    const uint32_t weight = hosts.hosts[host].endpoint->weight;
    heap_.push_back({0, host, weight, 0});
    equal_weights_ &= weight == heap_.front().weight;
  }
  if (equal_weights_) {
    heap_ = {};
  } else {
    schedule();
  }
}

// The schedule behind the last pick follows from the weights alone: those due at `now_` and behind
// `last_` come next. The cycle repeats with every unit of time.
void RoundRobin::schedule() {
  if (now_ >= kRebaseAt) now_ -= std::floor(now_);
  for (Entry& entry : heap_) {
    const double turn = std::ceil(now_ * entry.weight - 0.5);
    entry.turn = static_cast<uint64_t>(std::max(0.0, turn));
    entry.deadline = deadlineOf(entry.turn, entry.weight);
    const bool over = entry.deadline == now_ && entry.host <= last_;
    if (entry.deadline < now_ || over) entry.deadline = deadlineOf(++entry.turn, entry.weight);
  }
  std::sort(heap_.begin(), heap_.end(), before);  // a sorted array is a heap
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
  size_t chosen = 0;
  if (!context.tried.empty() && isTried(context, heap_[0].host)) {
    // Retries are rare: look at all for the earliest of the untried.
    for (size_t i = 1; i < heap_.size(); ++i) {
      if (isTried(context, heap_[i].host)) continue;
      if (chosen == 0 || before(heap_[i], heap_[chosen])) chosen = i;
    }
  }
  const uint32_t host = heap_[chosen].host;
  if (chosen == 0) {
    now_ = heap_[0].deadline;
    last_ = host;
  }
  advance(chosen);
  if (now_ >= kRebaseAt) schedule();
  return host;
}

// Its deadline only grows, so the heap is mended downwards.
void RoundRobin::advance(size_t position) {
  Entry& entry = heap_[position];
  entry.deadline = deadlineOf(++entry.turn, entry.weight);
  siftDown(position);
}

void RoundRobin::siftDown(size_t position) {
  const size_t count = heap_.size();
  const Entry moving = heap_[position];
  for (;;) {
    size_t child = 2 * position + 1;
    if (child >= count) break;
    if (child + 1 < count && before(heap_[child + 1], heap_[child])) ++child;
    if (!before(heap_[child], moving)) break;
    heap_[position] = heap_[child];
    position = child;
  }
  heap_[position] = moving;
}

std::unique_ptr<upstream::Algorithm> RoundRobinFactory::createAlgorithm(
    const upstream::BalancerContext& context) const {
  return std::make_unique<RoundRobin>(context.random);
}

}  // namespace weir::extensions::load_balancing::round_robin
