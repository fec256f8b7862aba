#include "extensions/load_balancing/prequal/probe_pool.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace weir::extensions::load_balancing::prequal {
namespace {

constexpr uint32_t kExactBits = 8;  // loads below 1 << kExactBits are levels of their own
constexpr uint32_t kSubBits = 5;

}  // namespace

uint32_t LoadDistribution::levelOf(uint64_t load) {
  if (load < (1U << kExactBits)) return static_cast<uint32_t>(load);
  const auto top = static_cast<uint32_t>(std::bit_width(load)) - 1;
  const auto sub = static_cast<uint32_t>(load >> (top - kSubBits)) & ((1U << kSubBits) - 1);
  return (1U << kExactBits) + ((top - kExactBits) << kSubBits) + sub;
}

void LoadDistribution::add(uint64_t load) {
  if (size_ == kWindow) {
    const uint32_t oldest = window_[next_];
    --counts_[oldest];
    if (oldest <= threshold_) --within_;
  } else {
    ++size_;
  }
  const uint32_t level = levelOf(load);
  window_[next_] = static_cast<uint16_t>(level);
  next_ = (next_ + 1) % kWindow;
  ++counts_[level];
  if (level <= threshold_) ++within_;
  settle();
}

void LoadDistribution::clear() {
  size_ = next_ = 0;
  within_ = threshold_ = 0;
  counts_.fill(0);
}

// Moves the threshold from where it was: not far, as a rule.
void LoadDistribution::settle() {
  const double due = std::ceil(quantile_ * static_cast<double>(size_));
  const uint32_t needed = std::max(1U, static_cast<uint32_t>(due));
  while (within_ < needed) within_ += counts_[++threshold_];
  while (threshold_ > 0 && within_ - counts_[threshold_] >= needed) {
    within_ -= counts_[threshold_--];
  }
}

void ProbePool::put(const Probe& probe) {
  drop(probe.host);
  if (probes_.size() == capacity_) remove(0);
  probes_.push_back(probe);
}

void ProbePool::expire(event::MonotonicTime since) {
  const auto fresh = std::find_if(probes_.begin(), probes_.end(),
                                  [since](const Probe& probe) { return probe.at >= since; });
  if (fresh != probes_.begin()) probes_.erase(probes_.begin(), fresh);
}

void ProbePool::drop(uint32_t host) {
  for (size_t i = 0; i < probes_.size(); ++i) {
    if (probes_[i].host == host) return remove(i);
  }
}

void ProbePool::use(size_t index) {
  Probe& probe = probes_[index];
  probe.load += probe.step;
  if (--probe.uses == 0) remove(index);
}

void ProbePool::removeWorst(uint32_t threshold) {
  size_t worst = 0;
  bool worst_hot = hot(probes_[0], threshold);
  for (size_t i = 1; i < probes_.size(); ++i) {
    const bool is_hot = hot(probes_[i], threshold);
    const bool worse = is_hot == worst_hot
                           ? (is_hot ? probes_[i].load > probes_[worst].load
                                     : probes_[i].latency_us > probes_[worst].latency_us)
                           : is_hot;
    if (!worse) continue;
    worst = i;
    worst_hot = is_hot;
  }
  remove(worst);
}

}  // namespace weir::extensions::load_balancing::prequal
