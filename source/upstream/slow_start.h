#pragma once

#include <chrono>
#include <cstdint>
#include <vector>

#include "source/event/dispatcher.h"
#include "source/upstream/endpoint.h"

namespace weir::upstream {

// How the share of an endpoint grows that has joined or recovered.
struct SlowStart {
  std::chrono::milliseconds window{0};  // until it has its whole share; zero: at once
  // Its part of the whole share is min_share + (1 - min_share) * (age / window)^(1 / aggression).
  double aggression = 1.0;
  double min_share = 0.1;
};

// Which part of its whole share each endpoint of a host set has now, in relation to the oldest of
// its group: when all have joined together, all have the whole. Worker-confined.
class SlowStartShares {
 public:
  void onHostSet(const HostSet& hosts, const SlowStart& config);
  // Some may not have the whole share yet.
  bool any() const { return until_ != kNever; }
  // Before picks. False: all have the whole share now. The parts grow in 256 steps that all workers
  // take at the same time.
  bool update(event::MonotonicTime now) {
    if (now >= until_) return false;
    if (now >= next_step_) step(now);
    return true;
  }
  // While update() says true; more than 0, at most 1.
  float of(uint32_t host) const { return parts_[host]; }

 private:
  static constexpr event::MonotonicTime kNever = event::MonotonicTime::min();

  void step(event::MonotonicTime now);
  double partAt(event::MonotonicTime since, event::MonotonicTime now) const;

  SlowStart config_;
  const HostSet* hosts_ = nullptr;
  event::MonotonicTime until_ = kNever;
  event::MonotonicTime next_step_ = kNever;
  std::vector<float> parts_;  // by host; empty when none is new
};

}  // namespace weir::upstream
