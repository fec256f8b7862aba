#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

#include "source/event/dispatcher.h"

namespace weir::router {

// How long answers take, so that a quantile can be told: a histogram whose buckets are an eighth of
// a power of two wide, from 64 us to 19 h. What is old counts for less: all counts are halved when
// there are kMostSamples, and every kHalfLife. Fixed size. Worker-confined.
class AnswerTimes {
 public:
  static constexpr uint32_t kMostSamples = 4096;
  static constexpr std::chrono::minutes kHalfLife{5};

  void add(std::chrono::microseconds time, event::MonotonicTime now);
  // What counts now.
  uint32_t samples() const { return samples_; }
  // The upper edge of the bucket that `quantile` of all are at or below; zero without any.
  std::chrono::microseconds quantile(double quantile) const;

 private:
  static constexpr unsigned kSubBits = 3;
  static constexpr unsigned kLeastBits = 6;  // what is shorter than 2^6 us is in the first bucket
  static constexpr unsigned kMostBits = 36;  // and what is longer than 2^36 us in the last
  static constexpr size_t kBuckets = (size_t{kMostBits - kLeastBits} << kSubBits) + 1;

  static size_t bucketOf(uint64_t time);
  static uint64_t upperEdge(size_t bucket);
  void halve();

  std::array<uint32_t, kBuckets> counts_{};
  uint32_t samples_ = 0;
  event::MonotonicTime halved_at_;
};

}  // namespace weir::router
