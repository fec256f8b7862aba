// A prober that was starved itself (SIGSTOP, a paused virtual machine, a callback that took too
// long) must not mark the world down.

#include <algorithm>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/control/probe_pace.h"
#include "test/control/checked_cluster.h"

namespace weir::control {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;
using upstream::Health;
using Manner = upstream::FakeEndpoints::Manner;

class ProberStarvedTest : public testing::Test {
 protected:
  int64_t starved() const { return cluster_.stats.valueOf("health_prober_starved_total"); }
  CheckedCluster cluster_;
  upstream::FakeEndpoints& endpoints_ = cluster_.endpoints;
};

TEST_F(ProberStarvedTest, AMinuteOfStandingStillTakesNobodyDown) {
  // So that a dead silence would be enough at once.
  cluster_.check().times.unhealthy_threshold = 1;
  endpoints_.latency = milliseconds(500);
  cluster_.putMany(1000);
  cluster_.apply();
  cluster_.advance(10'000);
  for (int round = 1; round <= 3; ++round) {
    cluster_.mark();
    EXPECT_GT(endpoints_.in_flight, 20);
    // What is under way gets its answer too late, if at all.
    for (int i = 0; i < 1000; ++i) {
      endpoints_.set("e" + std::to_string(i), i % 2 == 0 ? Manner::kSilent : Manner::kPass);
    }
    cluster_.advance(400);
    const int64_t voided = cluster_.results("void");
    endpoints_.setAll(Manner::kPass);
    for (int i = 0; i < 1000; ++i) endpoints_.set("e" + std::to_string(i), Manner::kPass);
    cluster_.dispatcher.standStill(milliseconds(60'000));
    cluster_.mark();
    cluster_.advance(10'000);
    EXPECT_THAT(cluster_.changes, IsEmpty());
    EXPECT_EQ(starved(), round) << "once for each time";
    const int64_t again = cluster_.results("void") - voided;
    EXPECT_GT(again, 0);
    EXPECT_LT(again, 200) << "only what was under way";
    EXPECT_EQ(cluster_.results("timeout"), 0);
    // The schedule goes on where it was, rather than all at once.
    int first_second = 0;
    for (const auto& one : endpoints_.asked) {
      first_second += one.at < endpoints_.asked.front().at + milliseconds(1000) ? 1 : 0;
    }
    EXPECT_LT(first_second, 600);
    EXPECT_GT(endpoints_.asked.size(), 1500u);
  }
}

TEST_F(ProberStarvedTest, FailuresOfThatTimeAreVoidAndPassesCount) {
  cluster_.check().times.unhealthy_threshold = 1;
  cluster_.check().times.jitter_percent = 0;
  endpoints_.latency = milliseconds(1000);
  cluster_.put("fails", "10.0.0.1:80");
  cluster_.put("passes", "10.0.0.2:80");
  cluster_.apply();
  cluster_.advance(1100);
  endpoints_.set("fails", Manner::kFail);
  cluster_.advance(4000);
  EXPECT_EQ(endpoints_.in_flight, 2);
  const int64_t passes = cluster_.results("pass");
  cluster_.dispatcher.standStill(milliseconds(2000));
  cluster_.dispatcher.runUntilIdle();
  EXPECT_EQ(cluster_.results("void"), 1);
  EXPECT_EQ(cluster_.results("pass"), passes + 1);
  EXPECT_EQ(cluster_.health("fails"), Health::kHealthy);
  // It is asked again within a second, and then it counts.
  cluster_.advance(2100);
  EXPECT_EQ(cluster_.health("fails"), Health::kUnhealthy);
  EXPECT_EQ(cluster_.results("void"), 1);
}

TEST_F(ProberStarvedTest, AShortHiccupExcusesNobody) {
  cluster_.check().times.jitter_percent = 0;
  cluster_.check().times.unhealthy_threshold = 1;
  endpoints_.set("a", Manner::kSilent);
  cluster_.put("a");
  cluster_.apply();
  cluster_.advance(1000);
  cluster_.dispatcher.standStill(milliseconds(1200));
  cluster_.advance(1000);
  EXPECT_EQ(cluster_.health("a"), Health::kUnhealthy);
  EXPECT_EQ(cluster_.results("void"), 0);
  EXPECT_EQ(starved(), 0);
}

TEST_F(ProberStarvedTest, ManyShortOnesAddUp) {
  cluster_.check().times.unhealthy_threshold = 1;
  endpoints_.set("a", Manner::kSilent);
  cluster_.put("a");
  cluster_.apply();
  for (int i = 0; i < 4; ++i) {
    cluster_.advance(100);
    cluster_.dispatcher.standStill(milliseconds(700));
  }
  cluster_.advance(500);
  EXPECT_EQ(cluster_.health("a"), Health::kUnknown);
  EXPECT_EQ(cluster_.results("void"), 1);
}

TEST_F(ProberStarvedTest, StandingStillWhileNothingIsAskedIsNoMatter) {
  cluster_.check().times.jitter_percent = 0;
  cluster_.put("a");
  cluster_.apply();
  cluster_.advance(1000);
  cluster_.mark();
  cluster_.dispatcher.standStill(milliseconds(3'600'000));
  cluster_.advance(5100);
  EXPECT_EQ(starved(), 0);
  EXPECT_GE(cluster_.probes("a").size(), 1u);
  EXPECT_EQ(cluster_.health("a"), Health::kHealthy);
}

TEST_F(ProberStarvedTest, AnEndpointThatDiedMeanwhileIsFoundInTheUsualTime) {
  endpoints_.latency = milliseconds(10);
  cluster_.putMany(100);
  cluster_.apply();
  cluster_.advance(10'000);
  for (int i = 0; i < 10; ++i) {
    const std::string id = "e" + std::to_string(i * 7);
    endpoints_.set(id, Manner::kFail);
    cluster_.dispatcher.standStill(milliseconds(30'000));
    EXPECT_LE(cluster_.advanceUntil(id, Health::kUnhealthy), 5500 + 3000 + 1000);
  }
}

TEST_F(ProberStarvedTest, ALoopThatIsAlwaysLateStillAsksEverybody) {
  cluster_.putMany(200);
  cluster_.apply();
  cluster_.advance(10'000);
  cluster_.mark();
  for (int i = 0; i < 100; ++i) {
    cluster_.dispatcher.standStill(milliseconds(700));
    cluster_.advance(10);
  }
  for (const auto& [id, member] : cluster_.members) EXPECT_GE(cluster_.probes(id).size(), 6u) << id;
  // And finds out who is down, as far as what he says comes in good time.
  endpoints_.set("e7", Manner::kFail);
  int turns = 0;
  while (cluster_.health("e7") != Health::kUnhealthy && ++turns < 100) {
    cluster_.dispatcher.standStill(milliseconds(700));
    cluster_.advance(10);
  }
  EXPECT_LT(turns, 20);
}

TEST_F(ProberStarvedTest, TroubleRightAfterItIsLookedInto) {
  cluster_.put("a");
  cluster_.apply();
  cluster_.advance(1000);
  endpoints_.set("a", Manner::kFail);
  cluster_.dispatcher.standStill(milliseconds(60'000));
  cluster_.trouble("a");
  EXPECT_LE(cluster_.advanceUntil("a", Health::kUnhealthy), 3000);
}

}  // namespace
}  // namespace weir::control
