// Active checks decide who is picked: from a probe's result to the host set that is published.

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/load_balancing/round_robin/round_robin.h"
#include "source/control/routing_state.h"
#include "source/upstream/endpoint_health.h"
#include "test/fakes/fake_dispatcher.h"
#include "test/fakes/fake_health_checker.h"
#include "test/upstream/host_list.h"

namespace weir::control {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using upstream::ClusterConfig;
using upstream::Health;
using Manner = upstream::FakeEndpoints::Manner;
using Config = std::shared_ptr<ClusterConfig>;

class RoutingStateChecksTest : public testing::Test {
 protected:
  RoutingStateChecksTest() : endpoints_(dispatcher_) {
    services_.put<event::Dispatcher>(dispatcher_);
    services_.put(store_);
    state_ =
        std::make_unique<RoutingState>(services_, [this](std::shared_ptr<const HostsBatch> batch) {
          published_ += static_cast<int>(batch->entries.size());
        });
  }
  Config cluster(bool checked = true) {
    auto config = std::make_shared<ClusterConfig>();
    config->name = "c";
    config->policy.panic_percent = 0;
    config->usage = usage_;
    upstream::HostList hosts;
    const Health health = checked ? Health::kUnknown : Health::kHealthy;
    for (const std::string id : {"a", "b"}) {
      hosts.add({.id = id,
                 .address = *network::Address::parse(id == "a" ? "10.0.0.1:80" : "10.0.0.2:80")},
                health);
    }
    config->load_balancer =
        std::make_shared<extensions::load_balancing::round_robin::RoundRobinFactory>();
    config->load_balancer_identity = "round robin";
    if (checked) {
      auto check = std::make_shared<upstream::HealthCheckConfig>();
      check->name = "fake";
      check->identity = "fake";
      check->times.jitter_percent = 0;
      check->factory = std::make_shared<upstream::FakeCheckerFactory>(endpoints_);
      config->health_checks.push_back(std::move(check));
    }
    config->hosts = upstream::eligible(1, hosts.list(), config->policy);
    return config;
  }
  void waitForFirst(const Config& config) {
    config->policy.unknown_waits = true;
    config->hosts = upstream::eligible(1, config->hosts->hosts, config->policy);
  }
  std::vector<std::string> eligible() {
    const auto hosts = state_->hosts("c");
    std::vector<std::string> ids;
    for (const uint32_t host : hosts->eligible) ids.push_back(hosts->hosts[host].endpoint->id);
    return ids;
  }
  std::vector<std::string> events() {
    std::vector<std::string> lines;
    for (const HealthEvent& event : state_->events().kept()) {
      lines.push_back(event.endpoint + " " + std::string(healthName(event.from)) + " " +
                      std::string(healthName(event.to)) + " " + event.source + ": " + event.cause);
    }
    return lines;
  }
  void advance(int ms) { dispatcher_.advance(milliseconds(ms)); }

