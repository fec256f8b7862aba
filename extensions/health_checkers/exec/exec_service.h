#pragma once

#include <cstdint>

#include "source/base/service_map.h"
#include "source/event/dispatcher.h"
#include "source/event/program_runner.h"
#include "source/stats/stats.h"

namespace weir::extensions::health_checkers::exec {

// What all exec checks of the process share: the bound on their programs, and their statistics.
// Main-thread only.
struct ExecService {
  ExecService(base::ServiceMap& services, uint32_t most);

  // The one of these services; made when first asked for, and then `most` is in force.
  static ExecService& of(base::ServiceMap& services, uint32_t most);

  event::Dispatcher& dispatcher;
  event::ProgramRunner runner;
  stats::Cell& exited;
  stats::Cell& killed;       // given up: too slow, or not wanted any more
  stats::Cell& not_started;  // the system refused
  stats::Cell& running;
  stats::Cell& waiting;
  stats::HistogramCell& wait_us;
};

}  // namespace weir::extensions::health_checkers::exec
