#pragma once

#include "source/lua/state.h"
#include "source/stats/stats.h"

namespace weir::lua {

// The cells of one worker's statistics of a script. Worker-confined.
struct State::Cells {
  Cells(const ScriptMetrics& metrics, stats::Block& block)
      : calls(block.counter(metrics.calls)),
        errors(block.counter(metrics.errors)),
        budget_kills(block.counter(metrics.budget_kills)),
        memory_refusals(block.counter(metrics.memory_refusals)),
        misuses(block.counter(metrics.misuses)),
        time_us(block.counter(metrics.time_us)),
        allocated_bytes(block.counter(metrics.allocated_bytes)),
        bypasses(block.counter(metrics.bypasses)),
        memory_bytes(block.gauge(metrics.memory_bytes)),
        states(block.gauge(metrics.states)) {}
  stats::Cell &calls, &errors, &budget_kills, &memory_refusals, &misuses, &time_us,
      &allocated_bytes, &bypasses, &memory_bytes, &states;
};

}  // namespace weir::lua
