#include "source/control/routing_state.h"

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/load_balancing/round_robin/round_robin.h"
#include "source/upstream/discovery.h"
#include "test/fakes/fake_dispatcher.h"
#include "test/fakes/fake_health_checker.h"
#include "test/upstream/host_list.h"

namespace weir::control {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using upstream::ClusterConfig;
using upstream::Endpoint;
using upstream::Health;
using upstream::HostList;
using upstream::HostSet;
using Config = std::shared_ptr<ClusterConfig>;

Endpoint endpoint(const std::string& id, uint16_t port, uint32_t weight = 1) {
  return {.id = id,
          .address = *network::Address::parse("127.0.0.1:" + std::to_string(port)),
          .weight = weight};
}

Config cluster(const std::string& name, const std::vector<Endpoint>& endpoints) {
  auto config = std::make_shared<ClusterConfig>();
  config->name = name;
  HostList hosts;
  for (const Endpoint& endpoint : endpoints) hosts.add(endpoint);
  config->hosts = upstream::eligible(1, hosts.list());
  config->load_balancer =
      std::make_shared<extensions::load_balancing::round_robin::RoundRobinFactory>();
  config->load_balancer_identity = "round robin";
  config->usage = std::make_shared<upstream::ClusterUsage>();
  return config;
}

std::vector<std::shared_ptr<const Endpoint>> shared(const std::vector<Endpoint>& endpoints) {
  std::vector<std::shared_ptr<const Endpoint>> members;
  for (const Endpoint& endpoint : endpoints) {
    members.push_back(std::make_shared<const Endpoint>(endpoint));
  }
  return members;
}

// A source that the test speaks for.
class FakeMembership final : public upstream::MembershipSourceFactory {
 public:
  explicit FakeMembership(std::string identity) : identity_(std::move(identity)) {}
  std::unique_ptr<upstream::MembershipSource> create(
      base::ServiceMap&, upstream::MembershipSink& sink) const override {
    ++created;
    if (!at_once.empty()) sink.onMembers(shared(at_once));
    return std::make_unique<Source>(*this, sink);
  }
  const std::string& identity() const override { return identity_; }

  mutable int created = 0;
  mutable upstream::MembershipSink* sink = nullptr;  // null: no source lives
  std::vector<Endpoint> at_once;

 private:
  struct Source final : upstream::MembershipSource {
    Source(const FakeMembership& f, upstream::MembershipSink& sink) : from(f) { f.sink = &sink; }
    ~Source() override { from.sink = nullptr; }
    const FakeMembership& from;
  };
  const std::string identity_;
};

std::shared_ptr<FakeMembership> findBy(const Config& config, const std::string& identity) {
  auto membership = std::make_shared<FakeMembership>(identity);
  config->membership = membership;
  return membership;
}

class RoutingStateTest : public testing::Test {
 protected:
  RoutingStateTest() {
    services_.put<event::Dispatcher>(dispatcher_);
    services_.put(store_);
    state_ =
        std::make_unique<RoutingState>(services_, [this](std::shared_ptr<const HostsBatch> batch) {
          for (const HostsBatch::Entry& entry : batch->entries) {
            const uint64_t version = entry.hosts->version;
            EXPECT_GT(version, std::exchange(versions_[entry.cluster], version));
          }
          published_.push_back(std::move(batch));
        });
  }
  RoutingState::Hosts follow(const std::vector<Config>& configs) {
    RoutingState::Hosts hosts = state_->follow({configs.begin(), configs.end()});
    for (size_t i = 0; i < hosts.size(); ++i) versions_[configs[i]->name] = hosts[i]->version;
    return hosts;
  }
  std::vector<std::string> eligible(const std::string& name = "c") {
    const auto hosts = state_->hosts(name);
    std::vector<std::string> ids;
    for (const uint32_t host : hosts->eligible) ids.push_back(hosts->hosts[host].endpoint->id);
    return ids;
  }
  // Since when it serves, in milliseconds after `start_`; -1: since ever.
  int64_t since(const std::string& id) {
    const auto hosts = state_->hosts("c");
    for (const HostSet::Host& host : hosts->hosts) {
      if (host.endpoint->id != id) continue;
      if (host.serving_since == event::MonotonicTime()) return -1;
      return std::chrono::duration_cast<std::chrono::milliseconds>(host.serving_since - start_)
          .count();
    }
    return -2;
  }
  int64_t stat(const std::string& name) { return store_.valueOf(name, {{"cluster", "c"}}); }
  void turn() { dispatcher_.runUntilIdle(); }
  void advance(int ms) { dispatcher_.advance(std::chrono::milliseconds(ms)); }

