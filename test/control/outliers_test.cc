#include "source/control/outliers.h"

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/load_balancing/round_robin/round_robin.h"
#include "source/control/routing_state.h"
#include "test/fakes/fake_dispatcher.h"
#include "test/upstream/host_list.h"

namespace weir::control {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using upstream::ClusterConfig;
using upstream::Endpoint;
using upstream::EndpointUsage;
using upstream::Health;
using upstream::HostSet;
using upstream::OutlierPolicy;
using upstream::Trouble;

constexpr const char* kC = "c";

// A cluster "c" with outlier detection, whose traffic the test makes up.
class OutliersTest : public testing::Test {
 protected:
  OutliersTest() {
    services_.put<event::Dispatcher>(dispatcher_);
    services_.put(store_);
    state_ = std::make_unique<RoutingState>(services_, [](auto) {});
    policy_.max_ejection_percent = 100;
  }
  // With endpoints "a", "b", …; `address`: of the first port.
  void follow(size_t count, const std::string& address = "127.0.0.1") {
    std::vector<std::string> ids;
    for (size_t i = 0; i < count; ++i) ids.emplace_back(1, static_cast<char>('a' + i));
    follow(ids, address);
  }
  void follow(const std::vector<std::string>& ids, const std::string& address = "127.0.0.1") {
    auto config = std::make_shared<ClusterConfig>();
    config->name = kC;
    upstream::HostList hosts;
    for (const std::string& id : ids) {
      hosts.add(
          {.id = id, .address = *network::Address::parse(address + ":" + std::to_string(id[0]))});
    }
    config->hosts = upstream::eligible(1, hosts.list());
    config->load_balancer =
        std::make_shared<extensions::load_balancing::round_robin::RoundRobinFactory>();
    config->load_balancer_identity = "round robin";
    if (with_outliers_) config->outliers = policy_;
    config->health_checks = checks_;
    config->usage = usage_;
    state_->follow({config});
  }
  // As a worker would, whose cells they are.
  EndpointUsage& usage(const std::string& id) {
    std::shared_ptr<EndpointUsage>& usage = used_[id];
    if (usage == nullptr) usage = usage_->endpoint(id);
    return *usage;
  }
  EndpointUsage::Cells& cells(const std::string& id) {
    EndpointUsage::Cells*& cells = cells_[id];
    if (cells == nullptr) cells = &usage(id).join();
    return *cells;
  }
  void serve(const std::string& id, uint64_t good, uint64_t bad = 0, uint64_t mean_us = 2000) {
    cells(id).good.add(good);
    cells(id).timed.add(good);
    cells(id).waited_us.add(good * mean_us);
    cells(id).bad.add(bad);
  }
  void trouble(const std::string& id, Trouble trouble = Trouble::kRunOf5xx) {
    usage(id).troubles.fetch_or(static_cast<uint32_t>(trouble));
    state_->onTrouble(kC, id, trouble);
    EXPECT_EQ(usage(id).troubles.load(), 0u) << "it may be told again";
    turn();
  }
  void check(const std::string& id, Health health) {
    EXPECT_EQ(state_->observe(kC, id,
                              {.source = Observation::Source::kCheck,
                               .health = health,
                               .revision = ++checked_,
                               .cause = "test",
                               .observer = "check test"}),
              Taken::kTaken);
    turn();
  }
  // Those that are out.
  std::vector<std::string> out() {
    std::vector<std::string> ids;
    for (const ObservedMember& member : state_->members(kC)) {
      if (!member.ejected) continue;
      ids.push_back(member.endpoint->id);
      EXPECT_TRUE(member.health == Health::kUnhealthy || member.health == Health::kDisabled ||
                  member.health == Health::kDraining);
    }
    EXPECT_EQ(store_.valueOf("cluster_ejected", {{"cluster", kC}}),
              static_cast<int64_t>(ids.size()));
    return ids;
  }
  int64_t ejections(const std::string& reason) {
    return store_.valueOf("cluster_ejections_total", {{"cluster", kC}, {"reason", reason}});
  }
  int64_t notAllowed() {
    return store_.valueOf("cluster_ejections_not_allowed_total", {{"cluster", kC}});
  }
  std::vector<HealthEvent> events(HealthEvent::Kind kind) {
    std::vector<HealthEvent> some;
    for (const HealthEvent& event : state_->events().kept()) {
      if (event.kind == kind) some.push_back(event);
    }
    return some;
  }
  void turn() { dispatcher_.runUntilIdle(); }
  void advance(milliseconds time) { dispatcher_.advance(time); }

