#pragma once

#include <cstdint>

#include "source/event/dispatcher.h"

namespace weir::upstream {

// What a cluster's stickiness has learnt, for as long as it means the same: shared by workers,
// which find it in ClusterUsage, and so kept over configurations. Counts the clients that it has
// bound to an endpoint in EndpointUsage::pinned, and takes them off when it goes. Thread-safe.
class StickyMemory {
 public:
  struct Totals {
    uint64_t entries = 0;  // clients that are bound
    uint64_t bytes = 0;
    uint64_t evicted = 0;  // since it began, for want of room
    uint64_t expired = 0;  // since it began
  };

  virtual ~StickyMemory() = default;
  // Forgets what is over; for those who want to know how many there are.
  virtual void expire(event::MonotonicTime now) = 0;
  virtual Totals totals() const = 0;
};

}  // namespace weir::upstream
