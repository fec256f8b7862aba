#pragma once

#include <cstdint>
#include <vector>

#include "source/base/random.h"

namespace weir::extensions::load_balancing::prequal {

// Draws one of n in proportion to its weight, in constant time (Walker's alias method in Vose's
// form). Worker-confined.
class WeightedDraw {
 public:
  // At least one weight; all above 0.
  void set(const std::vector<uint32_t>& weights);
  uint32_t draw(base::Random& random) const {
    const auto slot = static_cast<uint32_t>(random.uniform(size_));
    if (slots_.empty()) return slot;
    return random.unit() < slots_[slot].keep ? slot : slots_[slot].other;
  }

 private:
  struct Slot {
    float keep = 1.0F;
    uint32_t other = 0;
  };
  uint32_t size_ = 0;
  std::vector<Slot> slots_;  // empty: all are equal
};

}  // namespace weir::extensions::load_balancing::prequal
