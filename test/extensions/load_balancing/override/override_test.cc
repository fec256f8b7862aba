#include "extensions/load_balancing/override/override.h"

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "extensions/load_balancing/round_robin/round_robin.h"
#include "source/http/message.h"
#include "source/http/stream_info.h"
#include "source/upstream/eligibility.h"
#include "test/support/allocation_counter.h"
#include "test/upstream/host_list.h"

namespace weir::extensions::load_balancing::override {
namespace {

using upstream::Health;
using upstream::HostSet;
using upstream::Pick;

class Loads final : public upstream::HostLoads {
 public:
  uint32_t inFlight(uint32_t) const override { return 0; }
  bool full(uint32_t host) const override { return full_.count(host) > 0; }
  std::set<uint32_t> full_;
};

constexpr uint32_t kUp = OverrideConfig::bit(Health::kHealthy) |
                         OverrideConfig::bit(Health::kUnknown) |
                         OverrideConfig::bit(Health::kDegraded);

class OverrideTest : public ::testing::Test {
 protected:
  void make(OverrideConfig config) {
    factory_ = std::make_unique<OverrideFactory>(
        std::move(config), std::make_shared<round_robin::RoundRobinFactory>());
    balancer_ = factory_->create({.random = random_});
    upstream::HostList hosts;
    hosts.add({.id = "a", .address = *network::Address::parse("10.0.0.1:80")});
    hosts.add({.id = "b", .address = *network::Address::parse("10.0.0.2:80")});
    hosts.add({.id = "down", .address = *network::Address::parse("10.0.0.3:80")},
              Health::kUnhealthy);
    hosts.add({.id = "canary", .address = *network::Address::parse("[fd00::1]:80"), .weight = 0});
    hosts_ = upstream::makeHostSet(1, hosts.list(), {.panic_percent = 0}, *factory_);
    balancer_->onHostSet(*hosts_, loads_);
  }
  // The endpoint for a request with that name, or the reason why there is none; "*": whatever the
  // other algorithm says.
  std::string named(std::string_view by_filter, std::vector<uint32_t> tried = {}) {
    http::StreamInfo info;
    info.override_host = by_filter;
    upstream::PickContext context;
    context.info = &info;
    context.tried = tried;
    return outcome(context);
  }
  std::string outcome(const upstream::PickContext& context) {
    std::set<uint32_t> seen;
    for (int i = 0; i < 8; ++i) {
      const Pick pick = balancer_->pick(context);
      if (pick.kind == Pick::Kind::kWait) return "wait: " + std::string(pick.reason);
      if (pick.kind == Pick::Kind::kFailure) return std::string(pick.reason);
      seen.insert(pick.host);
    }
    if (seen.size() > 1) return "*";
    return hosts_->hosts[*seen.begin()].endpoint->id;
  }

  // Of a request with that name in its field; "": without.
  upstream::PickForecast forecastOf(std::string_view name) {
    http::RequestHead head;
    if (!name.empty()) head.headers.add("x-endpoint", name);
    upstream::PickContext context;
    context.request = &head;
    upstream::PickForecast out;
    out.scores.resize(hosts_->hosts.size());
    balancer_->forecast(context, out);
    return out;
  }

