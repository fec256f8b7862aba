// What checks make of endpoints: states, thresholds, several checks, configurations, operators.

#include "source/control/health_checks.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/control/checked_cluster.h"

namespace weir::control {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using testing::UnorderedElementsAre;
using upstream::Health;
using Manner = upstream::FakeEndpoints::Manner;

class HealthChecksTest : public testing::Test {
 protected:
  HealthChecksTest() { cluster_.check().times.jitter_percent = 0; }
  void begin() {
    cluster_.apply();
    cluster_.advance(10);
  }
  CheckedCluster cluster_;
  upstream::FakeEndpoints& endpoints_ = cluster_.endpoints;
};

TEST_F(HealthChecksTest, AnEndpointIsUnknownUntilItsFirstCheckWhichDecidesAlone) {
  cluster_.put("a", "10.0.0.1:80");
  cluster_.put("b", "10.0.0.2:80");
  cluster_.put("d", "10.0.0.3:80");
  endpoints_.set("b", Manner::kFail);
  endpoints_.set("d", Manner::kDegraded);
  cluster_.apply();
  EXPECT_EQ(cluster_.health("a"), Health::kUnknown);
  EXPECT_THAT(endpoints_.asked, IsEmpty()) << "not from inside follow()";
  cluster_.advance(10);
  EXPECT_EQ(cluster_.health("a"), Health::kHealthy);
  EXPECT_EQ(cluster_.health("b"), Health::kUnhealthy);
  EXPECT_EQ(cluster_.health("d"), Health::kDegraded);
  ASSERT_THAT(cluster_.changes, SizeIs(3));
  for (const CheckedCluster::Change& change : cluster_.changes) {
    EXPECT_EQ(change.observer, "check fake");
    EXPECT_LE(change.at_ms, 10);
    EXPECT_EQ(change.cause, change.endpoint == "a"   ? "passed"
                            : change.endpoint == "b" ? "refused"
                                                     : "asks for less traffic");
  }
  EXPECT_EQ(cluster_.results("pass"), 1);
  EXPECT_EQ(cluster_.results("fail"), 1);
  EXPECT_EQ(cluster_.results("degraded"), 1);
}

TEST_F(HealthChecksTest, GoesDownByThreeFailuresAndComesBackByTwoPasses) {
  cluster_.put("a");
  begin();
  cluster_.mark();
  endpoints_.set("a", Manner::kFail);
  cluster_.advance(20'000);
  // The next one in its turn, then two a second apart; down, it is asked at the usual pace.
  EXPECT_THAT(cluster_.probes("a"), ElementsAre(4990, 5990, 6990, 11'990, 16'990));
  ASSERT_THAT(cluster_.changes, SizeIs(1));
  EXPECT_EQ(cluster_.changes[0].health, Health::kUnhealthy);
  EXPECT_EQ(cluster_.changes[0].at_ms, 6990);
  EXPECT_EQ(cluster_.changes[0].cause, "refused (3 in a row)");
  cluster_.mark();
  endpoints_.set("a", Manner::kPass);
  cluster_.advance(10'000);
  EXPECT_THAT(cluster_.probes("a"), ElementsAre(1990, 2990, 7990));
  ASSERT_THAT(cluster_.changes, SizeIs(1));
  EXPECT_EQ(cluster_.changes[0].health, Health::kHealthy);
  EXPECT_EQ(cluster_.changes[0].cause, "passed (2 in a row)");
}

TEST_F(HealthChecksTest, SilenceIsAFailureAfterTheTimeout) {
  cluster_.put("a");
  begin();
  cluster_.mark();
  endpoints_.set("a", Manner::kSilent);
  cluster_.advance(15'000);
  // A probe is not asked before the last one has had its time.
  EXPECT_THAT(cluster_.probes("a"), ElementsAre(4990, 7990, 10'990));
  ASSERT_THAT(cluster_.changes, SizeIs(1));
  EXPECT_EQ(cluster_.changes[0].at_ms, 13'990);
  EXPECT_EQ(cluster_.changes[0].cause, "no answer within 3 s (3 in a row)");
  EXPECT_EQ(cluster_.results("timeout"), 3);
  EXPECT_EQ(endpoints_.cancelled, 3);
  EXPECT_EQ(endpoints_.in_flight, 0);
}

TEST_F(HealthChecksTest, ALateAnswerOfAProbeThatWasGivenUpChangesNothing) {
  cluster_.put("a");
  begin();
  endpoints_.latency = milliseconds(3500);
  cluster_.advance(14'000);
  EXPECT_EQ(cluster_.health("a"), Health::kUnhealthy);
  cluster_.advance(60'000);
  EXPECT_EQ(cluster_.health("a"), Health::kUnhealthy);
  EXPECT_EQ(cluster_.stale, 0);
}

TEST_F(HealthChecksTest, WhatIsSkippedSaysNothing) {
  cluster_.put("a");
  endpoints_.set("a", Manner::kSkip);
  begin();
  cluster_.advance(2990);
  EXPECT_EQ(cluster_.health("a"), Health::kUnknown);
  EXPECT_THAT(cluster_.probes("a"), ElementsAre(0, 1000, 2000, 3000))
      << "it is still to be found out";
  endpoints_.set("a", Manner::kPass);
  cluster_.advance(1000);
  EXPECT_EQ(cluster_.health("a"), Health::kHealthy);
  endpoints_.set("a", Manner::kSkip);
  cluster_.mark();
  cluster_.advance(30'000);
  EXPECT_EQ(cluster_.health("a"), Health::kHealthy);
  EXPECT_THAT(cluster_.probes("a"), SizeIs(6));
  EXPECT_EQ(cluster_.results("skipped"), 10);
}

TEST_F(HealthChecksTest, AProbeThatWaitsForItsTurnHasAllTheTimeInTheWorld) {
  cluster_.put("a");
  endpoints_.set("a", Manner::kQueued);
  begin();
  cluster_.advance(30'000);
  EXPECT_THAT(cluster_.probes("a"), ElementsAre(0));
  EXPECT_EQ(endpoints_.cancelled, 0);
  // Its time counts from here, and so does the interval.
  endpoints_.latency = milliseconds(2900);
  cluster_.dispatcher.post([this] { endpoints_.letBegin(); });
  cluster_.advance(2990);
  EXPECT_EQ(cluster_.health("a"), Health::kHealthy);
  endpoints_.set("a", Manner::kPass);
  cluster_.advance(5000);
  EXPECT_THAT(cluster_.probes("a"), ElementsAre(0, 35'010));
}

TEST_F(HealthChecksTest, AnEndpointThatLeavesWhileItIsAskedIsForgotten) {
  cluster_.put("a", "10.0.0.1:80");
  cluster_.put("b", "10.0.0.2:80");
  endpoints_.setAll(Manner::kSilent);
  begin();
  EXPECT_EQ(endpoints_.in_flight, 2);
  cluster_.drop("a");
  cluster_.apply(/*members_only=*/true);
  EXPECT_EQ(endpoints_.in_flight, 1);
  EXPECT_EQ(endpoints_.probes, 1);
  EXPECT_EQ(cluster_.stats.valueOf("health_probes_in_flight"), 1);
  cluster_.advance(10'000);
  EXPECT_EQ(cluster_.health("b"), Health::kUnhealthy);
  EXPECT_EQ(cluster_.stale, 0);
}

TEST_F(HealthChecksTest, AtAnotherAddressItIsAnotherEndpoint) {
  cluster_.put("a", "10.0.0.1:80");
  endpoints_.set("a", Manner::kFail);
  begin();
  EXPECT_EQ(cluster_.health("a"), Health::kUnhealthy);
  cluster_.mark();
  cluster_.put("a", "10.0.0.2:80");
  cluster_.apply(/*members_only=*/true);
  EXPECT_EQ(cluster_.health("a"), Health::kUnknown);
  endpoints_.set("a", Manner::kPass);
  cluster_.advance(10);
  EXPECT_EQ(cluster_.health("a"), Health::kHealthy);
  ASSERT_THAT(endpoints_.asked, SizeIs(1));
  EXPECT_EQ(endpoints_.asked[0].address.toString(), "10.0.0.2:80");
  EXPECT_EQ(cluster_.stale, 0);
}

TEST_F(HealthChecksTest, ALogicalEndpointKeepsItsHealthAtAnotherAddress) {
  const auto at = [&](const std::string& address) {
    cluster_.put({.id = "a", .address = *network::Address::parse(address), .logical = true});
  };
  at("10.0.0.1:80");
  begin();
  EXPECT_EQ(cluster_.health("a"), Health::kHealthy);
  endpoints_.set("a", Manner::kSilent);
  cluster_.advance(5000);
  EXPECT_EQ(endpoints_.in_flight, 1);
  cluster_.mark();
  at("10.0.0.2:80");
  cluster_.apply(/*members_only=*/true);
  EXPECT_EQ(endpoints_.in_flight, 0) << "who is asked there says nothing any more";
  cluster_.advance(10);
  ASSERT_THAT(endpoints_.asked, SizeIs(1));
  EXPECT_EQ(endpoints_.asked[0].address.toString(), "10.0.0.2:80");
  EXPECT_EQ(cluster_.health("a"), Health::kHealthy);
}

TEST_F(HealthChecksTest, ChecksGoToThePortTheyAreGiven) {
  cluster_.check().port = 9000;
  cluster_.put("a", "10.0.0.1:80");
  cluster_.put("six", "[::1]:80");
  cluster_.put("u", "unix:/tmp/a.sock");
  begin();
  std::vector<std::string> asked;
  for (const auto& one : endpoints_.asked) asked.push_back(one.address.toString());
  EXPECT_THAT(asked, UnorderedElementsAre("10.0.0.1:9000", "[::1]:9000", "unix:/tmp/a.sock"));
}

// --- Several checks ---

TEST_F(HealthChecksTest, AnEndpointIsAsWellAsTheWorstOfItsChecksSays) {
  cluster_.check(1).port = 1;
  cluster_.check(1).name = "other";
  cluster_.check(1).times = cluster_.check().times;
  cluster_.check(1).times.interval = milliseconds(7000);
  cluster_.put("a");
  begin();
  EXPECT_EQ(cluster_.health("a"), Health::kHealthy);
  EXPECT_THAT(cluster_.changes, SizeIs(1)) << "unknown as long as one of them has not been made";
  // Both ask the same fake, but not at the same time.
  endpoints_.set("a", Manner::kFail);
  EXPECT_GT(cluster_.advanceUntil("a", Health::kUnhealthy), 0);
  EXPECT_EQ(cluster_.changes.back().observer, "check fake");
  cluster_.advance(10'000);
  endpoints_.set("a", Manner::kPass);
  EXPECT_GT(cluster_.advanceUntil("a", Health::kHealthy), 0);
  cluster_.advance(20'000);
  EXPECT_EQ(cluster_.health("a"), Health::kHealthy);
  EXPECT_THAT(cluster_.changes, SizeIs(3)) << "it comes back once, when both say so";
  EXPECT_EQ(cluster_.stale, 0);
  EXPECT_GT(cluster_.results("pass", "other"), 0);
}

TEST_F(HealthChecksTest, ObservationsOfSeveralChecksAreNeverStale) {
  for (size_t i = 0; i < 4; ++i) {
    cluster_.check(i).times.interval = milliseconds(100 + 7 * i);
    cluster_.check(i).times.no_traffic_interval = cluster_.check(i).times.interval;
    cluster_.check(i).times.timeout = milliseconds(100);
    cluster_.check(i).times.confirm_interval = milliseconds(20 + i);
    cluster_.check(i).times.unhealthy_threshold = 1;
    cluster_.check(i).times.healthy_threshold = 1;
  }
  endpoints_.latency = milliseconds(13);
  cluster_.putMany(5);
  begin();
  base::Random random(3);
  for (int i = 0; i < 2000; ++i) {
    endpoints_.set("e" + std::to_string(random.uniform(5)), static_cast<Manner>(random.uniform(5)));
    cluster_.advance(static_cast<int64_t>(random.uniform(40)));
  }
  EXPECT_GT(cluster_.changes.size(), 100u);
  EXPECT_EQ(cluster_.stale, 0);
  for (int i = 0; i < 5; ++i) endpoints_.set("e" + std::to_string(i), Manner::kPass);
  cluster_.advance(1000);
  for (const auto& [id, member] : cluster_.members) EXPECT_EQ(member.checked, Health::kHealthy);
}

TEST_F(HealthChecksTest, WithoutTheCheckThatItWasDownByItIsUp) {
  cluster_.check(1).name = "other";
  cluster_.check(1).times.interval = milliseconds(3'600'000);
  cluster_.put("a");
  begin();
  endpoints_.set("a", Manner::kFail);
  EXPECT_GT(cluster_.advanceUntil("a", Health::kUnhealthy), 0);
  cluster_.dropCheck(0);
  cluster_.apply();
  EXPECT_EQ(cluster_.health("a"), Health::kHealthy);
  EXPECT_EQ(cluster_.changes.back().observer, "configuration");
  EXPECT_EQ(cluster_.stale, 0);
}

// --- Configurations ---

TEST_F(HealthChecksTest, ACheckOfTheSameIdentityGoesOnInItsTime) {
  cluster_.put("a");
  begin();
  endpoints_.set("a", Manner::kFail);
  cluster_.advance(6000);  // two failures
  EXPECT_THAT(cluster_.probes("a"), ElementsAre(0, 5000, 6000));
  cluster_.apply();
  EXPECT_EQ(endpoints_.checkers_made, 2) << "with the secrets of the new configuration";
  EXPECT_EQ(endpoints_.checkers, 1);
  cluster_.advance(1000);
  EXPECT_THAT(cluster_.probes("a"), ElementsAre(0, 5000, 6000, 7000));
  EXPECT_EQ(cluster_.health("a"), Health::kUnhealthy) << "the third";
}

TEST_F(HealthChecksTest, TimesMayChangeWhileItGoesOn) {
  cluster_.check().times.interval = milliseconds(3'600'000);
  cluster_.check().times.no_traffic_interval = milliseconds(3'600'000);
  cluster_.put("a");
  begin();
  cluster_.advance(60'000);
  EXPECT_THAT(cluster_.probes("a"), ElementsAre(0));
  cluster_.mark();
  cluster_.check().times = {};
  cluster_.check().times.unhealthy_threshold = 1;
  cluster_.apply();
  endpoints_.set("a", Manner::kFail);
  cluster_.advance(5500);
  EXPECT_EQ(cluster_.health("a"), Health::kUnhealthy);
}

TEST_F(HealthChecksTest, AnInterruptedProbeIsMadeAgain) {
  cluster_.put("a");
  endpoints_.set("a", Manner::kSilent);
  begin();
  cluster_.apply();
  EXPECT_EQ(endpoints_.in_flight, 0);
  endpoints_.set("a", Manner::kPass);
  cluster_.advance(10);
  EXPECT_EQ(cluster_.health("a"), Health::kHealthy);
  EXPECT_EQ(cluster_.results("timeout") + cluster_.results("fail"), 0);
}

TEST_F(HealthChecksTest, WithAnotherCheckTheHealthStaysUntilThatSaysOtherwise) {
  cluster_.put("down", "10.0.0.1:80");
  cluster_.put("up", "10.0.0.2:80");
  endpoints_.set("down", Manner::kFail);
  begin();
  endpoints_.setAll(Manner::kSilent);
  endpoints_.set("down", Manner::kSilent);
  cluster_.mark();
  cluster_.check().identity = "another";
  cluster_.apply();
  cluster_.advance(2900);
  EXPECT_THAT(cluster_.changes, IsEmpty());
  EXPECT_EQ(cluster_.health("up"), Health::kHealthy);
  EXPECT_EQ(cluster_.health("down"), Health::kUnhealthy);
  // Its first word counts alone.
  cluster_.advance(200);
  ASSERT_THAT(cluster_.changes, SizeIs(1));
  EXPECT_EQ(cluster_.changes[0].endpoint, "up");
}

TEST_F(HealthChecksTest, NoChecksAnyMoreAndAgain) {
  cluster_.put("a");
  begin();
  const upstream::HealthCheckConfig check = cluster_.check();
  cluster_.dropCheck(0);
  cluster_.apply();
  cluster_.advance(20'000);
  EXPECT_EQ(endpoints_.checkers + endpoints_.probes, 0);
  cluster_.mark();
  cluster_.check() = check;
  cluster_.apply();
  endpoints_.set("a", Manner::kFail);
  cluster_.advance(10);
  EXPECT_EQ(cluster_.health("a"), Health::kUnhealthy);
  EXPECT_EQ(cluster_.stale, 0);
}

// --- Operators ---

TEST_F(HealthChecksTest, DisabledEndpointsAreNotCheckedAndDrainingOnesAre) {
  cluster_.put("a", "10.0.0.1:80");
  cluster_.put("b", "10.0.0.2:80");
  endpoints_.set("a", Manner::kFail);
  begin();
  cluster_.operate("a", upstream::OperatorState::kDisabled);
  cluster_.operate("b", upstream::OperatorState::kDraining);
  cluster_.mark();
  cluster_.advance(20'000);
  EXPECT_THAT(cluster_.probes("a"), IsEmpty());
  EXPECT_THAT(cluster_.probes("b"), SizeIs(4));
  EXPECT_EQ(endpoints_.probes, 1);
  // Back again it is what it was, and is asked at once.
  EXPECT_EQ(cluster_.health("a"), Health::kUnhealthy);
  endpoints_.set("a", Manner::kPass);
  cluster_.operate("a", upstream::OperatorState::kEnabled);
  cluster_.advance(10);
  EXPECT_EQ(cluster_.health("a"), Health::kHealthy);
}

TEST_F(HealthChecksTest, OnesThatAreConfiguredAsDisabled) {
  cluster_.put({.id = "a",
                .address = *network::Address::parse("10.0.0.1:80"),
                .state = upstream::OperatorState::kDisabled});
  cluster_.members["a"].state = upstream::OperatorState::kDisabled;
  begin();
  EXPECT_THAT(endpoints_.asked, IsEmpty());
  cluster_.trouble("a");
  cluster_.advance(10'000);
  EXPECT_THAT(endpoints_.asked, IsEmpty());
}

TEST_F(HealthChecksTest, FlapsAreCounted) {
  cluster_.put("a");
  begin();
  const auto flaps = [&] {
    return cluster_.stats.valueOf("cluster_health_flaps_total",
                                  {{"cluster", "c"}, {"check", "fake"}});
  };
  for (int i = 0; i < 3; ++i) {
    endpoints_.set("a", Manner::kFail);
    ASSERT_GE(cluster_.advanceUntil("a", Health::kUnhealthy), 0);
    endpoints_.set("a", Manner::kPass);
    ASSERT_GE(cluster_.advanceUntil("a", Health::kHealthy), 0);
  }
  EXPECT_EQ(flaps(), 2);
  cluster_.advance(60'000);
  endpoints_.set("a", Manner::kFail);
  ASSERT_GE(cluster_.advanceUntil("a", Health::kUnhealthy), 0);
  EXPECT_EQ(flaps(), 2) << "it had been well for long";
  // What fails now and then is no change at all.
  endpoints_.set("a", Manner::kPass);
  ASSERT_GE(cluster_.advanceUntil("a", Health::kHealthy), 0);
  cluster_.mark();
  for (size_t i = 0; i < 30; ++i) {
    endpoints_.set("a", i % 3 == 2 ? Manner::kPass : Manner::kFail);
    while (cluster_.probes("a").size() == i) cluster_.advance(10);
  }
  EXPECT_THAT(cluster_.changes, IsEmpty());
  EXPECT_EQ(flaps(), 2);
}

TEST_F(HealthChecksTest, AnEndpointIsSmall) {
  EXPECT_LE(sizeof(CheckedEndpoint), 144u);
}

TEST_F(HealthChecksTest, AHugeReasonIsCutShort) {
  endpoints_.reason = std::string(100'000, 'x');
  endpoints_.set("a", Manner::kFail);
  cluster_.put("a");
  begin();
  ASSERT_THAT(cluster_.changes, SizeIs(1));
  EXPECT_LE(cluster_.changes[0].cause.size(), 400u);
}

}  // namespace
}  // namespace weir::control
