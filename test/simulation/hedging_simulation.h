#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "source/router/resilience.h"
#include "test/simulation/balancing_simulation.h"

namespace weir::simulation {

// Endpoints that are slow, or fail, now and then. As in Scenario: requests come at random to
// workers that know nothing of each other; each endpoint serves some at a time.
struct TroubledScenario {
  std::string name;
  std::string title;
  uint32_t endpoints = 20;
  uint32_t workers = 4;
  uint32_t concurrency = 8;
  double utilisation = 0.4;
  Nanos mean_cost = 10 * kMillisecond;
  double sigma = 0.5;
  Nanos one_way = kMillisecond / 4;
  // Of the answers so many are on their way for so much longer, as when a packet is lost.
  double delayed_share = 0;
  Nanos delayed_by = 200 * kMillisecond;
  // Each endpoint stands still for this part of the time, so long at a time.
  double paused_share = 0;
  Nanos paused_for = 100 * kMillisecond;
  // So many of the answers are failures, at once.
  double failed_share = 0;
};

// What is done about it.
struct Strategy {
  std::string name;
  std::optional<router::HedgePolicy> hedge = {};
  uint32_t max_retries = 0;                      // of failures, and after the time for an attempt
  std::chrono::milliseconds per_try_timeout{0};  // zero: none
};

struct TroubledOutcome {
  std::string strategy;
  uint64_t requests = 0;  // measured: all but the first tenth
  double p50_ms = 0;
  double p99_ms = 0;
  double p999_ms = 0;
  double extra_percent = 0;   // attempts beyond the first, in a hundred requests
  double failed_percent = 0;  // requests
};

// The same numbers for the same arguments. The measuring, the budget and the delays of second
// attempts are the router's own; who loses is served to its end all the same.
TroubledOutcome simulate(const Strategy& strategy, const TroubledScenario& scenario,
                         uint64_t requests, uint64_t seed);

// What docs/retries.md reports.
std::vector<Strategy> strategies();
std::vector<TroubledScenario> troubledScenarios();
// In the form of the documentation's tables.
std::string table(const TroubledScenario& scenario, const std::vector<TroubledOutcome>& outcomes);

}  // namespace weir::simulation
