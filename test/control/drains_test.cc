// Endpoints that get nothing new, as the main thread counts what is left of them.

#include "source/control/drains.h"

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/load_balancing/round_robin/round_robin.h"
#include "source/base/concat.h"
#include "source/control/routing_state.h"
#include "test/fakes/fake_dispatcher.h"
#include "test/upstream/host_list.h"

namespace weir::control {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;
using upstream::ClusterConfig;
using upstream::Endpoint;
using upstream::EndpointUsage;
using upstream::Health;
using upstream::OperatorState;
using Config = std::shared_ptr<ClusterConfig>;

constexpr milliseconds kTimeout{5'000};

Endpoint endpoint(const std::string& id, uint16_t port = 80) {
  return {.id = id, .address = *network::Address::parse("127.0.0.1:" + std::to_string(port))};
}

class DrainsTest : public testing::Test {
 protected:
  DrainsTest() {
    services_.put<event::Dispatcher>(dispatcher_);
    services_.put(store_);
    state_ = std::make_unique<RoutingState>(
        services_, [this](std::shared_ptr<const HostsBatch> batch) { on_its_way_ = batch; });
  }
  // Of four endpoints "a" to "d", so that one that is down is no panic.
  Config config(const std::vector<Endpoint>& endpoints = {endpoint("a"), endpoint("b"),
                                                          endpoint("c"), endpoint("d")},
                const std::string& name = "c") {
    auto made = std::make_shared<ClusterConfig>();
    made->name = name;
    upstream::HostList hosts;
    for (const Endpoint& each : endpoints) hosts.add(each);
    made->hosts = upstream::eligible(1, hosts.list());
    made->load_balancer =
        std::make_shared<extensions::load_balancing::round_robin::RoundRobinFactory>();
    made->load_balancer_identity = "round robin";
    made->drain.timeout = kTimeout;
    made->usage = usages_;
    return made;
  }
  void follow(const std::vector<Config>& configs) {
    state_->follow({configs.begin(), configs.end()});
    on_its_way_ = state_->takePublication();
  }
  // The workers have it.
  void arrive() {
    dispatcher_.runUntilIdle();
    on_its_way_.reset();
  }
  void poll() { dispatcher_.advance(Drains::kPoll); }
  void operate(const std::string& id, OperatorState state) {
    ASSERT_EQ(state_->operate("c", id, state, std::nullopt, "test").outcome,
              Operated::Outcome::kDone);
    arrive();
  }
  void check(const std::string& id, Health health) {
    ASSERT_EQ(state_->observe("c", id, {.health = health, .revision = ++revision_}), Taken::kTaken);
    arrive();
  }
  // What a worker has at an endpoint.
  struct Worker {
    Worker(upstream::ClusterUsage& usages, const std::string& id)
        : usage(usages.endpoint(id)), cells(usage->join()) {}
    ~Worker() { usage->leave(cells); }
    void open(int connections) {
      for (int i = 0; i < connections; ++i) {
        cells.connections.add();
        cells.active_connections.add();
      }
    }
    void close(int connections) {
      for (int i = 0; i < connections; ++i) cells.active_connections.sub();
    }
    void breakOff(uint32_t connections) {
      usage->broken_connections += connections;
      close(static_cast<int>(connections));
    }
    std::shared_ptr<EndpointUsage> usage;
    EndpointUsage::Cells& cells;
  };
  // What has been told of drains since the last call: "draining a 3", "drain_ended a 2 of 5".
  std::vector<std::string> told() {
    std::vector<std::string> all;
    for (const HealthEvent& event : state_->events().kept()) {
      if (event.sequence <= seen_) continue;
      seen_ = event.sequence;
      if (event.kind == HealthEvent::Kind::kHealth) continue;
      std::string text = base::concat(eventName(event.kind), " ", event.endpoint);
      if (event.kind == HealthEvent::Kind::kDraining) {
        text += base::concat(" ", event.connections);
      } else if (event.kind == HealthEvent::Kind::kDrainEnded) {
        text += base::concat(" ", event.connections, " left ", event.finished);
      } else {
        text += base::concat(" ", event.finished);
      }
      all.push_back(text);
    }
    return all;
  }
  int64_t stat(const std::string& name) { return store_.valueOf(name, {{"cluster", "c"}}); }

  event::FakeDispatcher dispatcher_;
  stats::Store store_;
  base::ServiceMap services_;
  std::shared_ptr<upstream::ClusterUsage> usages_ = std::make_shared<upstream::ClusterUsage>();
  std::unique_ptr<RoutingState> state_;
  std::shared_ptr<const void> on_its_way_;
  uint64_t revision_ = 0;
  uint64_t seen_ = 0;
};

TEST_F(DrainsTest, CountsUntilNothingIsLeft) {
  follow({config()});
  Worker one(*usages_, "a"), two(*usages_, "a"), other(*usages_, "b");
  one.open(3);
  two.open(2);
  other.open(7);
  operate("a", OperatorState::kDraining);
  EXPECT_THAT(told(), IsEmpty()) << "it takes a look";
  poll();
  EXPECT_THAT(told(), ElementsAre("draining a 5"));
  EXPECT_EQ(stat("cluster_draining_endpoints"), 1);
  one.close(3);
  poll();
  EXPECT_THAT(told(), IsEmpty());
  EXPECT_EQ(state_->drains().shown("c").at(0).connections, 2u);
  two.close(2);
  poll();
  EXPECT_THAT(told(), ElementsAre("drained a 5"));
  EXPECT_EQ(stat("cluster_draining_endpoints"), 0);
  EXPECT_EQ(stat("cluster_drained_connections_total"), 5);
  EXPECT_EQ(stat("cluster_broken_connections_total"), 0);
  EXPECT_TRUE(state_->drains().shown("c").at(0).drained);
  dispatcher_.advance(2 * kTimeout);
  EXPECT_THAT(told(), IsEmpty()) << "once";
}

TEST_F(DrainsTest, WhatWasBrokenOffIsToldApart) {
  follow({config()});
  Worker worker(*usages_, "a");
  worker.usage->broken_connections = 10;  // of times before
  worker.open(5);
  operate("a", OperatorState::kDisabled);
  poll();
  worker.close(2);
  dispatcher_.advance(kTimeout);
  worker.usage->broken_requests += 4;
  worker.breakOff(3);
  poll();
  EXPECT_THAT(told(), ElementsAre("draining a 5", "drain_ended a 3 left 2", "drained a 2"));
  EXPECT_EQ(stat("cluster_drained_connections_total"), 2);
  EXPECT_EQ(stat("cluster_broken_connections_total"), 3);
  EXPECT_EQ(stat("cluster_broken_requests_total"), 4);
}

TEST_F(DrainsTest, NothingIsDrainedBeforeEveryWorkerKnows) {
  follow({config()});
  ASSERT_EQ(state_->operate("c", "a", OperatorState::kDraining, std::nullopt, "").outcome,
            Operated::Outcome::kDone);
  dispatcher_.advance(10 * Drains::kPoll);
  EXPECT_THAT(told(), IsEmpty());
  Worker late(*usages_, "a");
  late.open(1);
  on_its_way_.reset();
  poll();
  EXPECT_THAT(told(), ElementsAre("draining a 1"));
  late.open(1);  // of a client that belongs to it
  late.close(2);
  poll();
  EXPECT_THAT(told(), ElementsAre("drained a 2"));
}

TEST_F(DrainsTest, OneWithoutConnectionsIsDrainedAtOnce) {
  follow({config()});
  operate("a", OperatorState::kDraining);
  poll();
  EXPECT_THAT(told(), ElementsAre("draining a 0", "drained a 0"));
}

TEST_F(DrainsTest, OneThatIsFitAgainIsWatchedNoMore) {
  follow({config()});
  Worker worker(*usages_, "a");
  worker.open(1);
  operate("a", OperatorState::kDraining);
  poll();
  operate("a", OperatorState::kEnabled);
  worker.close(1);
  poll();
  EXPECT_THAT(told(), ElementsAre("draining a 1"));
  EXPECT_EQ(stat("cluster_draining_endpoints"), 0);
  EXPECT_THAT(state_->drains().shown("c"), IsEmpty());
  operate("a", OperatorState::kDraining);
  poll();
  EXPECT_THAT(told(), ElementsAre("draining a 0", "drained a 0")) << "once for each time";
}

TEST_F(DrainsTest, TheOperatorsWordAfterAFailureIsANewDrain) {
  follow({config()});
  check("a", Health::kUnhealthy);
  poll();
  EXPECT_THAT(told(), IsEmpty()) << "nothing was there, and nobody asked";
  operate("a", OperatorState::kDraining);
  poll();
  EXPECT_THAT(told(), ElementsAre("draining a 0", "drained a 0"));
}

TEST_F(DrainsTest, OneThatIsDownIsToldWhenSomethingRuns) {
  follow({config()});
  Worker worker(*usages_, "a");
  worker.open(2);
  check("a", Health::kUnhealthy);
  poll();
  worker.close(2);
  poll();
  EXPECT_THAT(told(), ElementsAre("draining a 2", "drained a 2"));
}

TEST_F(DrainsTest, WhatIsClosedAtOnceMayBeGoneBeforeTheFirstLook) {
  Config closes = config();
  closes->drain.on_unhealthy = upstream::DrainPolicy::OnUnhealthy::kClose;
  follow({closes});
  Worker worker(*usages_, "a");
  worker.open(2);
  check("a", Health::kUnhealthy);
  worker.breakOff(2);
  poll();
  EXPECT_THAT(told(), ElementsAre("draining a 0", "drain_ended a 2 left 0", "drained a 0"));
}

TEST_F(DrainsTest, WhatIsKeptIsNotCounted) {
  Config keeps = config();
  keeps->drain.on_unhealthy = upstream::DrainPolicy::OnUnhealthy::kKeep;
  follow({keeps});
  Worker worker(*usages_, "a");
  worker.open(2);
  check("a", Health::kUnhealthy);
  dispatcher_.advance(2 * kTimeout);
  EXPECT_THAT(told(), IsEmpty());
  // Until the configuration says otherwise.
  follow({config()});
  arrive();
  poll();
  EXPECT_THAT(told(), ElementsAre("draining a 2"));
}

TEST_F(DrainsTest, ARemovedOneIsWatchedUntilItHasGone) {
  follow({config()});
  auto worker = std::make_unique<Worker>(*usages_, "a");
  worker->open(2);
  follow({config({endpoint("b"), endpoint("c"), endpoint("d")})});
  arrive();
  poll();
  ASSERT_EQ(state_->drains().shown("c").size(), 1u);
  EXPECT_TRUE(state_->drains().shown("c")[0].removed);
  worker->close(2);
  worker.reset();
  poll();
  EXPECT_THAT(told(), ElementsAre("draining a 2", "drained a 2"));
  EXPECT_THAT(state_->drains().shown("c"), IsEmpty());
  EXPECT_EQ(state_->events().kept().back().source, "membership");
}

TEST_F(DrainsTest, ARemovedOneThatComesBackIsWatchedNoMore) {
  follow({config()});
  Worker worker(*usages_, "a");
  worker.open(2);
  const std::vector<Endpoint> others{endpoint("b"), endpoint("c"), endpoint("d")};
  for (const uint16_t port : {uint16_t{80}, uint16_t{81}}) {
    follow({config(others)});
    arrive();
    poll();
    EXPECT_THAT(told(), ElementsAre("draining a 2"));
    follow({config({endpoint("a", port), endpoint("b"), endpoint("c"), endpoint("d")})});
    arrive();
    poll();
    EXPECT_THAT(told(), IsEmpty());
    EXPECT_THAT(state_->drains().shown("c"), IsEmpty());
  }
}

TEST_F(DrainsTest, OneThatDrainsAndIsRemovedIsToldOnce) {
  follow({config()});
  Worker worker(*usages_, "a");
  worker.open(2);
  operate("a", OperatorState::kDraining);
  poll();
  follow({config({endpoint("b"), endpoint("c"), endpoint("d")})});
  arrive();
  poll();
  worker.close(2);
  poll();
  EXPECT_THAT(told(), ElementsAre("draining a 2", "drained a 2"));
}

TEST_F(DrainsTest, ACluserThatHasGoneIsWatchedUntilItsEndpointsHave) {
  follow({config({endpoint("a"), endpoint("b")})});
  Worker worker(*usages_, "a");
  worker.open(1);
  follow({});
  arrive();
  poll();
  worker.close(1);
  poll();
  EXPECT_THAT(told(), testing::UnorderedElementsAre("draining a 1", "draining b 0", "drained b 0",
                                                    "drained a 1"));
}

TEST_F(DrainsTest, WhatTheConfigurationHasTakenOutIsDrainedFromTheBeginning) {
  Endpoint out = endpoint("a");
  out.state = OperatorState::kDraining;
  Config taken_out = config({out, endpoint("b")});
  follow({taken_out});
  EXPECT_EQ(state_->hosts("c")->hosts[0].health, Health::kDraining);
  EXPECT_EQ(state_->hosts("c")->hosts[0].out_since, dispatcher_.now());
  arrive();
  poll();
  EXPECT_THAT(told(), ElementsAre("draining a 0", "drained a 0"));
}

TEST_F(DrainsTest, ThoseWhoseClientsStayAreDrainedWhenTheTimeIsOver) {
  class Sticky final : public upstream::StickinessFactory {
    std::string_view name() const override { return "test"; }
    std::unique_ptr<upstream::Stickiness> create(
        const upstream::StickinessContext&) const override {
      return nullptr;
    }
  };
  Config sticky = config();
  sticky->stickiness = std::make_shared<Sticky>();
  follow({sticky});
  Worker worker(*usages_, "a");
  worker.open(1);
  operate("a", OperatorState::kDraining);
  poll();
  worker.close(1);
  poll();
  EXPECT_THAT(told(), ElementsAre("draining a 1")) << "the client may come again";
  worker.open(1);
  worker.close(1);
  dispatcher_.advance(kTimeout);
  EXPECT_THAT(told(), ElementsAre("drained a 2"));
  // Disabled, it keeps nobody.
  operate("b", OperatorState::kDisabled);
  poll();
  EXPECT_THAT(told(), ElementsAre("draining b 0", "drained b 0"));
}

TEST_F(DrainsTest, OneClustersEndpointsAreNotAnothers) {
  follow({config(), config({endpoint("a"), endpoint("b")}, "other")});
  operate("a", OperatorState::kDraining);
  poll();
  EXPECT_THAT(state_->drains().shown("other"), IsEmpty());
  EXPECT_EQ(told().size(), 2u);
}

TEST_F(DrainsTest, NothingIsToldOfTheEndOfTheProcess) {
  follow({config()});
  int events = 0;
  const auto handle = state_->events().listen([&](const HealthEvent&) { ++events; });
  state_.reset();
  EXPECT_EQ(events, 0);
}

// --- The operator ---

TEST_F(DrainsTest, TheOperatorsWordIsCheckedAgainstTheRevision) {
  follow({config()});
  const Operated first = state_->operate("c", "a", OperatorState::kDraining, 1, "");
  EXPECT_EQ(first.outcome, Operated::Outcome::kDone);
  EXPECT_EQ(first.member.state, OperatorState::kDraining);
  EXPECT_EQ(first.member.health, Health::kDraining);
  EXPECT_EQ(first.member.revision, 2u);
  const Operated stale = state_->operate("c", "a", OperatorState::kEnabled, 1, "");
  EXPECT_EQ(stale.outcome, Operated::Outcome::kStale);
  EXPECT_EQ(stale.member.revision, 2u);
  EXPECT_EQ(stale.member.state, OperatorState::kDraining);
  EXPECT_EQ(state_->operate("c", "a", OperatorState::kEnabled, 2, "").outcome,
            Operated::Outcome::kDone);
  // The same again is no change.
  EXPECT_EQ(state_->operate("c", "a", OperatorState::kEnabled, 3, "").member.revision, 3u);
}

TEST_F(DrainsTest, TheOperatorIsToldWhatIsMeant) {
  follow({config({endpoint("backend-1"), endpoint("backend-2")}, "shop")});
  const Operated cluster = state_->operate("shap", "x", OperatorState::kDisabled, {}, "");
  EXPECT_EQ(cluster.outcome, Operated::Outcome::kNoCluster);
  EXPECT_EQ(cluster.suggestion, "; did you mean \"shop\"?");
  const Operated endpoint = state_->operate("shop", "backend1", OperatorState::kDisabled, {}, "");
  EXPECT_EQ(endpoint.outcome, Operated::Outcome::kNoEndpoint);
  EXPECT_EQ(endpoint.suggestion, "; did you mean \"backend-1\"?");
}

TEST_F(DrainsTest, WhoSpokeLastCounts) {
  const auto with = [&](OperatorState state, uint32_t weight) {
    Endpoint a = endpoint("a");
    a.state = state;
    a.weight = weight;
    return config({a, endpoint("b")});
  };
  const auto stateNow = [&] { return state_->members("c").at(0).state; };
  follow({with(OperatorState::kEnabled, 1)});
  operate("a", OperatorState::kDisabled);
  follow({with(OperatorState::kEnabled, 2)});
  EXPECT_EQ(stateNow(), OperatorState::kDisabled) << "the configuration says nothing new";
  follow({with(OperatorState::kDraining, 2)});
  EXPECT_EQ(stateNow(), OperatorState::kDraining);
  operate("a", OperatorState::kEnabled);
  follow({with(OperatorState::kDraining, 3)});
  EXPECT_EQ(stateNow(), OperatorState::kEnabled);
  follow({with(OperatorState::kDisabled, 3)});
  EXPECT_EQ(stateNow(), OperatorState::kDisabled);
}

// --- The monitor ---

TEST_F(DrainsTest, TheMonitorFindsNothing) {
  follow({config(), config({endpoint("a"), endpoint("b")}, "other")});
  for (const Health health : {Health::kUnhealthy, Health::kDegraded, Health::kHealthy}) {
    check("a", health);
    operate("b", health == Health::kDegraded ? OperatorState::kDraining : OperatorState::kEnabled);
    dispatcher_.advance(milliseconds(3'000));
  }
  EXPECT_EQ(store_.valueOf("routing_violations_total", {{"kind", "host_set"}}), 0);
}

}  // namespace
}  // namespace weir::control
