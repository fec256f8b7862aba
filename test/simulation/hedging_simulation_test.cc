// What second attempts and retries do to the time that requests take, and what they cost: prints
// the tables of docs/retries.md, and holds them to what they are for.

#include "test/simulation/hedging_simulation.h"

#include <cstdio>
#include <map>

#include "gtest/gtest.h"

namespace weir::simulation {
namespace {

constexpr uint64_t kRequests = 60'000;

// By strategy.
std::map<std::string, TroubledOutcome> run(const std::string& name) {
  std::map<std::string, TroubledOutcome> by_name;
  for (const TroubledScenario& scenario : troubledScenarios()) {
    if (scenario.name != name) continue;
    std::vector<TroubledOutcome> outcomes;
    for (const Strategy& strategy : strategies()) {
      outcomes.push_back(simulate(strategy, scenario, kRequests, 1));
      by_name[strategy.name] = outcomes.back();
    }
    std::printf("%s\n", table(scenario, outcomes).c_str());
  }
  EXPECT_FALSE(by_name.empty()) << name;
  return by_name;
}

TEST(HedgingSimulation, LatePacketsAreNotWaitedFor) {
  auto of = run("packets");
  EXPECT_GT(of["nothing"].p99_ms, 150);
  EXPECT_LT(of["hedge at 95 %"].p99_ms, of["nothing"].p99_ms * 0.4);
  EXPECT_LT(of["hedge at 95 %"].p999_ms, of["nothing"].p999_ms * 0.6);
  EXPECT_LT(of["hedge at 95 %"].extra_percent, 8);
  EXPECT_GT(of["hedge at 95 %"].extra_percent, 2);
}

TEST(HedgingSimulation, NorArePauses) {
  auto of = run("pauses");
  EXPECT_LT(of["hedge at 95 %"].p999_ms, of["nothing"].p999_ms * 0.7);
}

TEST(HedgingSimulation, TheBudgetBoundsTheCost) {
  auto of = run("packets");
  EXPECT_LT(of["hedge at 95 %, budget 2 %"].extra_percent, 2.2);
}

TEST(HedgingSimulation, RetriesHideFailures) {
  auto of = run("failures");
  EXPECT_GT(of["nothing"].failed_percent, 1);
  EXPECT_LT(of["retry"].failed_percent, 0.1);
  EXPECT_LT(of["retry"].extra_percent, 4);
  EXPECT_LT(of["hedge at 95 %, retry"].failed_percent, 0.1);
}

// Where nothing is to spare, what is added makes it worse: it is no more than the budget.
TEST(HedgingSimulation, WhoIsBusyGetsNoMoreThanTheBudget) {
  auto of = run("overload");
  EXPECT_LT(of["hedge at 95 %"].extra_percent, 5.5);
  EXPECT_LT(of["hedge at 95 %, budget 2 %"].extra_percent, 2.2);
}

}  // namespace
}  // namespace weir::simulation
