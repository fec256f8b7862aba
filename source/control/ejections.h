#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "source/event/dispatcher.h"
#include "source/upstream/health_policy.h"

namespace weir::control {

// Pure: how many of a cluster's endpoints may be out at a time (OutlierPolicy's
// max_ejection_percent); one in any case, unless that is 0.
size_t mostEjected(uint32_t percent, size_t endpoints);

// The ejections of one endpoint: each one in a row is longer than the one before. Value.
class Ejections {
 public:
  using Policy = upstream::OutlierPolicy;

  bool out() const { return out_; }
  event::MonotonicTime until() const { return until_; }  // while it is out
  // How long it was taken out for, last.
  std::chrono::milliseconds time() const { return time_; }
  // So many times in a row.
  uint32_t inARow() const { return in_a_row_; }

  // Takes it out, from `now` on.
  void begin(const Policy& policy, event::MonotonicTime now);
  void end() { out_ = false; }
  // One of the policy's intervals is over: when it was in for all of it, one ejection is forgotten.
  void intervalOver();

 private:
  bool out_ = false;
  bool was_out_ = false;  // at some time of this interval
  uint32_t in_a_row_ = 0;
  std::chrono::milliseconds time_{0};
  event::MonotonicTime until_ = {};
};

}  // namespace weir::control
