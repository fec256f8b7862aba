#pragma once

#include <cstdint>

namespace weir::base {

// Which worker a service map belongs to; the main thread's has none. Value.
struct WorkerPlace {
  uint32_t index = 0;  // from 0
  uint32_t count = 1;  // all workers
};

}  // namespace weir::base
