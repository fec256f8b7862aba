#include "extensions/load_balancing/subset/subset.h"

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "extensions/load_balancing/least_request/least_request.h"
#include "extensions/load_balancing/round_robin/round_robin.h"
#include "test/support/allocation_counter.h"
#include "test/upstream/host_list.h"
#include "test/upstream/test_hosts.h"

namespace weir::extensions::load_balancing::subset {
namespace {

using upstream::Health;
using upstream::HostSet;
using upstream::MetadataMatch;
using upstream::Pick;

// A balancer over a host set that a test describes.
class SubsetTest : public ::testing::Test {
 protected:
  void make(SubsetConfig config) {
    for (auto& selector : config.selectors) std::sort(selector.keys.begin(), selector.keys.end());
    factory_ = std::make_unique<SubsetFactory>(std::move(config),
                                               std::make_shared<round_robin::RoundRobinFactory>());
    balancer_ = factory_->create({.random = random_});
  }
  void adopt(const upstream::HostList& hosts, const upstream::EligibilityPolicy& policy = {}) {
    auto next = upstream::makeHostSet(++version_, hosts.list(), policy, *factory_);
    auto loads = std::make_unique<upstream::FakeLoads>(next->hosts.size());
    balancer_->onHostSet(*next, *loads);
    hosts_ = std::move(next);
    loads_ = std::move(loads);
  }
  Pick pick(const MetadataMatch& match, std::vector<uint32_t> tried = {}) {
    upstream::PickContext context;
    context.metadata = &match;
    context.tried = tried;
    return balancer_->pick(context);
  }
  upstream::PickForecast forecastOf(const MetadataMatch& match) {
    upstream::PickContext context;
    context.metadata = &match;
    upstream::PickForecast out;
    out.scores.resize(hosts_->hosts.size());
    balancer_->forecast(context, out);
    return out;
  }
  std::set<std::string> idsOf(const MetadataMatch& match) {
    std::set<std::string> ids;
    for (int i = 0; i < 64; ++i) {
      const Pick picked = pick(match);
      if (picked.kind != Pick::Kind::kEndpoint) return {std::string(picked.reason)};
      ids.insert(hosts_->hosts[picked.host].endpoint->id);
    }
    return ids;
  }

