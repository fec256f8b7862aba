// When checks ask: detection times, traffic that meets trouble, clusters without traffic, many
// endpoints.

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/random.h"
#include "source/control/probe_pace.h"
#include "test/control/checked_cluster.h"

namespace weir::control {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using upstream::Health;
using upstream::Trouble;
using Manner = upstream::FakeEndpoints::Manner;

class HealthChecksScheduleTest : public testing::Test {
 protected:
  void begin(int64_t ms = 10) {
    cluster_.apply();
    cluster_.advance(ms);
  }
  CheckedCluster cluster_;
  upstream::FakeEndpoints& endpoints_ = cluster_.endpoints;
  base::Random random_{42};
};

// --- Detection at the defaults ---

TEST_F(HealthChecksScheduleTest, WithoutTrafficADeadEndpointIsOutWithinTheIntervalAndThreeSeconds) {
  cluster_.put("a");
  begin();
  int64_t longest = 0;
  for (int round = 0; round < 200; ++round) {
    cluster_.advance(static_cast<int64_t>(random_.uniform(12'000)));
    endpoints_.set("a", Manner::kFail);
    const int64_t took = cluster_.advanceUntil("a", Health::kUnhealthy);
    ASSERT_GE(took, 1000);
    longest = std::max(longest, took);
    endpoints_.set("a", Manner::kPass);
    ASSERT_GE(cluster_.advanceUntil("a", Health::kHealthy), 0);
  }
  EXPECT_LE(longest, 5500 + 3000);
  EXPECT_GT(longest, 5000) << "else this does not test much";
  RecordProperty("longest_ms", static_cast<int>(longest));
}

TEST_F(HealthChecksScheduleTest, UnderTrafficADeadEndpointIsOutWithinThreeSeconds) {
  cluster_.put("a");
  begin();
  int64_t longest = 0;
  for (int round = 0; round < 200; ++round) {
    // There may be trouble that a probe does not see.
    if (round % 3 == 0) cluster_.trouble("a");
    cluster_.advance(static_cast<int64_t>(random_.uniform(round % 2 == 0 ? 300 : 12'000)));
    endpoints_.set("a", Manner::kFail);
    const event::MonotonicTime from = cluster_.dispatcher.now();
    for (int i = 0; cluster_.health("a") != Health::kUnhealthy; ++i) {
      ASSERT_LT(i, 10'000);
      cluster_.trouble("a", i % 2 == 0 ? Trouble::kConnectFailure : Trouble::kConnectTimeout);
      cluster_.advance(static_cast<int64_t>(1 + random_.uniform(50)));
    }
    const auto took =
        std::chrono::duration_cast<milliseconds>(cluster_.dispatcher.now() - from).count();
    longest = std::max(longest, static_cast<int64_t>(took));
    endpoints_.set("a", Manner::kPass);
    ASSERT_GE(cluster_.advanceUntil("a", Health::kHealthy), 0);
  }
  EXPECT_LE(longest, 3000);
  RecordProperty("longest_ms", static_cast<int>(longest));
}

TEST_F(HealthChecksScheduleTest, ARecoveryTakesHealthyThresholdPassesAConfirmIntervalApart) {
  endpoints_.set("a", Manner::kFail);
  cluster_.check().times.healthy_threshold = 4;
  cluster_.put("a");
  begin();
  for (int round = 0; round < 50; ++round) {
    cluster_.advance(static_cast<int64_t>(random_.uniform(12'000)));
    endpoints_.set("a", Manner::kPass);
    cluster_.mark();
    const int64_t took = cluster_.advanceUntil("a", Health::kHealthy);
    EXPECT_LE(took, 5500 + 3 * 1100 + 20);
    const std::vector<int64_t> probes = cluster_.probes("a");
    ASSERT_THAT(probes, SizeIs(4));
    for (size_t i = 1; i < probes.size(); ++i) {
      EXPECT_GE(probes[i] - probes[i - 1], 900);
      EXPECT_LE(probes[i] - probes[i - 1], 1110);
    }
    endpoints_.set("a", Manner::kFail);
    ASSERT_GE(cluster_.advanceUntil("a", Health::kUnhealthy), 0);
  }
}

TEST_F(HealthChecksScheduleTest, JitterKeepsWithinItsPart) {
  cluster_.put("a");
  begin();
  cluster_.advance(1'000'000);
  const std::vector<int64_t> probes = cluster_.probes("a");
  int64_t least = 10'000, most = 0;
  for (size_t i = 1; i < probes.size(); ++i) {
    least = std::min(least, probes[i] - probes[i - 1]);
    most = std::max(most, probes[i] - probes[i - 1]);
  }
  EXPECT_GE(least, 4500);
  EXPECT_LE(most, 5510);
  EXPECT_LT(least, 4700);
  EXPECT_GT(most, 5300);
}

TEST_F(HealthChecksScheduleTest, AnIntervalIsFromBeginningToBeginning) {
  cluster_.check().times.jitter_percent = 0;
  endpoints_.latency = milliseconds(2000);
  cluster_.put("a");
  begin();
  cluster_.advance(16'000);
  EXPECT_THAT(cluster_.probes("a"), ElementsAre(0, 5000, 10'000, 15'000));
}

// --- Trouble in traffic ---

TEST_F(HealthChecksScheduleTest, TroubleBringsACheckAtOnceButNotOneForEachOfMany) {
  cluster_.check().times.jitter_percent = 0;
  cluster_.put("a");
  begin();
  cluster_.advance(2000);
  cluster_.mark();
  for (int i = 0; i < 199; ++i) {
    cluster_.trouble("a");
    cluster_.advance(10);
  }
  // The first at once, then, as nothing was found, two a second.
  EXPECT_THAT(cluster_.probes("a"), ElementsAre(0, 500, 1000, 1500));
  EXPECT_EQ(cluster_.health("a"), Health::kHealthy);
  cluster_.advance(10'000);
  EXPECT_THAT(cluster_.probes("a"), ElementsAre(0, 500, 1000, 1500, 2000, 7000))
      << "and at the usual pace again";
}

TEST_F(HealthChecksScheduleTest, AProbeThatWasUnderWayWhenTroubleCameIsFollowedByAnother) {
  cluster_.check().times.jitter_percent = 0;
  endpoints_.latency = milliseconds(300);
  cluster_.put("a");
  begin();
  cluster_.advance(5100);
  EXPECT_EQ(endpoints_.in_flight, 1);
  cluster_.mark();
  cluster_.trouble("a");
  cluster_.trouble("a");
  cluster_.advance(1000);
  EXPECT_THAT(cluster_.probes("a"), ElementsAre(190));
}

TEST_F(HealthChecksScheduleTest, WhatIsBeingConfirmedKeepsItsPace) {
  cluster_.check().times.jitter_percent = 0;
  cluster_.put("a");
  begin();
  endpoints_.set("a", Manner::kFail);
  cluster_.mark();
  for (int i = 0; i < 300; ++i) {
    cluster_.trouble("a");
    cluster_.advance(10);
  }
  EXPECT_THAT(cluster_.probes("a"), ElementsAre(90, 1090, 2090))
      << "a tenth of a second after the last, and then thresholds keep their meaning";
  EXPECT_EQ(cluster_.health("a"), Health::kUnhealthy);
}

TEST_F(HealthChecksScheduleTest, TroubleWithOneThatIsDownOrUnknownIsNoNews) {
  endpoints_.set("a", Manner::kFail);
  cluster_.put("a");
  begin();
  cluster_.mark();
  cluster_.trouble("a");
  cluster_.trouble("nobody");
  cluster_.advance(1000);
  EXPECT_THAT(endpoints_.asked, IsEmpty());
  // Nor is what outliers are found by.
  endpoints_.set("a", Manner::kPass);
  ASSERT_GE(cluster_.advanceUntil("a", Health::kHealthy), 0);
  cluster_.mark();
  cluster_.trouble("a", Trouble::kRunOf5xx);
  cluster_.advance(1000);
  EXPECT_THAT(endpoints_.asked, IsEmpty());
}

// --- No traffic ---

class NoTrafficTest : public HealthChecksScheduleTest {
 protected:
  NoTrafficTest() {
    cluster_.check().times.jitter_percent = 0;
    cluster_.check().times.no_traffic_interval = milliseconds(60'000);
  }
};

TEST_F(NoTrafficTest, ChecksAreFewer) {
  cluster_.put("a");
  begin();
  cluster_.advance(150'000);
  EXPECT_THAT(cluster_.probes("a"), ElementsAre(0, 60'000, 120'000));
}

TEST_F(NoTrafficTest, TheFirstTrafficBringsTheUsualPace) {
  cluster_.put("a");
  begin();
  cluster_.advance(20'000);
  cluster_.mark();
  for (int second = 0; second < 20; ++second) {
    cluster_.traffic();
    cluster_.advance(1000);
  }
  const std::vector<int64_t> probes = cluster_.probes("a");
  ASSERT_THAT(probes, SizeIs(4));
  EXPECT_LE(probes[0], 2100);
  EXPECT_EQ(probes[1] - probes[0], 5000);
  // The next pause began with traffic.
  cluster_.mark();
  cluster_.advance(100'000);
  EXPECT_LE(cluster_.probes("a").size(), 3u);
}

TEST_F(NoTrafficTest, AChangeIsConfirmedAsFastAsEver) {
  cluster_.put("a");
  begin();
  cluster_.mark();
  endpoints_.set("a", Manner::kFail);
  cluster_.advance(65'000);
  EXPECT_THAT(cluster_.probes("a"), ElementsAre(59'990, 60'990, 61'990));
  EXPECT_EQ(cluster_.health("a"), Health::kUnhealthy);
}

TEST_F(NoTrafficTest, TroubleDoesNotWait) {
  cluster_.put("a");
  begin();
  cluster_.advance(30'000);
  endpoints_.set("a", Manner::kFail);
  cluster_.mark();
  cluster_.trouble("a");
  cluster_.advance(2500);
  EXPECT_EQ(cluster_.health("a"), Health::kUnhealthy);
}

TEST_F(NoTrafficTest, AConfigurationWithoutItEndsIt) {
  cluster_.put("a");
  begin();
  cluster_.advance(30'000);
  cluster_.mark();
  cluster_.check().times.no_traffic_interval = cluster_.check().times.interval;
  cluster_.apply();
  cluster_.advance(5000);
  EXPECT_GE(cluster_.probes("a").size(), 1u);
}

// --- Many ---

TEST_F(HealthChecksScheduleTest, FirstProbesOfFewComeAtOnceAndOfManyOverTheInterval) {
  cluster_.putMany(ClusterCheck::kAtOnce);
  begin();
  EXPECT_THAT(endpoints_.asked, SizeIs(ClusterCheck::kAtOnce));

  CheckedCluster large;
  large.putMany(5000);
  large.apply();
  large.advance(1000);
  EXPECT_GT(large.endpoints.asked.size(), 900u);
  EXPECT_LT(large.endpoints.asked.size(), 1100u);
  large.advance(4100);
  for (const auto& [id, member] : large.members) EXPECT_EQ(member.checked, Health::kHealthy) << id;
  // And evenly from then on.
  large.advance(10'000);
  large.mark();
  std::map<int64_t, int> by_second;
  large.advance(5000);
  for (const auto& one : large.endpoints.asked) {
    ++by_second[(one.at - large.dispatcher.now()) / std::chrono::seconds(1)];
  }
  for (const auto& [second, count] : by_second) {
    EXPECT_GT(count, 700) << second;
    EXPECT_LT(count, 1400) << second;
  }
}

TEST_F(HealthChecksScheduleTest, NotTooManyBeginInOneTurn) {
  std::vector<std::unique_ptr<int>> nothing;
  // Twenty checks of thirty endpoints each, which would all come at once.
  for (size_t i = 0; i < 8; ++i) cluster_.check(i).times.interval = milliseconds(5000);
  cluster_.putMany(ClusterCheck::kAtOnce);
  cluster_.apply();
  cluster_.dispatcher.runUntilIdle();
  cluster_.advance(1);
  EXPECT_LE(endpoints_.asked.size(), 2 * ProbePace::kMostPerTurn);
  cluster_.advance(100);
  EXPECT_THAT(endpoints_.asked, SizeIs(8 * ClusterCheck::kAtOnce));
}

TEST_F(HealthChecksScheduleTest, NotTooManyAreUnderWay) {
  endpoints_.setAll(Manner::kSilent);
  cluster_.check().times.timeout = milliseconds(5000);
  cluster_.putMany(2 * ProbePace::kMostInFlight);
  begin(5100);
  EXPECT_EQ(endpoints_.most_in_flight, static_cast<int>(ProbePace::kMostInFlight));
  // Others have their turn when the first have had their time.
  cluster_.advance(6000);
  EXPECT_GT(endpoints_.asked.size(), 3 * ProbePace::kMostInFlight / 2);
  EXPECT_EQ(endpoints_.most_in_flight, static_cast<int>(ProbePace::kMostInFlight));
}

TEST_F(HealthChecksScheduleTest, OneOfManyIsFoundInTime) {
  cluster_.putMany(2000);
  begin(10'000);
  for (const std::string id : {"e0", "e999", "e1999"}) {
    endpoints_.set(id, Manner::kFail);
    const int64_t took = cluster_.advanceUntil(id, Health::kUnhealthy);
    EXPECT_GE(took, 1000);
    EXPECT_LE(took, 5500 + 3000);
  }
}

}  // namespace
}  // namespace weir::control
