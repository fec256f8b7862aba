// Runs every algorithm through every scenario and prints JSON for tools/balancing_plot:
//   simulate [REQUESTS [SEED]]

#include <cstdio>
#include <cstdlib>

#include "test/simulation/balancing_simulation.h"

int main(int argc, char** argv) {
  using namespace weir::simulation;
  const uint64_t requests = argc > 1 ? std::strtoull(argv[1], nullptr, 10) : 400'000;
  const uint64_t seed = argc > 2 ? std::strtoull(argv[2], nullptr, 10) : 1;
  if (requests < 1'000 || requests > 100'000'000) {
    std::fprintf(stderr, "simulate [REQUESTS [SEED]]: requests are 1000 to 100000000\n");
    return 2;
  }
  std::printf("{\"requests\": %llu, \"seed\": %llu, \"scenarios\": [",
              static_cast<unsigned long long>(requests), static_cast<unsigned long long>(seed));
  const char* separator = "\n";
  for (const Scenario& scenario : scenarios()) {
    std::vector<Outcome> outcomes;
    for (const Contender& contender : contenders()) {
      outcomes.push_back(simulate(contender, scenario, requests, seed));
    }
    std::fprintf(stderr, "%s\n", table(scenario, outcomes).c_str());
    std::printf("%s%s", separator, json(scenario, outcomes).c_str());
    separator = ",\n";
  }
  std::printf("]}\n");
}