  base::Random random_{7};
  uint64_t version_ = 0;
  std::unique_ptr<SubsetFactory> factory_;
  std::unique_ptr<upstream::LoadBalancer> balancer_;
  std::shared_ptr<const HostSet> hosts_;
  std::unique_ptr<upstream::FakeLoads> loads_;
};

using Ids = std::set<std::string>;

upstream::HostList stages() {
  upstream::HostList hosts;
  hosts.add({.id = "a1", .metadata = {{"version", "1"}, {"stage", "prod"}}});
  hosts.add({.id = "b1", .metadata = {{"version", "1"}, {"stage", "test"}}});
  hosts.add({.id = "a2", .metadata = {{"version", "2"}, {"stage", "prod"}}});
  hosts.add({.id = "none"});
  return hosts;
}

TEST_F(SubsetTest, PicksAreOfThePartThatWasAskedFor) {
  make({.selectors = {{{"version"}, Fallback::kFail}, {{"version", "stage"}, Fallback::kFail}},
        .fallback = Fallback::kAny});
  adopt(stages());
  EXPECT_EQ(idsOf({{"version", "1"}}), (Ids{"a1", "b1"}));
  EXPECT_EQ(idsOf({{"version", "2"}}), (Ids{"a2"}));
  EXPECT_EQ(idsOf({{"stage", "test"}, {"version", "1"}}), (Ids{"b1"}));
  EXPECT_EQ(idsOf({{"version", "3"}}), (Ids{"subset_not_found"}));
  EXPECT_EQ(idsOf({{"stage", "test"}, {"version", "2"}}), (Ids{"subset_not_found"}));
  EXPECT_EQ(idsOf({}), (Ids{"a1", "a2", "b1", "none"}));
  EXPECT_EQ(idsOf({{"stage", "prod"}}), (Ids{"a1", "a2", "b1", "none"})) << "of no selector";
}

TEST_F(SubsetTest, TheDefaultSubsetIsAFallback) {
  make({.selectors = {{{"version"}, Fallback::kDefault}},
        .fallback = Fallback::kDefault,
        .default_subset = {{"stage", "prod"}}});
  adopt(stages());
  EXPECT_EQ(idsOf({{"version", "3"}}), (Ids{"a1", "a2"}));
  EXPECT_EQ(idsOf({}), (Ids{"a1", "a2"}));
  EXPECT_EQ(idsOf({{"version", "1"}}), (Ids{"a1", "b1"}));
}

TEST_F(SubsetTest, ADefaultSubsetThatIsAPartAsWellIsThereOnce) {
  make({.selectors = {{{"stage"}, Fallback::kDefault}},
        .fallback = Fallback::kDefault,
        .default_subset = {{"stage", "prod"}}});
  adopt(stages());
  EXPECT_EQ(idsOf({{"stage", "prod"}}), (Ids{"a1", "a2"}));
  EXPECT_EQ(idsOf({{"stage", "other"}}), (Ids{"a1", "a2"}));
  const auto& table = static_cast<const SubsetTable&>(*hosts_->table);
  EXPECT_EQ(table.subsets().size(), 2u) << "prod and test";
  EXPECT_EQ(table.subsets()[table.defaults()].whole.size(), 2u);
}

TEST_F(SubsetTest, TheForecastIsThatOfThePartOrOfTheFallback) {
  make({.selectors = {{{"version"}, Fallback::kDefault}, {{"version", "stage"}, Fallback::kFail}},
        .fallback = Fallback::kAny,
        .default_subset = {{"stage", "prod"}, {"version", "1"}}});
  adopt(stages());
  constexpr const char* kTurns = ": each in turn, in proportion to weights; each worker for itself";
  const auto two = forecastOf({{"version", "2"}});
  EXPECT_EQ(two.rule, std::string("in the subset that is asked for") + kTurns);
  EXPECT_EQ(two.host, 2u) << "the only one";
  EXPECT_FALSE(forecastOf({{"version", "1"}}).host) << "one of two";
  const auto three = forecastOf({{"version", "3"}});
  EXPECT_EQ(three.rule, std::string("there is no such subset, so the default subset") + kTurns);
  EXPECT_EQ(three.host, 0u);
  EXPECT_EQ(forecastOf({{"stage", "none"}, {"version", "1"}}).rule,
            "none: there is no such subset, and the fallback is to fail");
  EXPECT_EQ(forecastOf({}).rule, std::string("no subset is asked for, so any endpoint") + kTurns);
  EXPECT_EQ(forecastOf({{"stage", "prod"}}).rule,
            std::string("no selector has the keys that are asked for, so any endpoint") + kTurns);
}

TEST_F(SubsetTest, TheForecastKnowsPartsThatHaveNobodyOrAreTooMany) {
  make({.selectors = {{{"v"}, Fallback::kFail}}, .fallback = Fallback::kAny, .max_subsets = 1});
  upstream::HostList hosts;
  hosts.add({.id = "down", .metadata = {{"v", "1"}}}, Health::kUnhealthy);
  adopt(hosts, {.panic_percent = 0});
  EXPECT_EQ(forecastOf({{"v", "1"}}).rule,
            "none: the subset that is asked for has nobody, and the fallback is to fail");
  hosts.add({.id = "up", .metadata = {{"v", "2"}}});
  adopt(hosts, {.panic_percent = 0});
  std::set<std::string> rules{forecastOf({{"v", "1"}}).rule, forecastOf({{"v", "2"}}).rule};
  EXPECT_EQ(rules.count("none: the subset that is asked for is one too many to be made"), 1u);
}

TEST_F(SubsetTest, TheForecastHasTheScoresOfThePartAlone) {
  factory_ =
      std::make_unique<SubsetFactory>(SubsetConfig{.selectors = {{{"version"}, Fallback::kFail}}},
                                      std::make_shared<least_request::LeastRequestFactory>());
  balancer_ = factory_->create({.random = random_});
  adopt(stages());
  loads_->counts = {5, 1, 7, 0};
  const auto one = forecastOf({{"version", "1"}});
  using Scores = std::vector<std::optional<double>>;
  EXPECT_EQ(one.scores, (Scores{6.0, 2.0, std::nullopt, std::nullopt}));
  EXPECT_NE(one.score, "");
}

TEST_F(SubsetTest, APartHasPanicAndFailoverOfItsOwn) {
  make({.selectors = {{{"v"}, Fallback::kFail}}, .fallback = Fallback::kAny});
  upstream::HostList hosts;
  hosts.add({.id = "p", .metadata = {{"v", "1"}}}, Health::kUnhealthy);
  hosts.add({.id = "q", .priority = 1, .metadata = {{"v", "1"}}});
  hosts.add({.id = "r", .metadata = {{"v", "2"}}}, Health::kUnhealthy);
  for (int i = 0; i < 8; ++i) hosts.add({.metadata = {{"v", "3"}}});
  adopt(hosts);
  EXPECT_EQ(idsOf({{"v", "1"}}), (Ids{"q"})) << "the next priority of the same part";
  EXPECT_EQ(idsOf({{"v", "2"}}), (Ids{"r"})) << "all that there is of it, in panic";
  adopt(hosts, {.panic_percent = 0});
  EXPECT_EQ(idsOf({{"v", "2"}}), (Ids{"no_eligible_endpoint_in_subset"}));
}

TEST_F(SubsetTest, ThePanicThresholdMayBeOfTheParts) {
  make({.selectors = {{{"v"}, Fallback::kAny}}, .panic_percent = 0});
  upstream::HostList hosts;
  hosts.add({.id = "r", .metadata = {{"v", "2"}}}, Health::kUnhealthy);
  hosts.add({.id = "s", .metadata = {{"v", "3"}}});
  adopt(hosts);
  EXPECT_EQ(idsOf({{"v", "2"}}), (Ids{"s"})) << "a part that has none to give falls back";
}

TEST_F(SubsetTest, TriedEndpointsAreKnownByThePart) {
  make({.selectors = {{{"version"}, Fallback::kFail}}});
  adopt(stages());
  for (int i = 0; i < 16; ++i) {
    EXPECT_EQ(pick({{"version", "1"}}, {0}).host, 1u);
    EXPECT_EQ(pick({{"version", "1"}}, {1, 2, 3}).host, 0u);
    EXPECT_EQ(pick({{"version", "2"}}, {2}).host, 2u) << "there is no other";
  }
}

TEST_F(SubsetTest, TooManyPartsAreRefusedAndSaySo) {
  make({.selectors = {{{"v"}, Fallback::kAny}}, .max_subsets = 3});
  upstream::HostList hosts;
  for (int i = 0; i < 10; ++i) hosts.add({.metadata = {{"v", std::to_string(i)}}});
  adopt(hosts);
  EXPECT_EQ(idsOf({{"v", "2"}}), (Ids{"e2"}));
  EXPECT_EQ(idsOf({{"v", "3"}}), (Ids{"too_many_subsets"}));
  EXPECT_EQ(idsOf({{"w", "3"}}).size(), 10u) << "of no selector";
  const auto& table = static_cast<const SubsetTable&>(*hosts_->table);
  EXPECT_EQ(table.subsets().size(), 4u) << "any, and three";
}

TEST_F(SubsetTest, AnEmptyHostSetFails) {
  make({.selectors = {{{"v"}, Fallback::kFail}}});
  adopt({});
  EXPECT_EQ(idsOf({}), (Ids{"no_eligible_endpoint"}));
  EXPECT_EQ(idsOf({{"v", "1"}}), (Ids{"subset_not_found"}));
}

TEST_F(SubsetTest, APartGoesOnWhenOthersComeAndGo) {
  make({.selectors = {{{"v"}, Fallback::kFail}}});
  upstream::HostList hosts;
  for (int i = 0; i < 4; ++i) hosts.add({.id = "x" + std::to_string(i), .metadata = {{"v", "1"}}});
  adopt(hosts);
  std::vector<uint32_t> before;
  for (int i = 0; i < 6; ++i) before.push_back(pick({{"v", "1"}}).host);
  // Round robin goes on where it was: no endpoint gets two picks in a row.
  hosts.add({.id = "y", .metadata = {{"v", "2"}}});
  adopt(hosts);
  std::map<uint32_t, int> counts;
  for (int i = 0; i < 4; ++i) ++counts[pick({{"v", "1"}}).host];
  EXPECT_EQ(counts.size(), 4u);
  EXPECT_EQ(idsOf({{"v", "2"}}), (Ids{"y"}));
}

TEST_F(SubsetTest, PicksDoNotAllocate) {
  make({.selectors = {{{"version"}, Fallback::kFail}}});
  adopt(stages());
  const MetadataMatch wanted{{"version", "1"}};
  const MetadataMatch unknown{{"version", "a value that is too long to be kept in place"}};
  pick(wanted);
  const std::vector<uint32_t> tried{0};
  upstream::PickContext context;
  context.metadata = &wanted;
  context.tried = tried;
  upstream::PickContext other;
  other.metadata = &unknown;
  if (!test::AllocationCounter::available()) GTEST_SKIP();
  const test::AllocationCounter counter("subset_test");
  for (int i = 0; i < 100; ++i) {
    balancer_->pick(context);
    balancer_->pick(other);
  }
  EXPECT_EQ(counter.count(), 0u);
}

// Against what the words say: of all endpoints that have what was asked for, none but those, each
// by its weight.
TEST_F(SubsetTest, AgreesWithANaiveOracle) {
  base::Random random(11);
  const std::vector<std::string> keys{"a", "b", "c"};
  for (int round = 0; round < 60; ++round) {
    make({.selectors = {{{"a"}, Fallback::kFail},
                        {{"a", "b"}, Fallback::kFail},
                        {{"b", "c"}, Fallback::kFail}},
          .fallback = Fallback::kAny});
    upstream::HostList hosts;
    const uint64_t count = 1 + random.uniform(20);
    for (uint64_t i = 0; i < count; ++i) {
      upstream::Endpoint endpoint;
      for (const std::string& key : keys) {
        if (random.uniform(3) > 0) endpoint.metadata[key] = std::to_string(random.uniform(3));
      }
      const bool down = random.uniform(4) == 0;
      hosts.add(std::move(endpoint), down ? Health::kUnhealthy : Health::kHealthy);
    }
    adopt(hosts, {.panic_percent = 0});
    for (int ask = 0; ask < 30; ++ask) {
      MetadataMatch match;
      for (const std::string& key : keys) {
        if (random.uniform(2) == 0) match.emplace_back(key, std::to_string(random.uniform(3)));
      }
      std::vector<std::string> asked;
      for (const auto& [key, value] : match) asked.push_back(key);
      const bool selected = asked == std::vector<std::string>{"a"} ||
                            asked == std::vector<std::string>{"a", "b"} ||
                            asked == std::vector<std::string>{"b", "c"};
      Ids expected;
      bool there = !selected;
      for (const HostSet::Host& host : hosts.list()) {
        const bool fits = std::all_of(match.begin(), match.end(), [&](const auto& wanted) {
          const auto found = host.endpoint->metadata.find(wanted.first);
          return found != host.endpoint->metadata.end() && found->second == wanted.second;
        });
        there = there || fits;
        const bool up = host.health == Health::kHealthy;
        if (up && (fits || !selected)) expected.insert(host.endpoint->id);
      }
      if (!there) expected = {"subset_not_found"};
      if (expected.empty()) {
        expected = {selected ? "no_eligible_endpoint_in_subset" : "no_eligible_endpoint"};
      }
      EXPECT_EQ(idsOf(match), expected) << "round " << round;
    }
  }
}

}  // namespace
}  // namespace weir::extensions::load_balancing::subset
