#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "source/event/dispatcher.h"

namespace weir::extensions::load_balancing::prequal {

// How the loads are spread that the last answers told: gives the level above which an endpoint is
// hot. Levels are loads up to 255, and above that steps of at most 3 %. Constant time.
// Worker-confined.
class LoadDistribution {
 public:
  static constexpr size_t kWindow = 128;
  static constexpr uint32_t kLevels = 256 + 32 * 56;

  // `quantile`: 0 … 1.
  explicit LoadDistribution(double quantile) : quantile_(quantile) {}
  static uint32_t levelOf(uint64_t load);
  void add(uint64_t load);
  // The smallest level that the quantile of the window does not exceed; 0 while it is empty.
  uint32_t threshold() const { return threshold_; }
  void clear();

 private:
  void settle();

  const double quantile_;
  size_t size_ = 0;
  size_t next_ = 0;
  uint32_t within_ = 0;     // of the window, at the threshold or below
  uint32_t threshold_ = 0;  // a level
  std::array<uint16_t, kWindow> window_{};
  std::array<uint8_t, kLevels> counts_{};
};

// What one endpoint has told of itself, as long as it may be used.
struct Probe {
  uint32_t host = 0;        // whatever the user of the pool means by it
  uint32_t step = 1;        // what one request more adds to the load
  uint64_t load = 0;        // requests in flight, made comparable between weights
  uint32_t latency_us = 0;  // what a request takes there at present
  uint32_t uses = 1;        // picks that it is still good for
  event::MonotonicTime at = {};
};

// The last answers, oldest in front, at most one of each endpoint. Of fixed size: nothing allocates
// after the constructor. Worker-confined.
class ProbePool {
 public:
  static constexpr size_t kNone = ~size_t{0};
  static bool hot(const Probe& probe, uint32_t threshold) {
    return LoadDistribution::levelOf(probe.load) > threshold;
  }

  explicit ProbePool(size_t capacity) : capacity_(capacity) { probes_.reserve(capacity + 1); }

  size_t size() const { return probes_.size(); }
  std::span<Probe> probes() { return probes_; }
  void clear() { probes_.clear(); }
  // Replaces what there was of that endpoint; when the pool is full, the oldest goes.
  void put(const Probe& probe);
  // Drops what was put before `since`.
  void expire(event::MonotonicTime since);
  // Drops the answer of `host`, if there is one.
  void drop(uint32_t host);
  // Of those that are not hot the one with the lowest latency; when all are hot the one with the
  // lowest load. `excluded(host)` says whom not to take. kNone: all are excluded.
  template <class Excluded>
  size_t best(uint32_t threshold, Excluded&& excluded) const;
  // One more request goes there.
  void use(size_t index);
  void remove(size_t index) { probes_.erase(probes_.begin() + static_cast<ptrdiff_t>(index)); }
  // Of the hot ones the one with the highest load; when none is hot the one with the highest
  // latency. Not when the pool is empty.
  void removeWorst(uint32_t threshold);

 private:
  const size_t capacity_;
  std::vector<Probe> probes_;
};

template <class Excluded>
size_t ProbePool::best(uint32_t threshold, Excluded&& excluded) const {
  size_t cold = kNone;
  size_t any_hot = kNone;
  for (size_t i = 0; i < probes_.size(); ++i) {
    const Probe& probe = probes_[i];
    if (excluded(probe.host)) continue;
    if (!hot(probe, threshold)) {
      if (cold == kNone || probe.latency_us < probes_[cold].latency_us) cold = i;
    } else if (any_hot == kNone || probe.load < probes_[any_hot].load) {
      any_hot = i;
    }
  }
  return cold != kNone ? cold : any_hot;
}

}  // namespace weir::extensions::load_balancing::prequal
