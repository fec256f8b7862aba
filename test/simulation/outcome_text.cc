#include <cstdio>

#include "test/simulation/balancing_simulation.h"

namespace weir::simulation {
namespace {

template <class... Args>
std::string format(const char* how, Args... args) {
  char line[512];
  std::snprintf(line, sizeof line, how, args...);
  return line;
}

}  // namespace

std::string table(const Scenario& scenario, const std::vector<Outcome>& outcomes) {
  std::string text = scenario.title + "\n";
  text += format("%-30s %9s %9s %9s %9s %9s\n", "", "mean ms", "p50 ms", "p99 ms", "p99.9 ms",
                 "to slow");
  for (const Outcome& outcome : outcomes) {
    text += format("%-30s %9.1f %9.1f %9.1f %9.1f %8.2f%%\n", outcome.algorithm.c_str(),
                   outcome.mean_ms, outcome.p50_ms, outcome.p99_ms, outcome.p999_ms,
                   100 * outcome.slow_share);
  }
  return text;
}

std::string json(const Scenario& scenario, const std::vector<Outcome>& outcomes) {
  std::string text = format("{\"name\": \"%s\", \"title\": \"%s\", \"rows\": [",
                            scenario.name.c_str(), scenario.title.c_str());
  for (const Outcome& outcome : outcomes) {
    text += format(
        "%s\n  {\"algorithm\": \"%s\", \"requests\": %llu, \"mean_ms\": %.3f, \"p50_ms\": %.3f, "
        "\"p99_ms\": %.3f, \"p999_ms\": %.3f, \"slow_share\": %.5f}",
        &outcome == outcomes.data() ? "" : ",", outcome.algorithm.c_str(),
        static_cast<unsigned long long>(outcome.requests), outcome.mean_ms, outcome.p50_ms,
        outcome.p99_ms, outcome.p999_ms, outcome.slow_share);
  }
  return text + "]}";
}

}  // namespace weir::simulation