  event::FakeDispatcher dispatcher_;
  const event::MonotonicTime start_ = dispatcher_.now();
  stats::Store store_;
  base::ServiceMap services_;
  OutlierPolicy policy_;
  bool with_outliers_ = true;
  std::vector<std::shared_ptr<const upstream::HealthCheckConfig>> checks_;
  std::shared_ptr<upstream::ClusterUsage> usage_ = std::make_shared<upstream::ClusterUsage>();
  std::map<std::string, std::shared_ptr<EndpointUsage>> used_;
  std::map<std::string, EndpointUsage::Cells*> cells_;
  uint64_t checked_ = 0;
  std::unique_ptr<RoutingState> state_;
};

// --- Each reason ---

TEST_F(OutliersTest, RunsEjectAtOnce) {
  policy_.consecutive_gateway_errors = 7;
  policy_.consecutive_connect_failures = 3;
  follow(4);
  trouble("a", Trouble::kRunOf5xx);
  EXPECT_THAT(out(), ElementsAre("a"));
  trouble("c", Trouble::kRunOfGatewayErrors);
  trouble("d", Trouble::kRunOfConnectFailures);
  EXPECT_THAT(out(), ElementsAre("a", "c", "d"));
  const auto ejected = events(HealthEvent::Kind::kEjected);
  ASSERT_EQ(ejected.size(), 3u);
  EXPECT_EQ(ejected[0].endpoint, "a");
  EXPECT_EQ(ejected[0].address, "127.0.0.1:97");
  EXPECT_EQ(ejected[0].cluster, "c");
  EXPECT_EQ(ejected[0].source, "outlier");
  EXPECT_EQ(ejected[0].from, Health::kHealthy);
  EXPECT_EQ(ejected[0].to, Health::kUnhealthy);
  EXPECT_EQ(ejected[0].revision, 2u);
  EXPECT_EQ(ejected[0].cause, "consecutive_5xx: 5 in a row; out for 30 s");
  EXPECT_EQ(ejected[1].cause, "consecutive_gateway_errors: 7 in a row; out for 30 s");
  EXPECT_EQ(ejected[2].cause, "consecutive_connect_failures: 3 in a row; out for 30 s");
  EXPECT_EQ(ejections("consecutive_5xx"), 1);
  EXPECT_EQ(ejections("consecutive_gateway_errors"), 1);
  EXPECT_EQ(ejections("consecutive_connect_failures"), 1);
  const auto health = events(HealthEvent::Kind::kHealth);
  ASSERT_EQ(health.size(), 3u);
  EXPECT_EQ(health[0].cause, ejected[0].cause);
}

TEST_F(OutliersTest, WhatIsNoReasonDoesNothing) {
  policy_.consecutive_5xx = policy_.consecutive_gateway_errors = 0;
  policy_.consecutive_connect_failures = 0;
  follow(2);
  for (const Trouble what :
       {Trouble::kRunOf5xx, Trouble::kRunOfGatewayErrors, Trouble::kRunOfConnectFailures,
        Trouble::kConnectFailure, Trouble::kConnectTimeout}) {
    trouble("a", what);
  }
  state_->onTrouble(kC, "nobody", Trouble::kRunOf5xx);
  state_->onTrouble("nobody", "a", Trouble::kRunOf5xx);
  EXPECT_THAT(out(), IsEmpty());
  EXPECT_EQ(notAllowed(), 0);
}

TEST_F(OutliersTest, RatesAndLatenciesAreComparedOnceInAnInterval) {
  policy_.failure_percentage = 80;
  policy_.latency_percent_of_median = 300;
  follow(8);
  for (const char* id : {"a", "b", "d", "e", "f", "g", "h"}) serve(id, 1000);
  serve("c", 600, 400);
  advance(milliseconds(9'900));
  EXPECT_THAT(out(), IsEmpty());
  advance(milliseconds(200));
  EXPECT_THAT(out(), ElementsAre("c"));
  // The next one.
  for (const char* id : {"a", "b", "e", "f", "h"}) serve(id, 1000);
  serve("d", 10, 90);
  serve("g", 1000, 0, 6100);
  advance(seconds(10));
  EXPECT_THAT(out(), ElementsAre("c", "d", "g"));
  const auto ejected = events(HealthEvent::Kind::kEjected);
  ASSERT_EQ(ejected.size(), 3u);
  EXPECT_THAT(ejected[0].cause, HasSubstr("success_rate: 60.0 % against 95.0 %"));
  EXPECT_THAT(ejected[1].cause, HasSubstr("failure_percentage: 90 of 100"));
  EXPECT_THAT(ejected[2].cause, HasSubstr("latency: 6.1 ms against 2.0 ms (limit 6.0 ms)"));
  EXPECT_EQ(ejections("success_rate"), 1);
  EXPECT_EQ(ejections("failure_percentage"), 1);
  EXPECT_EQ(ejections("latency"), 1);
}

TEST_F(OutliersTest, WhatWasBeforeTheIntervalDoesNotCount) {
  for (const char* id : {"a", "b", "c", "d", "e"}) serve(id, 1000);
  serve("c", 0, 3000);
  follow(5);
  for (const char* id : {"a", "b", "c", "d", "e"}) serve(id, 100);
  advance(seconds(11));
  EXPECT_THAT(out(), IsEmpty()) << "it was before there was a detector";
  serve("c", 0, 50);
  advance(seconds(10));
  serve("c", 0, 50);
  advance(seconds(10));
  EXPECT_THAT(out(), IsEmpty()) << "never enough requests in one interval";
}

TEST_F(OutliersTest, AnEndpointWithoutTrafficIsLookedForAgain) {
  follow(5);
  advance(seconds(15));
  for (const char* id : {"a", "b", "d", "e"}) serve(id, 1000);
  serve("c", 100, 900);
  advance(seconds(6));
  EXPECT_THAT(out(), ElementsAre("c"));
}

TEST_F(OutliersTest, WorkersMayGoAndCome) {
  policy_.failure_percentage = 50;
  follow(1);
  serve("a", 1000, 100);
  advance(seconds(11));
  // All workers let go of it; the detector does not.
  serve("a", 60, 30);
  used_["a"]->leave(*cells_["a"]);
  used_.clear();
  cells_.clear();
  serve("a", 0, 10);
  advance(seconds(10));
  EXPECT_THAT(out(), IsEmpty()) << "40 of 100";
  serve("a", 49, 51);
  advance(seconds(10));
  EXPECT_THAT(out(), ElementsAre("a"));
}

// --- How long ---

TEST_F(OutliersTest, TheyReturnWhenTheirTimeIsOver) {
  follow(3);
  advance(seconds(7));
  trouble("a");
  advance(milliseconds(29'900));
  EXPECT_THAT(out(), ElementsAre("a"));
  advance(milliseconds(110));
  EXPECT_THAT(out(), IsEmpty());
  const auto returned = events(HealthEvent::Kind::kReturned);
  ASSERT_EQ(returned.size(), 1u);
  EXPECT_EQ(returned[0].cause, "its ejection of 30 s is over");
  EXPECT_EQ(returned[0].from, Health::kUnhealthy);
  EXPECT_EQ(returned[0].to, Health::kHealthy);
  EXPECT_EQ(returned[0].revision, 3u);
  // Slow start begins.
  const auto hosts = state_->hosts(kC);
  EXPECT_NEAR(std::chrono::duration<double>(hosts->hosts[0].serving_since - start_).count(), 37.0,
              0.02);
  EXPECT_EQ(hosts->hosts[1].serving_since, event::MonotonicTime());
}

TEST_F(OutliersTest, EachReturnsAtItsOwnTime) {
  follow(4);
  trouble("a");
  advance(seconds(5));
  trouble("b");
  advance(seconds(5));
  trouble("c");
  advance(seconds(21));
  EXPECT_THAT(out(), ElementsAre("b", "c"));
  advance(seconds(5));
  EXPECT_THAT(out(), ElementsAre("c"));
  trouble("d");
  advance(seconds(5));
  EXPECT_THAT(out(), ElementsAre("d"));
  advance(seconds(25));
  EXPECT_THAT(out(), IsEmpty());
}

TEST_F(OutliersTest, ARepeatedOneIsOutForLongerAndThatIsForgotten) {
  policy_.base_ejection_time = seconds(2);
  policy_.max_ejection_time = seconds(5);
  follow(3);
  advance(milliseconds(100));
  const auto ejectedFor = [&](milliseconds time) {
    trouble("a");
    advance(time - milliseconds(50));
    const bool still = out().size() == 1;
    advance(milliseconds(100));
    return still && out().empty();
  };
  EXPECT_TRUE(ejectedFor(seconds(2)));
  EXPECT_TRUE(ejectedFor(seconds(4)));
  EXPECT_TRUE(ejectedFor(seconds(5)));
  EXPECT_TRUE(ejectedFor(seconds(5)));
  // 16 s have passed: the first interval that is all well ends after 30 s.
  advance(seconds(4));
  advance(seconds(10));
  EXPECT_TRUE(ejectedFor(seconds(5))) << "three in a row, of which one was forgotten";
  advance(seconds(60));
  EXPECT_TRUE(ejectedFor(seconds(2)));
}

TEST_F(OutliersTest, OldFailuresDoNotCountAfterwards) {
  policy_.failure_percentage = 50;
  follow(3);
  EndpointUsage::Runs& runs = usage("a").runs;
  runs.server_errors = 5;
  runs.gateway_errors = 4;
  runs.connect_failures = 3;
  serve("a", 10, 200);
  trouble("a");
  EXPECT_EQ(runs.server_errors + runs.gateway_errors + runs.connect_failures, 0u);
  // Below the panic threshold it may have traffic while it is out.
  runs.server_errors = 2;
  serve("a", 0, 500);
  advance(seconds(29));
  EXPECT_THAT(out(), ElementsAre("a"));
  serve("a", 0, 500);
  trouble("a");
  EXPECT_EQ(ejections("consecutive_5xx"), 1) << "it is out already";
  advance(milliseconds(1'100));
  EXPECT_THAT(out(), IsEmpty());
  EXPECT_EQ(runs.server_errors, 0u);
  advance(seconds(20));
  EXPECT_THAT(out(), IsEmpty());
  EXPECT_EQ(notAllowed(), 0);
}

// --- How many ---

TEST_F(OutliersTest, NoMoreThanAPartIsOut) {
  policy_.max_ejection_percent = 50;
  follow(5);
  for (const char* id : {"a", "b", "c", "d", "e"}) trouble(id);
  EXPECT_THAT(out(), ElementsAre("a", "b"));
  EXPECT_EQ(notAllowed(), 3);
  trouble("e");
  EXPECT_EQ(notAllowed(), 4);
  advance(seconds(31));
  trouble("e");
  EXPECT_THAT(out(), ElementsAre("e"));
}

TEST_F(OutliersTest, OneMayBeOutUnlessNoneMay) {
  policy_.max_ejection_percent = 1;
  follow(5);
  trouble("a");
  trouble("b");
  EXPECT_THAT(out(), ElementsAre("a"));
  EXPECT_EQ(notAllowed(), 1);
  advance(seconds(31));
  policy_.max_ejection_percent = 0;
  follow(5);
  trouble("a");
  EXPECT_THAT(out(), IsEmpty());
  EXPECT_EQ(notAllowed(), 2);
  EXPECT_EQ(ejections("consecutive_5xx"), 1);
}

TEST_F(OutliersTest, OfManyOutliersTheWorstGo) {
  policy_.failure_percentage = 10;
  policy_.max_ejection_percent = 40;
  follow(5);
  serve("a", 80, 20);
  serve("b", 30, 70);
  serve("c", 89, 11);
  serve("d", 10, 90);
  serve("e", 100);
  advance(seconds(11));
  EXPECT_THAT(out(), ElementsAre("b", "d"));
  EXPECT_EQ(notAllowed(), 2);
}

// --- With checks and the operator ---

TEST_F(OutliersTest, WhatIsOutAnywayIsNotEjected) {
  follow(5);
  check("a", Health::kUnhealthy);
  trouble("a");
  EXPECT_THAT(out(), IsEmpty());
  state_->observe(
      kC, "b",
      {.source = Observation::Source::kOperator, .health = Health::kDraining, .revision = 1});
  trouble("b");
  EXPECT_THAT(out(), IsEmpty());
  EXPECT_EQ(notAllowed(), 0);
  check("a", Health::kDegraded);
  trouble("a");
  EXPECT_THAT(out(), ElementsAre("a"));
  // Its time runs while the operator keeps it away.
  state_->observe(
      kC, "a",
      {.source = Observation::Source::kOperator, .health = Health::kDisabled, .revision = 1});
  advance(seconds(31));
  EXPECT_THAT(out(), IsEmpty());
  EXPECT_EQ(state_->members(kC)[0].health, Health::kDisabled);
  EXPECT_EQ(events(HealthEvent::Kind::kReturned).back().to, Health::kDisabled);
}

TEST_F(OutliersTest, ChecksThatPassedAllTheWhileDoNotBringItBack) {
  follow(3);
  check("a", Health::kHealthy);
  trouble("a");
  check("a", Health::kHealthy);
  check("a", Health::kDegraded);
  check("a", Health::kHealthy);
  EXPECT_THAT(out(), ElementsAre("a"));
}

TEST_F(OutliersTest, ChecksThatFoundItDownAndUpAgainBringItBack) {
  follow(3);
  trouble("a");
  advance(seconds(3));
  check("a", Health::kUnhealthy);
  EXPECT_THAT(out(), ElementsAre("a"));
  check("a", Health::kHealthy);
  EXPECT_THAT(out(), IsEmpty());
  EXPECT_EQ(state_->members(kC)[0].health, Health::kHealthy);
  EXPECT_EQ(events(HealthEvent::Kind::kReturned).back().cause,
            "checks found it down, and up again");
  // The next ejection has its own time, which begins then.
  advance(seconds(20));
  trouble("a");
  advance(seconds(10));
  EXPECT_THAT(out(), ElementsAre("a")) << "the timer of the first one finds nobody";
  advance(seconds(60));
  EXPECT_THAT(out(), IsEmpty());
  // What is down when its time is over stays down for the checks.
  trouble("b");
  check("b", Health::kUnhealthy);
  advance(seconds(31));
  EXPECT_THAT(out(), IsEmpty());
  EXPECT_EQ(state_->members(kC)[1].health, Health::kUnhealthy);
}

// --- Members and configurations ---

TEST_F(OutliersTest, AnotherPolicyGoesOnWithWhatIsOut) {
  follow(4);
  trouble("a");
  policy_.base_ejection_time = seconds(100);
  policy_.max_ejection_percent = 0;
  policy_.interval = seconds(1);
  follow(5);
  EXPECT_THAT(out(), ElementsAre("a"));
  EXPECT_EQ(state_->members(kC)[0].health, Health::kUnhealthy);
  advance(seconds(29));
  EXPECT_THAT(out(), ElementsAre("a"));
  advance(seconds(2));
  EXPECT_THAT(out(), IsEmpty());
  policy_.max_ejection_percent = 100;
  policy_.failure_percentage = 50;
  follow(5);
  serve("b", 0, 100);
  advance(milliseconds(1'100));
  EXPECT_THAT(out(), ElementsAre("b"));
  advance(seconds(98));
  EXPECT_THAT(out(), ElementsAre("b"));
}

TEST_F(OutliersTest, WithoutDetectionAllReturn) {
  follow(4);
  trouble("a");
  trouble("b");
  with_outliers_ = false;
  follow(4);
  EXPECT_THAT(out(), IsEmpty());
  EXPECT_EQ(events(HealthEvent::Kind::kReturned).size(), 2u);
  EXPECT_EQ(events(HealthEvent::Kind::kReturned)[0].cause,
            "outlier_detection is not configured any more");
  turn();
  EXPECT_EQ(state_->hosts(kC)->eligible.size(), 4u);
  trouble("c");
  advance(seconds(100));
  EXPECT_THAT(out(), IsEmpty());
  // It may come back; then everything begins anew.
  with_outliers_ = true;
  serve("d", 0, 1000);
  follow(4);
  trouble("a");
  EXPECT_THAT(out(), ElementsAre("a"));
  advance(seconds(31));
  EXPECT_THAT(out(), IsEmpty());
}

TEST_F(OutliersTest, DetectionMayBeAddedLater) {
  with_outliers_ = false;
  follow(3);
  trouble("a");
  with_outliers_ = true;
  follow(3);
  trouble("b");
  EXPECT_THAT(out(), ElementsAre("b"));
}

TEST_F(OutliersTest, MembersThatGoTakeTheirEjectionsAlong) {
  policy_.max_ejection_percent = 30;
  follow(4);
  trouble("a");
  trouble("b");
  EXPECT_EQ(notAllowed(), 1);
  follow({"b", "c", "d"});
  EXPECT_THAT(out(), IsEmpty());
  trouble("b");
  EXPECT_THAT(out(), ElementsAre("b"));
  // Back again, it is a new one.
  follow(4);
  EXPECT_THAT(out(), ElementsAre("b"));
  advance(seconds(31));
  EXPECT_THAT(out(), IsEmpty());
}

TEST_F(OutliersTest, SomebodyElseUnderTheSameNameIsNotOut) {
  policy_.failure_percentage = 50;
  follow(3);
  trouble("a");
  serve("a", 0, 500);
  usage("a").runs.server_errors = 4;
  follow(3, "127.0.0.2");
  EXPECT_THAT(out(), IsEmpty());
  EXPECT_EQ(usage("a").runs.server_errors, 0u);
  advance(seconds(11));
  EXPECT_THAT(out(), IsEmpty()) << "what its predecessor has done does not count";
}

TEST_F(OutliersTest, AClusterThatGoesLeavesNoGauge) {
  follow(3);
  trouble("a");
  EXPECT_THAT(store_.prometheus("cluster_ejected"), HasSubstr("cluster_ejected{cluster=\"c\"} 1"));
  state_->follow({});
  EXPECT_THAT(store_.prometheus("cluster_ejected"), testing::Not(HasSubstr("cluster=\"c\"")));
  advance(seconds(100));
  follow(3);
  EXPECT_THAT(out(), IsEmpty());
  EXPECT_THAT(store_.prometheus("cluster_ejected"), HasSubstr("cluster_ejected{cluster=\"c\"} 0"));
}

TEST_F(OutliersTest, UsageOfAnotherKindBeginsAnew) {
  policy_.failure_percentage = 50;
  follow(3);
  serve("a", 5000);
  advance(seconds(11));
  trouble("b");
  usage_ = std::make_shared<upstream::ClusterUsage>();
  used_.clear();
  cells_.clear();
  serve("a", 10);
  follow(3);
  EXPECT_THAT(out(), ElementsAre("b")) << "it goes on";
  serve("a", 0, 100);
  advance(seconds(10));
  EXPECT_THAT(out(), ElementsAre("a", "b"));
}

}  // namespace
}  // namespace weir::control
