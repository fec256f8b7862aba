#include "source/router/answer_times.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace weir::router {

using std::chrono::microseconds;

void AnswerTimes::add(microseconds time, event::MonotonicTime now) {
  if (halved_at_ == event::MonotonicTime()) halved_at_ = now;
  if (samples_ >= kMostSamples || now - halved_at_ >= kHalfLife) {
    halve();
    halved_at_ = now;
  }
  ++counts_[bucketOf(static_cast<uint64_t>(std::max<int64_t>(0, time.count())))];
  ++samples_;
}

microseconds AnswerTimes::quantile(double quantile) const {
  const auto rank = static_cast<uint32_t>(std::ceil(quantile * samples_));
  uint32_t below = 0;
  for (size_t i = 0; i < kBuckets; ++i) {
    below += counts_[i];
    if (below > 0 && below >= rank) return microseconds(static_cast<int64_t>(upperEdge(i)));
  }
  return microseconds(0);
}

size_t AnswerTimes::bucketOf(uint64_t time) {
  if (time < uint64_t{1} << kLeastBits) return 0;
  const unsigned bits = static_cast<unsigned>(std::bit_width(time)) - 1;
  if (bits >= kMostBits) return kBuckets - 1;
  const uint64_t part = (time >> (bits - kSubBits)) & ((1u << kSubBits) - 1);
  return (size_t{bits - kLeastBits} << kSubBits) + part + 1;
}

// The first that is in the next bucket.
uint64_t AnswerTimes::upperEdge(size_t bucket) {
  const unsigned bits = static_cast<unsigned>(bucket >> kSubBits) + kLeastBits;
  const uint64_t part = bucket & ((1u << kSubBits) - 1);
  return ((uint64_t{1} << kSubBits) + part) << (bits - kSubBits);
}

void AnswerTimes::halve() {
  samples_ = 0;
  for (uint32_t& count : counts_) {
    count /= 2;
    samples_ += count;
  }
}

}  // namespace weir::router
