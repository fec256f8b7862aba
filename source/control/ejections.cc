#include "source/control/ejections.h"

#include <algorithm>

namespace weir::control {

size_t mostEjected(uint32_t percent, size_t endpoints) {
  if (percent == 0) return 0;
  return std::max<size_t>(endpoints * percent / 100, 1);
}

void Ejections::begin(const Policy& policy, event::MonotonicTime now) {
  out_ = was_out_ = true;
  // More of them would not make it longer, but would take longer to forget.
  if (policy.base_ejection_time * in_a_row_ < policy.max_ejection_time) ++in_a_row_;
  time_ = std::min(policy.base_ejection_time * in_a_row_, policy.max_ejection_time);
  until_ = now + time_;
}

void Ejections::intervalOver() {
  const bool well = !out_ && !was_out_;
  was_out_ = out_;
  if (well && in_a_row_ > 0) --in_a_row_;
}

}  // namespace weir::control
