#include "extensions/load_balancing/prequal/prequal_stats.h"

#include <algorithm>
#include <iterator>

namespace weir::extensions::load_balancing::prequal {

PrequalStats PrequalStats::create(stats::Store& store, const std::string& cluster) {
  constexpr const char* kResults[] = {"answered", "refused", "malformed", "timeout", "failed"};
  constexpr const char* kRules[] = {"cold", "hot", "random", "share"};
  constexpr const char* kModes[] = {"observed", "probed"};
  PrequalStats ids;
  for (size_t i = 0; i < std::size(kResults); ++i) {
    ids.probes[i] =
        store.counter("prequal_probes_total", "Probes of endpoints by what became of them",
                      {{"cluster", cluster}, {"result", kResults[i]}});
  }
  for (size_t i = 0; i < std::size(kRules); ++i) {
    ids.picks[i] = store.counter("prequal_picks_total", "Picks of prequal by the rule that decided",
                                 {{"cluster", cluster}, {"rule", kRules[i]}});
  }
  for (size_t i = 0; i < std::size(kModes); ++i) {
    ids.modes[i] = store.gauge("prequal_mode",
                               "Balancers (one per worker and group of endpoints) that go by "
                               "answers to probes, or by what the worker itself observes",
                               {{"cluster", cluster}, {"mode", kModes[i]}});
  }
  return ids;
}

PrequalCells::PrequalCells(const PrequalStats* stats, stats::Block* block) {
  std::fill(std::begin(probes_), std::end(probes_), &unused_);
  std::fill(std::begin(picks_), std::end(picks_), &unused_);
  std::fill(std::begin(modes_), std::end(modes_), &unused_);
  if (stats == nullptr || block == nullptr) return;
  for (size_t i = 0; i < std::size(probes_); ++i) probes_[i] = &block->counter(stats->probes[i]);
  for (size_t i = 0; i < std::size(picks_); ++i) picks_[i] = &block->counter(stats->picks[i]);
  for (size_t i = 0; i < std::size(modes_); ++i) modes_[i] = &block->gauge(stats->modes[i]);
}

}  // namespace weir::extensions::load_balancing::prequal
