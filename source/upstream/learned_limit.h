#pragma once

#include <algorithm>
#include <cstdint>

namespace weir::upstream {

// How many requests an endpoint takes on a connection before it ends it with GOAWAY (nginx:
// keepalive_requests). Streams that were begun behind them it refuses, so whoever knows the number
// begins no more. Learned when two connections have ended with the same one, given up by doubling
// when connections get that far and go on. Worker-confined.
class LearnedLimit {
 public:
  // The lower of the two; 0: no limit.
  uint32_t within(uint32_t configured) const {
    if (limit_ == 0 || configured == 0) return std::max(limit_, configured);
    return std::min(limit_, configured);
  }
  // A connection ended after `taken` requests, with others behind them.
  void onLeftOut(uint32_t taken) {
    if (taken == last_) limit_ = taken;
    last_ = taken;
  }
  // A connection has carried that many, all are answered, and it takes more.
  void onCarried(uint32_t requests) {
    if (limit_ == 0 || requests < limit_) return;
    limit_ = limit_ < kMost ? limit_ * 2 : 0;
    last_ = 0;
  }

 private:
  static constexpr uint32_t kMost = 1u << 20;

  uint32_t limit_ = 0;
  uint32_t last_ = 0;
};

}  // namespace weir::upstream
