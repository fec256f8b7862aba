#pragma once

#include <cstdint>
#include <string>

#include "extensions/load_balancing/prequal/prober.h"
#include "source/stats/stats.h"

namespace weir::extensions::load_balancing::prequal {

// What the numbers that decide come from.
enum class Mode : uint8_t { kObserved, kProbed, kCount };
// Why an endpoint was taken.
enum class Rule : uint8_t {
  kCold,    // the lowest latency of those that are not hot
  kHot,     // all are hot: the lowest load
  kRandom,  // too little is known
  kShare,   // it answers no probes, and gets its share
  kCount,
};

// Metric ids of one cluster. Registered on the main thread.
struct PrequalStats {
  static PrequalStats create(stats::Store& store, const std::string& cluster);
  stats::CounterId probes[static_cast<size_t>(ProbeResult::kCount)];
  stats::CounterId picks[static_cast<size_t>(Rule::kCount)];
  stats::GaugeId modes[static_cast<size_t>(Mode::kCount)];
};

// The cells of one worker; without a block they count for nobody. Worker-confined.
class PrequalCells {
 public:
  PrequalCells(const PrequalStats* stats, stats::Block* block);
  PrequalCells(const PrequalCells&) = delete;
  PrequalCells& operator=(const PrequalCells&) = delete;
  stats::Cell& probes(ProbeResult result) { return *probes_[static_cast<size_t>(result)]; }
  stats::Cell& picks(Rule rule) { return *picks_[static_cast<size_t>(rule)]; }
  stats::Cell& mode(Mode mode) { return *modes_[static_cast<size_t>(mode)]; }

 private:
  stats::Cell unused_;
  stats::Cell* probes_[static_cast<size_t>(ProbeResult::kCount)];
  stats::Cell* picks_[static_cast<size_t>(Rule::kCount)];
  stats::Cell* modes_[static_cast<size_t>(Mode::kCount)];
};

}  // namespace weir::extensions::load_balancing::prequal
