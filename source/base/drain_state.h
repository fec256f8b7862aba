#pragma once

namespace weir::base {

// Whether a worker is on its way out: it takes no more connections and finishes what runs. A
// service of each worker. Worker-confined.
struct DrainState {
  bool draining = false;
};

}  // namespace weir::base
