// The short version of what docs/balancing-simulation.md reports: prints the tables, and holds the
// algorithms to what they are for.

#include "test/simulation/balancing_simulation.h"

#include <cstdio>
#include <map>

#include "gtest/gtest.h"

namespace weir::simulation {
namespace {

constexpr uint64_t kRequests = 40'000;

// By algorithm.
std::map<std::string, Outcome> run(const std::string& name) {
  std::map<std::string, Outcome> by_name;
  for (const Scenario& scenario : scenarios()) {
    if (scenario.name != name) continue;
    std::vector<Outcome> outcomes;
    for (const Contender& contender : contenders()) {
      outcomes.push_back(simulate(contender, scenario, kRequests, 1));
      by_name[contender.name] = outcomes.back();
    }
    std::printf("%s\n", table(scenario, outcomes).c_str());
  }
  EXPECT_FALSE(by_name.empty()) << name;
  return by_name;
}

Contender named(const std::string& name) {
  for (const Contender& contender : contenders()) {
    if (contender.name == name) return contender;
  }
  ADD_FAILURE() << name;
  return {};
}

constexpr const char* kByLatency[] = {"least_time", "prequal, observed", "prequal, probed"};

// Round robin overloads the slow one.
TEST(BalancingSimulation, LatencyAwareOnesLeaveTheSlowOneAlone) {
  auto of = run("slow");
  for (const char* algorithm : kByLatency) {
    EXPECT_LT(of[algorithm].p99_ms, of["round_robin"].p99_ms * 0.1) << algorithm;
    EXPECT_LT(of[algorithm].p99_ms, of["least_request"].p99_ms * 0.97) << algorithm;
    EXPECT_LT(of[algorithm].slow_share, of["round_robin"].slow_share * 0.4) << algorithm;
  }
}

// Here the slow one has room: all that can be saved is its slowness.
TEST(BalancingSimulation, AlsoWhenItHasRoom) {
  auto of = run("slow_idle");
  for (const char* algorithm : kByLatency) {
    EXPECT_LT(of[algorithm].p99_ms, of["round_robin"].p99_ms * 0.8) << algorithm;
    EXPECT_LT(of[algorithm].p99_ms, of["least_request"].p99_ms * 0.95) << algorithm;
  }
}

TEST(BalancingSimulation, TheyNoticeWhenItBecomesSlow) {
  auto of = run("slow_midway");
  for (const char* algorithm : kByLatency) {
    EXPECT_LT(of[algorithm].p99_ms, of["round_robin"].p99_ms * 0.5) << algorithm;
    EXPECT_LT(of[algorithm].p99_ms, of["least_request"].p99_ms * 1.1) << algorithm;
  }
}

TEST(BalancingSimulation, NothingIsLostWhenAllAreAlike) {
  auto of = run("alike");
  for (const char* algorithm : kByLatency) {
    EXPECT_LT(of[algorithm].p99_ms, of["round_robin"].p99_ms * 1.05) << algorithm;
    EXPECT_LT(of[algorithm].p50_ms, of["least_request"].p50_ms * 1.2) << algorithm;
  }
}

TEST(BalancingSimulation, PassingTroubleIsAvoided) {
  auto of = run("antagonists");
  for (const char* algorithm : kByLatency) {
    EXPECT_LT(of[algorithm].p99_ms, of["round_robin"].p99_ms * 0.5) << algorithm;
  }
}

TEST(BalancingSimulation, BoundedLoadsNeverExceedTheirFactor) {
  for (const Scenario& scenario : scenarios()) {
    uint64_t violations = 0;
    simulate(named("ring_hash, bounded 125 %"), scenario, kRequests, 1, 1.25, &violations);
    EXPECT_EQ(violations, 0u) << scenario.name;
  }
  // Without a bound they do: the check is one.
  uint64_t violations = 0;
  simulate(named("ring_hash"), scenarios().front(), kRequests, 1, 1.25, &violations);
  EXPECT_GT(violations, 1'000u);
}

TEST(BalancingSimulation, IsTheSameEachTime) {
  const Scenario scenario = scenarios().back();
  const Contender contender = named("prequal, probed");
  const Outcome once = simulate(contender, scenario, 5'000, 7);
  const Outcome again = simulate(contender, scenario, 5'000, 7);
  EXPECT_EQ(once.mean_ms, again.mean_ms);
  EXPECT_EQ(once.p999_ms, again.p999_ms);
  EXPECT_NE(once.mean_ms, simulate(contender, scenario, 5'000, 8).mean_ms);
}

}  // namespace
}  // namespace weir::simulation