  event::FakeDispatcher dispatcher_;
  stats::Store store_;
  base::ServiceMap services_;
  upstream::FakeEndpoints endpoints_;
  std::shared_ptr<upstream::ClusterUsage> usage_ = std::make_shared<upstream::ClusterUsage>();
  int published_ = 0;
  std::unique_ptr<RoutingState> state_;
};

TEST_F(RoutingStateChecksTest, UncheckedEndpointsServeUnlessTheyAreToWait) {
  endpoints_.set("b", Manner::kFail);
  state_->follow({cluster()});
  EXPECT_THAT(eligible(), ElementsAre("a", "b"));
  advance(10);
  EXPECT_THAT(eligible(), ElementsAre("a"));
  EXPECT_EQ(published_, 1) << "both in one turn";
  EXPECT_THAT(events(), ElementsAre("a unknown healthy check fake: passed",
                                    "b unknown unhealthy check fake: refused"));
}

TEST_F(RoutingStateChecksTest, ThoseThatWaitHaveNothingUntilTheyPass) {
  endpoints_.set("b", Manner::kSilent);
  const Config config = cluster();
  waitForFirst(config);
  state_->follow({config});
  EXPECT_THAT(eligible(), IsEmpty());
  advance(10);
  EXPECT_THAT(eligible(), ElementsAre("a"));
  endpoints_.set("b", Manner::kPass);
  advance(3000);
  EXPECT_THAT(eligible(), ElementsAre("a")) << "the first has decided";
  advance(10'000);
  EXPECT_THAT(eligible(), ElementsAre("a", "b"));
}

TEST_F(RoutingStateChecksTest, OneThatDiesGoesAndComesBack) {
  state_->follow({cluster()});
  advance(100);
  endpoints_.set("a", Manner::kFail);
  // A worker meets it.
  dispatcher_.post([&] { state_->onTrouble("c", "a", upstream::Trouble::kConnectFailure); });
  advance(2100);
  EXPECT_THAT(eligible(), ElementsAre("b"));
  endpoints_.set("a", Manner::kPass);
  advance(6500);
  EXPECT_THAT(eligible(), ElementsAre("a", "b"));
  EXPECT_THAT(events(), ElementsAre("a unknown healthy check fake: passed",
                                    "b unknown healthy check fake: passed",
                                    "a healthy unhealthy check fake: refused (3 in a row)",
                                    "a unhealthy healthy check fake: passed (2 in a row)"));
  const std::vector<ObservedMember> members = state_->members("c");
  EXPECT_EQ(members[0].revision, 4u);
  EXPECT_EQ(members[1].revision, 2u);
}

TEST_F(RoutingStateChecksTest, AConfigurationMayBringChecksAndTakeThemAway) {
  endpoints_.setAll(Manner::kFail);
  state_->follow({cluster(false)});
  advance(10'000);
  EXPECT_THAT(endpoints_.asked, IsEmpty());
  EXPECT_THAT(eligible(), ElementsAre("a", "b"));
  const Config waiting = cluster();
  waitForFirst(waiting);
  state_->follow({waiting});
  EXPECT_THAT(eligible(), ElementsAre("a", "b"))
      << "who serves goes on until he is found to be down";
  advance(10);
  EXPECT_THAT(eligible(), IsEmpty());
  state_->follow({cluster(false)});
  EXPECT_THAT(eligible(), ElementsAre("a", "b"));
  EXPECT_EQ(endpoints_.probes + endpoints_.checkers, 0);
  state_->follow({cluster()});
  advance(10);
  EXPECT_THAT(eligible(), IsEmpty()) << "observations of the second time are no older ones";
}

TEST_F(RoutingStateChecksTest, HealthOutlivesAConfigurationAndEndsWithTheCluster) {
  endpoints_.set("a", Manner::kFail);
  state_->follow({cluster()});
  advance(10);
  state_->follow({cluster()});
  EXPECT_THAT(eligible(), ElementsAre("b"));
  state_->follow({});
  EXPECT_EQ(endpoints_.probes + endpoints_.checkers, 0);
  advance(20'000);
  state_->follow({cluster()});
  EXPECT_THAT(eligible(), ElementsAre("a", "b"));
}

TEST_F(RoutingStateChecksTest, TheOperatorsWordComesFirst) {
  endpoints_.set("a", Manner::kFail);
  state_->follow({cluster()});
  advance(10);
  const auto operate = [&](Health health, uint64_t revision) {
    state_->observe("c", "a",
                    {.source = Observation::Source::kOperator,
                     .health = health,
                     .revision = revision,
                     .observer = "operator"});
  };
  endpoints_.asked.clear();
  operate(Health::kDisabled, 1);
  advance(20'000);
  EXPECT_THAT(endpoints_.times("a", {}), IsEmpty());
  endpoints_.set("a", Manner::kPass);
  operate(Health::kHealthy, 2);
  dispatcher_.runUntilIdle();
  advance(10);
  EXPECT_THAT(endpoints_.times("a", {}), SizeIs(1));
  EXPECT_THAT(eligible(), ElementsAre("a", "b"));
}

}  // namespace
}  // namespace weir::control
