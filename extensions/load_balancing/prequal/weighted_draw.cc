#include "extensions/load_balancing/prequal/weighted_draw.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace weir::extensions::load_balancing::prequal {

void WeightedDraw::set(const std::vector<uint32_t>& weights) {
  size_ = static_cast<uint32_t>(weights.size());
  slots_.clear();
  const bool equal =
      std::adjacent_find(weights.begin(), weights.end(), std::not_equal_to<>()) == weights.end();
  if (equal) return;
  slots_.resize(size_);
  const double sum = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::vector<double> left(size_);
  std::vector<uint32_t> small;
  std::vector<uint32_t> large;
  for (uint32_t i = 0; i < size_; ++i) {
    left[i] = weights[i] * static_cast<double>(size_) / sum;
    (left[i] < 1.0 ? small : large).push_back(i);
  }
  // Each slot of less than the mean is filled up by one of more.
  while (!small.empty() && !large.empty()) {
    const uint32_t low = small.back();
    const uint32_t high = large.back();
    small.pop_back();
    slots_[low] = {static_cast<float>(left[low]), high};
    left[high] -= 1.0 - left[low];
    if (left[high] < 1.0) {
      large.pop_back();
      small.push_back(high);
    }
  }
}

}  // namespace weir::extensions::load_balancing::prequal