  base::Random random_{7};
  std::unique_ptr<OverrideFactory> factory_;
  std::unique_ptr<upstream::LoadBalancer> balancer_;
  std::shared_ptr<const HostSet> hosts_;
  Loads loads_;
};

TEST_F(OverrideTest, AFilterNamesTheEndpointByIdOrAddress) {
  make({.allowed = kUp});
  EXPECT_EQ(named("a"), "a");
  EXPECT_EQ(named("b"), "b");
  EXPECT_EQ(named("10.0.0.2:80"), "b");
  EXPECT_EQ(named("[fd00::1]:80"), "canary") << "also one of weight 0";
  EXPECT_EQ(named("canary"), "canary");
  EXPECT_EQ(named(""), "*");
}

TEST_F(OverrideTest, WhatCannotBeHadGoesToTheOtherAlgorithm) {
  make({.allowed = kUp});
  EXPECT_EQ(named("nobody"), "*");
  EXPECT_EQ(named("10.0.0.2"), "*");
  EXPECT_EQ(named("down"), "*");
  EXPECT_EQ(named("a", {0}), "b") << "tried";
  loads_.full_ = {0};
  EXPECT_NE(named("a"), "a") << "full";
}

TEST_F(OverrideTest, OrFailsWhenStrict) {
  make({.allowed = kUp, .strict = true});
  EXPECT_EQ(named("a"), "a");
  EXPECT_EQ(named("nobody"), "override_host_unknown");
  EXPECT_EQ(named("down"), "override_host_not_allowed");
  EXPECT_EQ(named("a", {0}), "override_host_failed");
  loads_.full_ = {0};
  EXPECT_EQ(named("a"), "wait: override_host_full");
  EXPECT_NE(named(""), "override_host_unknown") << "who names none goes anywhere";
}

TEST_F(OverrideTest, StatesAreAllowedByList) {
  make({.allowed = OverrideConfig::bit(Health::kUnhealthy), .strict = true});
  EXPECT_EQ(named("down"), "down");
  EXPECT_EQ(named("a"), "override_host_not_allowed");
}

TEST_F(OverrideTest, TheRequestNamesItInAField) {
  make({.header = "x-endpoint", .allowed = kUp});
  http::RequestHead head;
  http::StreamInfo info;
  upstream::PickContext context;
  context.request = &head;
  context.info = &info;
  EXPECT_EQ(outcome(context), "*");
  head.headers.add("X-Endpoint", "b");
  EXPECT_EQ(outcome(context), "b");
  info.override_host = "a";
  EXPECT_EQ(outcome(context), "a") << "a filter knows better";
  info.override_host = {};
  head.headers.add("x-endpoint", "a");
  EXPECT_EQ(outcome(context), "*") << "two say nothing";
}

TEST_F(OverrideTest, AFieldThatIsNotConfiguredIsNotLookedAt) {
  make({.allowed = kUp});
  http::RequestHead head;
  head.headers.add("x-endpoint", "b");
  upstream::PickContext context;
  context.request = &head;
  EXPECT_EQ(outcome(context), "*");
  EXPECT_EQ(factory_->overrideHeader(), "");
}

TEST_F(OverrideTest, ConnectionsNameNobody) {
  make({.header = "x-endpoint", .allowed = kUp, .strict = true});
  EXPECT_EQ(outcome({}), "*");
}

TEST_F(OverrideTest, TheForecastSaysWhoIsNamedAndWhetherThatHelps) {
  make({.header = "x-endpoint", .allowed = kUp});
  EXPECT_EQ(forecastOf("b").host, 1u);
  EXPECT_EQ(forecastOf("b").rule, "the endpoint that the request names");
  const upstream::PickForecast missed = forecastOf("down");
  EXPECT_FALSE(missed.host);
  EXPECT_EQ(missed.rule,
            "the endpoint that the request names cannot be had (override_host_not_allowed): "
            "each in turn, in proportion to weights; each worker for itself");
  EXPECT_EQ(forecastOf("").rule, "each in turn, in proportion to weights; each worker for itself");
  make({.header = "x-endpoint", .allowed = kUp, .strict = true});
  EXPECT_EQ(forecastOf("nobody").rule,
            "the endpoint that the request names cannot be had (override_host_unknown), and no "
            "other may: strict");
  loads_.full_ = {0};
  EXPECT_EQ(forecastOf("a").rule,
            "the endpoint that the request names cannot be had (override_host_full), and it waits: "
            "strict");
}

TEST_F(OverrideTest, PicksDoNotAllocate) {
  make({.allowed = kUp});
  http::StreamInfo info;
  info.override_host = "a name that is too long to be kept in place of a pointer";
  upstream::PickContext context;
  context.info = &info;
  balancer_->pick(context);
  if (!test::AllocationCounter::available()) GTEST_SKIP();
  const test::AllocationCounter counter("override_test");
  for (int i = 0; i < 100; ++i) balancer_->pick(context);
  info.override_host = "10.0.0.2:80";
  for (int i = 0; i < 100; ++i) balancer_->pick(context);
  EXPECT_EQ(counter.count(), 0u);
}

}  // namespace
}  // namespace weir::extensions::load_balancing::override
