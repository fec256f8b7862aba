#pragma once

#include <memory>
#include <string>
#include <vector>

#include "source/base/shared_dictionary.h"
#include "source/base/worker_place.h"
#include "source/lua/timers.h"

namespace weir::lua {

class State;

// What the library keeps for one State. Worker-confined.
struct LibraryData {
  explicit LibraryData(State& state) : timers(state) {}

  Timers timers;
  std::vector<std::shared_ptr<base::SharedDictionary>> dictionaries;  // that it has asked for
  base::SharedDictionary::Item item;                                  // what was read last
  std::vector<std::string> keys;                                      // of one keys()
};

// Of the worker that `state` is on; a trial is the first of one.
base::WorkerPlace workerPlace(const State& state);

}  // namespace weir::lua
