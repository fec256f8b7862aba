#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

namespace weir::benchmark {

// Worker-confined. Counts of latencies in microseconds, each within 1/32 of its value; constant
// memory.
class LatencyHistogram {
 public:
  void add(uint64_t microseconds) {
    ++counts_[index(microseconds)];
    ++total_;
  }

  // The lower bound of the bucket in which `percent` (0 to 100) of all values end; 0 when empty.
  uint64_t percentile(double percent) const {
    const double wanted = percent / 100 * static_cast<double>(total_);
    uint64_t seen = 0;
    for (size_t i = 0; i < counts_.size(); ++i) {
      seen += counts_[i];
      if (seen > 0 && static_cast<double>(seen) >= wanted) return lowerBound(i);
    }
    return 0;
  }

  uint64_t total() const { return total_; }

 private:
  static constexpr size_t kLinear = 64;  // these values have a bucket each
  static constexpr size_t kSteps = 32;   // buckets for each doubling above
  static constexpr size_t kDoublings = 26;

  static size_t index(uint64_t value) {
    if (value < kLinear) return static_cast<size_t>(value);
    const size_t shift = static_cast<size_t>(std::bit_width(value)) - 6;
    if (shift > kDoublings) return kLinear + kDoublings * kSteps - 1;
    return kLinear + (shift - 1) * kSteps + (static_cast<size_t>(value >> shift) - kSteps);
  }

  static uint64_t lowerBound(size_t index) {
    if (index < kLinear) return index;
    const size_t above = index - kLinear;
    return static_cast<uint64_t>(kSteps + above % kSteps) << (above / kSteps + 1);
  }

  std::array<uint64_t, kLinear + kDoublings * kSteps> counts_{};
  uint64_t total_ = 0;
};

}  // namespace weir::benchmark