  event::FakeDispatcher dispatcher_;
  const event::MonotonicTime start_ = dispatcher_.now();
  stats::Store store_;
  base::ServiceMap services_;
  std::map<std::string, uint64_t> versions_;
  std::vector<std::shared_ptr<const HostsBatch>> published_;
  std::unique_ptr<RoutingState> state_;
};

TEST_F(RoutingStateTest, WhatIsConfiguredStandsAsItIs) {
  const Config c = cluster("c", {endpoint("a", 1), endpoint("b", 2)});
  const auto hosts = follow({c, cluster("other", {endpoint("a", 1)})});
  ASSERT_EQ(hosts.size(), 2u);
  EXPECT_EQ(hosts[0], c->hosts);
  EXPECT_EQ(state_->hosts("c"), hosts[0]);
  EXPECT_EQ(state_->hosts("other"), hosts[1]);
  EXPECT_EQ(state_->hosts("nobody"), nullptr);
  EXPECT_EQ(stat("cluster_members"), 2);
  EXPECT_EQ(stat("cluster_healthy_members"), 2);
  EXPECT_EQ(stat("cluster_eligible_members"), 2);
  EXPECT_EQ(since("a"), -1);
  turn();
  EXPECT_THAT(published_, IsEmpty());
}

TEST_F(RoutingStateTest, ChangesOfOneTurnAreOnePublication) {
  std::vector<Endpoint> many;
  for (uint16_t i = 1; i <= 100; ++i) many.push_back(endpoint("e" + std::to_string(i), i));
  follow({cluster("c", many), cluster("other", many), cluster("third", many)});
  for (int i = 1; i <= 20; ++i) {
    state_->observe("c", "e" + std::to_string(i), {.health = Health::kUnhealthy, .revision = 1});
    state_->observe("other", "e" + std::to_string(i),
                    {.health = Health::kUnhealthy, .revision = 1});
  }
  EXPECT_EQ(eligible().size(), 100u);
  turn();
  ASSERT_EQ(published_.size(), 1u);
  EXPECT_EQ(published_[0]->entries.size(), 2u);
  EXPECT_EQ(eligible().size(), 80u);
  EXPECT_EQ(stat("cluster_healthy_members"), 80);
  turn();
  EXPECT_EQ(published_.size(), 1u);
}

TEST_F(RoutingStateTest, OlderObservationsAreDropped) {
  follow({cluster("c", {endpoint("a", 1), endpoint("b", 2)})});
  EXPECT_EQ(state_->observe("c", "a", {.health = Health::kUnhealthy, .revision = 5}),
            Taken::kTaken);
  EXPECT_EQ(state_->observe("c", "a", {.health = Health::kHealthy, .revision = 4}), Taken::kStale);
  EXPECT_EQ(state_->observe("c", "a", {.health = Health::kHealthy, .revision = 5}), Taken::kStale);
  EXPECT_EQ(state_->observe("c", "z", {.health = Health::kHealthy, .revision = 1}),
            Taken::kUnknown);
  EXPECT_EQ(state_->observe("z", "a", {.health = Health::kHealthy, .revision = 1}),
            Taken::kUnknown);
  turn();
  EXPECT_THAT(eligible(), ElementsAre("b"));
  // The same again changes nothing, but is the latest.
  EXPECT_EQ(state_->observe("c", "a", {.health = Health::kUnhealthy, .revision = 9}),
            Taken::kTaken);
  turn();
  EXPECT_EQ(published_.size(), 1u);
  EXPECT_EQ(state_->observe("c", "a", {.health = Health::kHealthy, .revision = 8}), Taken::kStale);
}

TEST_F(RoutingStateTest, PanicIsShown) {
  follow({cluster("c", {endpoint("a", 1), endpoint("b", 2), endpoint("d", 3)})});
  state_->observe("c", "a", {.health = Health::kUnhealthy, .revision = 1});
  turn();
  EXPECT_EQ(stat("cluster_panic"), 0);
  state_->observe("c", "b", {.health = Health::kUnhealthy, .revision = 1});
  turn();
  EXPECT_EQ(stat("cluster_panic"), 1);
  EXPECT_EQ(stat("cluster_healthy_members"), 1);
  EXPECT_EQ(stat("cluster_eligible_members"), 3);
}

TEST_F(RoutingStateTest, SlowStartBeginsForThoseThatJoinOrRecover) {
  follow({cluster("c", {endpoint("a", 1), endpoint("b", 2)})});
  advance(1000);
  follow({cluster("c", {endpoint("a", 1), endpoint("b", 2, 7), endpoint("new", 3)})});
  EXPECT_EQ(since("a"), -1);
  EXPECT_EQ(since("b"), -1) << "another weight is no new endpoint";
  EXPECT_EQ(since("new"), 1000);
  advance(1000);
  state_->observe("c", "a", {.health = Health::kUnhealthy, .revision = 1});
  turn();
  EXPECT_EQ(since("a"), -1);
  advance(1000);
  state_->observe("c", "a", {.health = Health::kDegraded, .revision = 2});
  turn();
  EXPECT_EQ(since("a"), 3000);
  advance(1000);
  state_->observe("c", "a", {.health = Health::kHealthy, .revision = 3});
  turn();
  EXPECT_EQ(since("a"), 3000) << "it has served meanwhile";
  EXPECT_EQ(since("new"), 1000);
}

TEST_F(RoutingStateTest, HealthOutlivesAConfigurationWithTheEndpoint) {
  follow({cluster("c", {endpoint("a", 1), endpoint("b", 2), endpoint("d", 4)})});
  state_->observe("c", "a", {.health = Health::kUnhealthy, .revision = 7});
  const auto hosts =
      follow({cluster("c", {endpoint("a", 1, 2), endpoint("b", 2), endpoint("d", 4)})})[0];
  EXPECT_THAT(eligible(), ElementsAre("b", "d"));
  EXPECT_EQ(hosts->hosts[0].endpoint->weight, 2u);
  turn();
  EXPECT_THAT(published_, IsEmpty()) << "the workers have it with the configuration";
  // At another address it is another one.
  follow({cluster("c", {endpoint("a", 3), endpoint("b", 2), endpoint("d", 4)})});
  EXPECT_THAT(eligible(), ElementsAre("a", "b", "d"));
  EXPECT_EQ(state_->observe("c", "a", {.health = Health::kUnhealthy, .revision = 1}),
            Taken::kTaken);
}

// What a configuration changes is told when all members of it are there.
TEST_F(RoutingStateTest, ObserversMayAnswerWhileAConfigurationIsTaken) {
  std::vector<Taken> taken;
  upstream::FakeEndpoints checked(dispatcher_);
  checked.setAll(upstream::FakeEndpoints::Manner::kSilent);
  checked.on_probe_gone = [&](const std::string& gone) {
    if (gone != "b" || !taken.empty()) return;
    for (const char* id : {"a", "b", "new"}) {
      taken.push_back(state_->observe(
          "c", id,
          {.source = Observation::Source::kOutlier, .health = Health::kUnhealthy, .revision = 1}));
    }
  };
  auto check = std::make_shared<upstream::HealthCheckConfig>();
  check->name = check->identity = "fake";
  check->factory = std::make_shared<upstream::FakeCheckerFactory>(checked);
  const auto configured = [&](const std::vector<Endpoint>& endpoints) {
    const Config config = cluster("c", endpoints);
    config->policy.panic_percent = 0;
    config->health_checks = {check};
    return config;
  };
  follow({configured({endpoint("a", 1), endpoint("b", 2), endpoint("d", 4)})});
  advance(1);  // probes are under way
  Endpoint disabled = endpoint("b", 2);
  disabled.state = upstream::OperatorState::kDisabled;
  follow({configured({endpoint("a", 1), disabled, endpoint("d", 4), endpoint("new", 3)})});
  EXPECT_THAT(taken, ElementsAre(Taken::kTaken, Taken::kTaken, Taken::kTaken));
  std::vector<std::string> ejected;
  for (const ObservedMember& member : state_->members("c")) {
    if (member.ejected) ejected.push_back(member.endpoint->id);
  }
  EXPECT_THAT(ejected, ElementsAre("a", "b", "new"));
  EXPECT_THAT(eligible(), ElementsAre("d"));
  state_.reset();  // before the endpoints of its checks
}

TEST_F(RoutingStateTest, AConfigurationThatSaysTheSameChangesNothing) {
  const auto same = [] { return cluster("c", {endpoint("a", 1), endpoint("b", 2)}); };
  const auto first = follow({same()})[0];
  EXPECT_EQ(follow({same()})[0], first);
  EXPECT_EQ(stat("cluster_membership_changes_total"), 0);
  const Config other_policy = same();
  other_policy->policy.panic_percent = 10;
  const auto second = follow({other_policy})[0];
  EXPECT_GT(second->version, first->version);
  EXPECT_EQ(second->hosts[0].endpoint, first->hosts[0].endpoint);
  const Config other_balancer = same();
  other_balancer->policy = other_policy->policy;
  other_balancer->load_balancer_identity = "another";
  EXPECT_GT(follow({other_balancer})[0]->version, second->version);
  EXPECT_EQ(stat("cluster_membership_changes_total"), 0);
  follow({cluster("c", {endpoint("b", 2), endpoint("a", 1)})});
  EXPECT_EQ(stat("cluster_membership_changes_total"), 1) << "the order counts too";
}

TEST_F(RoutingStateTest, AClusterThatWentIsForgotten) {
  follow({cluster("c", {endpoint("a", 1), endpoint("b", 2)})});
  state_->observe("c", "a", {.health = Health::kUnhealthy, .revision = 7});
  follow({});
  turn();
  EXPECT_EQ(state_->hosts("c"), nullptr);
  EXPECT_EQ(stat("cluster_members"), 0);
  EXPECT_THAT(store_.prometheus("cluster_members"), Not(HasSubstr("cluster_members{")));
  EXPECT_THAT(published_, IsEmpty());
  follow({cluster("c", {endpoint("a", 1), endpoint("b", 2)})});
  EXPECT_THAT(eligible(), ElementsAre("a", "b"));
  EXPECT_THAT(store_.prometheus("cluster_members"), HasSubstr("cluster_members{"));
}

TEST_F(RoutingStateTest, MembersThatAreFound) {
  const Config c = cluster("c", {});
  const auto membership = findBy(c, "one");
  follow({c});
  EXPECT_THAT(eligible(), IsEmpty());
  membership->sink->onReason("not_resolved");
  turn();
  ASSERT_EQ(published_.size(), 1u);
  EXPECT_EQ(state_->hosts("c")->none_reason, "not_resolved");
  advance(500);
  membership->sink->onMembers(shared({endpoint("a", 1), endpoint("b", 2), endpoint("a", 9)}));
  turn();
  EXPECT_THAT(eligible(), ElementsAre("a", "b"));
  EXPECT_EQ(since("a"), -1) << "the first ones have nobody before them";
  EXPECT_EQ(state_->hosts("c")->none_reason, "no_eligible_endpoint");
  EXPECT_EQ(stat("cluster_membership_changes_total"), 0);
  membership->sink->onReason("timed_out");
  membership->sink->onMembers(shared({endpoint("a", 1), endpoint("b", 2)}));
  turn();
  EXPECT_EQ(published_.size(), 2u) << "nothing has changed";
  advance(500);
  membership->sink->onMembers(shared({endpoint("b", 2), endpoint("d", 4)}));
  turn();
  EXPECT_THAT(eligible(), ElementsAre("b", "d"));
  EXPECT_EQ(since("d"), 1000);
  EXPECT_EQ(stat("cluster_membership_changes_total"), 1);
  membership->sink->onMembers({});
  turn();
  EXPECT_EQ(state_->hosts("c")->none_reason, "timed_out");
}

TEST_F(RoutingStateTest, ASourceMaySpeakAtOnce) {
  const Config c = cluster("c", {});
  findBy(c, "one")->at_once = {endpoint("a", 1)};
  const auto hosts = follow({c})[0];
  EXPECT_EQ(hosts->hosts.size(), 1u);
  EXPECT_EQ(hosts, state_->hosts("c"));
  turn();
  EXPECT_THAT(published_, IsEmpty());
}

TEST_F(RoutingStateTest, ASourceOfTheSameIdentityGoesOn) {
  const Config first = cluster("c", {}), second = cluster("c", {}), third = cluster("c", {});
  const auto one = findBy(first, "one"), same = findBy(second, "one"), two = findBy(third, "two");
  follow({first});
  one->sink->onMembers(shared({endpoint("a", 1)}));
  // In the same turn: the configuration has the answer with it.
  const auto hosts = follow({second})[0];
  EXPECT_EQ(hosts->hosts.size(), 1u);
  EXPECT_EQ(same->created, 0);
  ASSERT_NE(one->sink, nullptr);
  // Another one: what the last one found serves until it has found something.
  EXPECT_EQ(follow({third})[0], hosts);
  EXPECT_EQ(one->sink, nullptr);
  two->sink->onMembers(shared({endpoint("b", 2)}));
  turn();
  EXPECT_THAT(eligible(), ElementsAre("b"));
  // And none at all.
  follow({cluster("c", {endpoint("listed", 5)})});
  EXPECT_EQ(two->sink, nullptr);
  EXPECT_THAT(eligible(), ElementsAre("listed"));
}

TEST_F(RoutingStateTest, SourcesEndWithTheState) {
  const Config c = cluster("c", {});
  const auto membership = findBy(c, "one");
  follow({c});
  membership->sink->onMembers(shared({endpoint("a", 1)}));
  state_.reset();
  EXPECT_EQ(membership->sink, nullptr);
  turn();
  EXPECT_THAT(published_, IsEmpty());
}

}  // namespace
}  // namespace weir::control
