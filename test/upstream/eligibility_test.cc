#include "source/upstream/eligibility.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/random.h"
#include "source/upstream/endpoint_health.h"
#include "test/upstream/host_list.h"

namespace weir::upstream {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

std::vector<std::string> idsOf(const HostSet& set, const HostGroup& group) {
  std::vector<std::string> ids;
  for (const uint32_t host : group.hosts) ids.push_back(set.hosts[host].endpoint->id);
  return ids;
}

// "id id: share in a hundred", by group.
std::vector<std::string> summary(const HostSet& set) {
  std::vector<std::string> lines;
  for (const HostGroup& group : set.groups) {
    std::string line;
    for (const std::string& id : idsOf(set, group)) line += id + " ";
    line.back() = ':';
    line += " " + std::to_string((uint64_t{group.share} * 1000 / HostSet::kWhole + 5) / 10);
    lines.push_back(line + (group.panic ? " panic" : ""));
  }
  return lines;
}

// Priorities of a hundred endpoints each, of which so many are healthy; the shares in a hundred.
std::vector<int> sharesOf(const std::vector<int>& healthy) {
  HostList hosts;
  for (uint32_t priority = 0; priority < healthy.size(); ++priority) {
    for (int i = 0; i < 100; ++i) {
      hosts.add({.priority = priority},
                i < healthy[priority] ? Health::kHealthy : Health::kUnhealthy);
    }
  }
  const auto set = eligible(1, hosts.list(), {.panic_percent = 0});
  std::vector<int> shares(healthy.size());
  for (const HostGroup& group : set->groups) {
    const uint32_t priority = set->hosts[group.hosts.front()].endpoint->priority;
    shares[priority] = static_cast<int>((uint64_t{group.share} * 1000 / HostSet::kWhole + 5) / 10);
  }
  return shares;
}

TEST(EligibleTest, NothingOfNothing) {
  const auto set = eligible(7, {});
  EXPECT_EQ(set->version, 7u);
  EXPECT_THAT(set->groups, IsEmpty());
  EXPECT_THAT(set->eligible, IsEmpty());
  EXPECT_EQ(set->none_reason, "no_eligible_endpoint");
}

TEST(EligibleTest, WhatMayBePicked) {
  HostList hosts;
  hosts.add({.id = "healthy"})
      .add({.id = "down"}, Health::kUnhealthy)
      .add({.id = "unknown"}, Health::kUnknown)
      .add({.id = "degraded"}, Health::kDegraded)
      .add({.id = "draining"}, Health::kDraining)
      .add({.id = "disabled"}, Health::kDisabled)
      .add({.id = "no weight", .weight = 0})
      .add({.id = "heavy", .weight = 3});
  const auto set = eligible(7, hosts.list());
  EXPECT_EQ(set->hosts.size(), 8u);
  EXPECT_THAT(set->eligible, ElementsAre(0, 2, 3, 7));
  // 5 of 9 are healthy, which can take 7/9; the degraded one has 1 of 9.
  EXPECT_THAT(summary(*set), ElementsAre("healthy unknown heavy: 83", "degraded: 17"));
}

TEST(EligibleTest, PrioritiesFillInOrder) {
  EXPECT_THAT(sharesOf({100, 100}), ElementsAre(100, 0));
  EXPECT_THAT(sharesOf({72, 100}), ElementsAre(100, 0));
  EXPECT_THAT(sharesOf({71, 100}), ElementsAre(99, 1));
  EXPECT_THAT(sharesOf({50, 100}), ElementsAre(70, 30));
  EXPECT_THAT(sharesOf({25, 100}), ElementsAre(35, 65));
  EXPECT_THAT(sharesOf({0, 100}), ElementsAre(0, 100));
  EXPECT_THAT(sharesOf({25, 25}), ElementsAre(50, 50));
  EXPECT_THAT(sharesOf({20, 20, 10}), ElementsAre(40, 40, 20));
  EXPECT_THAT(sharesOf({0, 0}), ElementsAre(0, 0));
}

TEST(EligibleTest, NumbersOfPrioritiesOnlyOrder) {
  HostList hosts;
  hosts.add({.id = "last", .priority = 90})
      .add({.id = "down", .priority = 3}, Health::kUnhealthy)
      .add({.id = "first", .priority = 3});
  EXPECT_THAT(summary(*eligible(1, hosts.list())), ElementsAre("first: 70", "last: 30"));
}

TEST(EligibleTest, DegradedOnesTakeWhatHealthyOnesCannot) {
  HostList hosts;
  hosts.add({.id = "a"})
      .add({.id = "b"}, Health::kDegraded)
      .add({.id = "c"}, Health::kUnhealthy)
      .add({.id = "d"}, Health::kUnhealthy)
      .add({.id = "second", .priority = 1});
  // All healthy ones come before any degraded one.
  EXPECT_THAT(summary(*eligible(1, hosts.list())), ElementsAre("a: 35", "second: 65"));
  HostList alone;
  alone.add({.id = "a"}, Health::kDegraded).add({.id = "b"}, Health::kUnhealthy);
  EXPECT_THAT(summary(*eligible(1, alone.list())), ElementsAre("a: 100"));
}

TEST(EligibleTest, PanicWhenFewAreLeftAndOthersCannotTakeIt) {
  HostList hosts;
  hosts.add({.id = "a"})
      .add({.id = "b"}, Health::kUnhealthy)
      .add({.id = "c"}, Health::kUnhealthy)
      .add({.id = "drains"}, Health::kDraining);
  EXPECT_THAT(summary(*eligible(1, hosts.list())), ElementsAre("a b c: 100 panic"));
  EXPECT_THAT(summary(*eligible(1, hosts.list(), {.panic_percent = 33})), ElementsAre("a: 100"));
  EXPECT_THAT(summary(*eligible(1, hosts.list(), {.panic_percent = 0})), ElementsAre("a: 100"));
  // The second priority can take the rest: no panic.
  hosts.add({.id = "second", .priority = 1});
  EXPECT_THAT(summary(*eligible(1, hosts.list())), ElementsAre("a: 35", "second: 65"));
}

TEST(EligibleTest, WhenAllAreDownAllServeUnlessPanicIsOff) {
  HostList hosts;
  hosts.add({.id = "a", .weight = 3}, Health::kUnhealthy)
      .add({.id = "b", .priority = 1}, Health::kUnhealthy)
      .add({.id = "c", .priority = 1}, Health::kDisabled);
  EXPECT_THAT(summary(*eligible(1, hosts.list())), ElementsAre("a: 75 panic", "b: 25 panic"));
  EXPECT_THAT(summary(*eligible(1, hosts.list(), {.panic_percent = 0})), IsEmpty());
}

// Endpoints that the operator has taken out leave a gap that the next priority fills, but are no
// reason to panic.
TEST(EligibleTest, DrainingOnesAreMissing) {
  HostList hosts;
  hosts.add({.id = "a"})
      .add({.id = "b"}, Health::kDraining)
      .add({.id = "c"}, Health::kDraining)
      .add({.id = "d"}, Health::kDisabled);
  EXPECT_THAT(summary(*eligible(1, hosts.list())), ElementsAre("a: 100"));
  hosts.add({.id = "second", .priority = 1});
  EXPECT_THAT(summary(*eligible(1, hosts.list())), ElementsAre("a: 35", "second: 65"));
}

TEST(EligibleTest, LocalitiesByWeight) {
  const EligibilityPolicy policy{.locality_mode = LocalityMode::kWeighted,
                                 .locality_weights = {{"east", 3}, {"off", 0}}};
  HostList hosts;
  hosts.add({.id = "e1", .locality = "east"})
      .add({.id = "e2", .locality = "east"})
      .add({.id = "w", .weight = 100, .locality = "west"})
      .add({.id = "o", .locality = "off"});
  EXPECT_THAT(summary(*eligible(1, hosts.list(), policy)), ElementsAre("e1 e2: 75", "w: 25"));
  // Half of it can take 70 %: 2.1 to 1.
  hosts.set("e2", Health::kUnhealthy);
  EXPECT_THAT(summary(*eligible(1, hosts.list(), policy)), ElementsAre("e1: 68", "w: 32"));
  hosts.set("e1", Health::kUnhealthy);
  EXPECT_THAT(summary(*eligible(1, hosts.list(), policy)), ElementsAre("w: 100"));
}

TEST(EligibleTest, OwnLocalityFirst) {
  EligibilityPolicy policy{.locality_mode = LocalityMode::kPreferOwn, .own_locality = "b"};
  HostList hosts;
  for (const char* id : {"a1", "a2", "a3", "b1", "b2", "b3", "c1", "c2", "c3"}) {
    hosts.add({.id = id, .locality = std::string(1, id[0])});
  }
  EXPECT_THAT(summary(*eligible(1, hosts.list(), policy)), ElementsAre("b1 b2 b3: 100"));
  // Now it has 2 of 8 where 1 of 3 would be fair.
  hosts.set("b1", Health::kUnhealthy);
  EXPECT_THAT(summary(*eligible(1, hosts.list(), policy)),
              ElementsAre("a1 a2 a3: 13", "b2 b3: 75", "c1 c2 c3: 13"));
  policy.own_locality = "nowhere";
  hosts.set("c1", Health::kUnhealthy);
  EXPECT_THAT(summary(*eligible(1, hosts.list(), policy)),
              ElementsAre("a1 a2 a3: 43", "b2 b3: 29", "c2 c3: 29"));
  policy.own_locality = "b";
  policy.prefer_own_from = 10;
  EXPECT_EQ(summary(*eligible(1, hosts.list(), policy)).size(), 1u);
}

TEST(EligibleTest, KeysTellWhatAGroupMeans) {
  HostList hosts;
  hosts.add({.id = "a", .locality = "x"})
      .add({.id = "b", .locality = "y"})
      .add({.id = "c", .priority = 1, .locality = "x"});
  const EligibilityPolicy policy{.locality_mode = LocalityMode::kWeighted};
  const auto before = eligible(1, hosts.list(), policy);
  ASSERT_EQ(before->groups.size(), 2u);
  hosts.set("a", Health::kUnhealthy);
  const auto after = eligible(2, hosts.list(), policy);
  EXPECT_THAT(summary(*after), ElementsAre("b: 70", "c: 30"));
  EXPECT_EQ(after->groups[0].key, before->groups[1].key);
  EXPECT_NE(after->groups[1].key, before->groups[0].key);
  EXPECT_EQ(after->hosts[1].uid, before->hosts[1].uid);
  EXPECT_NE(after->hosts[1].uid, after->hosts[2].uid);
}

// Whatever the membership ---------------------------------------------------------------------

using GroupName = std::tuple<uint32_t, bool, std::string>;  // priority, degraded, locality

// What the shares are to be, straight from the rules, without regard to cost.
class Oracle {
 public:
  Oracle(const std::vector<HostSet::Host>& hosts, const EligibilityPolicy& policy)
      : hosts_(hosts), policy_(policy) {
    by_locality_ = policy.locality_mode == LocalityMode::kWeighted ||
                   (policy.locality_mode == LocalityMode::kPreferOwn &&
                    hosts.size() >= policy.prefer_own_from);
    for (const HostSet::Host& host : hosts) {
      priorities_.insert(host.endpoint->priority);
      localities_.insert(host.endpoint->locality);
    }
    share();
  }
  std::map<GroupName, double> loads;
  std::set<uint32_t> panics;

  bool mayEver(const HostSet::Host& host) const {
    return weightOf(host) > 0 && host.health != Health::kDraining &&
           host.health != Health::kDisabled && !waits(host);
  }

 private:
  bool waits(const HostSet::Host& host) const {
    return host.health == Health::kUnknown && policy_.unknown_waits;
  }
  static bool degraded(const HostSet::Host& host) { return host.health == Health::kDegraded; }
  uint32_t localityWeight(const std::string& locality) const {
    const auto found = policy_.locality_weights.find(locality);
    return found == policy_.locality_weights.end() ? 1 : found->second;
  }
  uint32_t weightOf(const HostSet::Host& host) const {
    const bool shut = policy_.locality_mode == LocalityMode::kWeighted &&
                      localityWeight(host.endpoint->locality) == 0;
    return shut ? 0 : host.endpoint->weight;
  }
  template <class F>
  double sum(F&& wanted) const {
    double sum = 0;
    for (const HostSet::Host& host : hosts_) {
      if (wanted(host)) sum += weightOf(host);
    }
    return sum;
  }
  template <class F>
  double sumOf(uint32_t priority, F&& wanted) const {
    return sum([&](const auto& h) { return h.endpoint->priority == priority && wanted(h); });
  }
  static bool any(const HostSet::Host&) { return true; }
  template <class F>
  double available(uint32_t priority, F&& kind) const {
    const double all = sumOf(priority, any);
    const double factor = policy_.overprovisioning_percent / 100.0;
    return all == 0 ? 0 : std::min(1.0, factor * sumOf(priority, kind) / all);
  }

  void share() {
    const auto may = [this](const auto& host) { return mayEver(host); };
    const auto healthy = [this](const auto& host) {
      return host.health == Health::kHealthy || (host.health == Health::kUnknown && !waits(host));
    };
    double total = 0;
    for (const uint32_t p : priorities_) total += available(p, healthy) + available(p, degraded);
    if (total == 0) {
      for (const uint32_t p : priorities_) {
        if (policy_.panic_percent == 0 || sumOf(p, may) == 0) continue;
        panics.insert(p);
        among(p, false, sumOf(p, may) / sum(may), may);
      }
      return;
    }
    double left = 1;
    std::map<uint32_t, double> first, second;
    for (const uint32_t p : priorities_) {
      left -= first[p] = std::min(left, available(p, healthy) / std::min(1.0, total));
    }
    for (const uint32_t p : priorities_) {
      left -= second[p] = std::min(left, available(p, degraded) / std::min(1.0, total));
    }
    for (const uint32_t p : priorities_) {
      const double serving = sumOf(p, healthy) + sumOf(p, degraded);
      if (total < 1 - 1e-9 && 100 * serving < policy_.panic_percent * sumOf(p, may)) {
        panics.insert(p);
        among(p, false, first[p] + second[p], may);
      } else {
        among(p, false, first[p], healthy);
        among(p, true, second[p], degraded);
      }
    }
  }

  template <class F>
  void among(uint32_t p, bool is_degraded, double load, F&& wanted) {
    if (load < 1e-9) return;
    if (!by_locality_) {
      loads[{p, is_degraded, ""}] = load;
      return;
    }
    const auto in = [&](const std::string& l, auto&& kind) {
      return sumOf(p, [&](const auto& h) { return h.endpoint->locality == l && kind(h); });
    };
    double n = 0;
    for (const std::string& l : localities_) n += in(l, any) > 0 ? 1 : 0;
    const double all = sumOf(p, wanted);
    const std::string& own = policy_.own_locality;
    std::map<std::string, double> parts;
    double whole = 0;
    for (const std::string& l : localities_) {
      if (in(l, any) == 0) continue;
      if (policy_.locality_mode == LocalityMode::kWeighted) {
        parts[l] = localityWeight(l) * std::min(1.0, policy_.overprovisioning_percent / 100.0 *
                                                         in(l, wanted) / in(l, any));
      } else if (in(own, any) == 0) {
        parts[l] = in(l, wanted);
      } else if (l == own) {
        parts[l] = std::min(1.0, n * in(l, wanted) / all);
      } else {
        double spare = 0;
        for (const std::string& other : localities_) {
          if (other != own) spare += std::max(0.0, in(other, wanted) / all - 1 / n);
        }
        const double kept = std::min(1.0, n * in(own, wanted) / all);
        const double mine = std::max(0.0, in(l, wanted) / all - 1 / n);
        parts[l] = mine > 1e-12 ? (1 - kept) * mine / spare : 0;
      }
      whole += parts[l];
    }
    for (const auto& [l, part] : parts) {
      if (load * part / whole > 1e-9) loads[{p, is_degraded, l}] = load * part / whole;
    }
  }

  const std::vector<HostSet::Host>& hosts_;
  const EligibilityPolicy& policy_;
  bool by_locality_;
  std::set<uint32_t> priorities_;
  std::set<std::string> localities_;
};

class EligiblePropertyTest : public testing::Test {
 protected:
  uint32_t below(uint64_t bound) { return static_cast<uint32_t>(random_.uniform(bound)); }

  std::vector<HostSet::Host> someHosts() {
    HostList hosts;
    const uint32_t priorities = 1 + below(3), localities = 1 + below(4), ill = below(5);
    for (uint32_t i = below(24); i > 0; --i) {
      const auto health = below(4) < ill ? static_cast<Health>(below(6)) : Health::kHealthy;
      hosts.add({.weight = below(6),
                 .priority = below(priorities),
                 .locality = std::string(1, static_cast<char>('a' + below(localities)))},
                health);
    }
    return hosts.list();
  }
  EligibilityPolicy somePolicy() {
    constexpr uint32_t kFactors[] = {100, 140, 200, 1000};
    constexpr uint32_t kPanics[] = {0, 30, 50, 100};
    constexpr uint32_t kSizes[] = {0, 6, 20};
    EligibilityPolicy policy{.overprovisioning_percent = kFactors[below(4)],
                             .panic_percent = kPanics[below(4)],
                             .locality_mode = static_cast<LocalityMode>(below(3)),
                             .own_locality = below(4) == 0 ? "z" : "a",
                             .prefer_own_from = kSizes[below(3)],
                             .unknown_waits = below(3) == 0};
    for (const char* locality : {"a", "b", "c"}) {
      if (below(2) == 0) policy.locality_weights[locality] = below(4);
    }
    return policy;
  }

  base::Random random_{1};
};

bool byLocality(const HostSet& set, const EligibilityPolicy& policy) {
  return policy.locality_mode == LocalityMode::kWeighted ||
         (policy.locality_mode == LocalityMode::kPreferOwn &&
          set.hosts.size() >= policy.prefer_own_from);
}

GroupName nameOf(const HostSet& set, const HostGroup& group, const EligibilityPolicy& policy) {
  const HostSet::Host& first = set.hosts[group.hosts.front()];
  return {first.endpoint->priority, !group.panic && first.health == Health::kDegraded,
          byLocality(set, policy) ? first.endpoint->locality : ""};
}

// What holds for every host set.
void checkShape(const HostSet& set) {
  uint64_t sum = 0;
  std::set<uint64_t> keys, uids;
  std::vector<uint32_t> grouped;
  for (uint32_t g = 0; g < set.groups.size(); ++g) {
    const HostGroup& group = set.groups[g];
    sum += group.share;
    ASSERT_GT(group.share, 0u);
    ASSERT_FALSE(group.hosts.empty());
    ASSERT_TRUE(keys.insert(group.key).second);
    ASSERT_TRUE(std::is_sorted(group.hosts.begin(), group.hosts.end()));
    for (const uint32_t host : group.hosts) ASSERT_EQ(set.group_of[host], g);
    grouped.insert(grouped.end(), group.hosts.begin(), group.hosts.end());
  }
  ASSERT_EQ(sum, set.groups.empty() ? 0 : HostSet::kWhole);
  std::sort(grouped.begin(), grouped.end());
  ASSERT_TRUE(std::adjacent_find(grouped.begin(), grouped.end()) == grouped.end());
  ASSERT_EQ(grouped, set.eligible);
  ASSERT_EQ(set.group_of.size(), set.hosts.size());
  ASSERT_EQ(
      static_cast<size_t>(std::count(set.group_of.begin(), set.group_of.end(), HostSet::kNoGroup)),
      set.hosts.size() - grouped.size());
  for (const HostSet::Host& host : set.hosts) ASSERT_TRUE(uids.insert(host.uid).second);
}

void checkAgainstOracle(const HostSet& set, const EligibilityPolicy& policy) {
  const Oracle oracle(set.hosts, policy);
  std::map<GroupName, double> seen;
  for (const HostGroup& group : set.groups) {
    const GroupName name = nameOf(set, group, policy);
    ASSERT_TRUE(seen.emplace(name, group.share).second);
    ASSERT_EQ(group.panic, oracle.panics.count(std::get<0>(name)) == 1);
    for (const uint32_t i : group.hosts) {
      const HostSet::Host& host = set.hosts[i];
      ASSERT_TRUE(oracle.mayEver(host));
      ASSERT_EQ(host.endpoint->priority, std::get<0>(name));
      ASSERT_EQ(byLocality(set, policy) ? host.endpoint->locality : "", std::get<2>(name));
      if (group.panic) continue;
      ASSERT_NE(host.health, Health::kUnhealthy);
      ASSERT_EQ(host.health == Health::kDegraded, std::get<1>(name));
    }
  }
  ASSERT_EQ(seen.size(), oracle.loads.size());
  for (const auto& [name, load] : oracle.loads) {
    ASSERT_NEAR(seen[name], load * HostSet::kWhole, 1.0 + static_cast<double>(seen.size()));
  }
  // All that a group may have, it has.
  for (uint32_t i = 0; i < set.hosts.size(); ++i) {
    const HostSet::Host& host = set.hosts[i];
    const bool panic = oracle.panics.count(host.endpoint->priority) == 1;
    if (!oracle.mayEver(host) || (!panic && host.health == Health::kUnhealthy)) continue;
    const GroupName name{host.endpoint->priority, !panic && host.health == Health::kDegraded,
                         byLocality(set, policy) ? host.endpoint->locality : ""};
    ASSERT_EQ(set.group_of[i] != HostSet::kNoGroup, oracle.loads.count(name) == 1);
  }
}

TEST_F(EligiblePropertyTest, AgreesWithTheRules) {
  for (int round = 0; round < 10'000 && !HasFatalFailure(); ++round) {
    SCOPED_TRACE(round);
    const EligibilityPolicy policy = somePolicy();
    const auto set = eligible(1, someHosts(), policy);
    checkShape(*set);
    if (!HasFatalFailure()) checkAgainstOracle(*set, policy);
  }
}

TEST_F(EligiblePropertyTest, DependsOnNothingElse) {
  for (int round = 0; round < 2'000; ++round) {
    const EligibilityPolicy policy = somePolicy();
    const auto set = eligible(1, someHosts(), policy);
    const auto again = eligible(2, set->hosts, policy);
    ASSERT_EQ(again->group_of, set->group_of);
    std::vector<HostSet::Host> turned(set->hosts.rbegin(), set->hosts.rend());
    const auto other = eligible(3, std::move(turned), policy);
    ASSERT_EQ(other->groups.size(), set->groups.size());
    for (size_t g = 0; g < set->groups.size(); ++g) {
      ASSERT_EQ(again->groups[g].share, set->groups[g].share);
      ASSERT_EQ(again->groups[g].key, set->groups[g].key);
      ASSERT_EQ(other->groups[g].share, set->groups[g].share);
      ASSERT_EQ(other->groups[g].key, set->groups[g].key);
      std::vector<std::string> ids = idsOf(*other, other->groups[g]);
      std::reverse(ids.begin(), ids.end());
      ASSERT_EQ(ids, idsOf(*set, set->groups[g]));
    }
    for (size_t i = 0; i < set->hosts.size(); ++i) {
      ASSERT_EQ(other->hosts[set->hosts.size() - 1 - i].uid, set->hosts[i].uid);
    }
  }
}

// Straight from what is known of endpoints: what the operator, traffic and checks say.
TEST_F(EligiblePropertyTest, FollowsFromWhatIsKnown) {
  struct Known {
    OperatorState state;
    Health checked;
    bool ejected;
  };
  constexpr Health kChecked[] = {Health::kUnknown, Health::kHealthy, Health::kDegraded,
                                 Health::kUnhealthy};
  int picked = 0, in_panic = 0, waited = 0;
  for (int round = 0; round < 10'000; ++round) {
    const EligibilityPolicy policy = somePolicy();
    std::vector<HostSet::Host> hosts = someHosts();
    std::vector<Known> known;
    for (HostSet::Host& host : hosts) {
      const bool fine = below(2) == 0;
      known.push_back({fine ? OperatorState::kEnabled : static_cast<OperatorState>(below(3)),
                       fine ? Health::kHealthy : kChecked[below(4)], !fine && below(4) == 0});
      host.health = combinedHealth(known.back().state, known.back().checked, known.back().ejected);
    }
    const auto set = eligible(1, hosts, policy);
    for (uint32_t i = 0; i < known.size(); ++i) {
      const Known& what = known[i];
      const bool waits = what.checked == Health::kUnknown && !what.ejected && policy.unknown_waits;
      waited += waits ? 1 : 0;
      if (set->group_of[i] == HostSet::kNoGroup) continue;
      ++picked;
      ASSERT_EQ(what.state, OperatorState::kEnabled);
      ASSERT_GT(set->hosts[i].endpoint->weight, 0u);
      ASSERT_FALSE(waits);
      if (!what.ejected && what.checked != Health::kUnhealthy) continue;
      ++in_panic;
      ASSERT_TRUE(set->groups[set->group_of[i]].panic);
    }
    ASSERT_TRUE(sameChoice(*set, *eligible(2, hosts, policy)));
  }
  EXPECT_GT(picked, 1'000);
  EXPECT_GT(in_panic, 100);
  EXPECT_GT(waited, 1'000);
}

TEST(CombinedHealth, TheOperatorComesFirstThenTrafficThenChecks) {
  constexpr Health kChecked[] = {Health::kUnknown, Health::kHealthy, Health::kDegraded,
                                 Health::kUnhealthy};
  for (const Health checked : kChecked) {
    for (const bool ejected : {false, true}) {
      EXPECT_EQ(combinedHealth(OperatorState::kDisabled, checked, ejected), Health::kDisabled);
      EXPECT_EQ(combinedHealth(OperatorState::kDraining, checked, ejected), Health::kDraining);
    }
    EXPECT_EQ(combinedHealth(OperatorState::kEnabled, checked, true), Health::kUnhealthy);
    EXPECT_EQ(combinedHealth(OperatorState::kEnabled, checked, false), checked);
  }
}

TEST(SameChoice, SeesEveryDifference) {
  HostList hosts;
  hosts.add({.id = "a"}).add({.id = "b", .weight = 2});
  const auto set = eligible(1, hosts.list());
  EXPECT_TRUE(sameChoice(*set, *eligible(9, hosts.list())));
  for (const auto change : std::initializer_list<void (*)(HostSet&)>{
           [](HostSet& s) { s.hosts.pop_back(); },
           [](HostSet& s) { s.hosts[0].health = Health::kDegraded; },
           [](HostSet& s) { s.hosts[1].out_since += std::chrono::seconds(1); },
           [](HostSet& s) { s.eligible.clear(); },
           [](HostSet& s) { s.group_of[0] = HostSet::kNoGroup; },
           [](HostSet& s) { s.groups[0].share -= 1; },
           [](HostSet& s) { s.groups[0].hosts.pop_back(); },
           [](HostSet& s) { s.groups[0].panic = true; }}) {
    HostSet other = *set;
    change(other);
    EXPECT_FALSE(sameChoice(*set, other));
  }
}

// An endpoint that becomes healthy never takes from the healthy ones of its priority and locality.
TEST_F(EligiblePropertyTest, HealthDoesNotLowerAShare) {
  const auto panics = [](const HostSet& set) {
    return std::any_of(set.groups.begin(), set.groups.end(), [](auto& g) { return g.panic; });
  };
  int compared = 0;
  for (int round = 0; round < 15'000; ++round) {
    const EligibilityPolicy policy = somePolicy();
    const auto before = eligible(1, someHosts(), policy);
    if (before->hosts.empty()) continue;
    const uint32_t better = below(before->hosts.size());
    std::vector<HostSet::Host> hosts = before->hosts;
    hosts[better].health = Health::kHealthy;
    const auto after = eligible(2, std::move(hosts), policy);
    const uint32_t group = after->group_of[better];
    if (group == HostSet::kNoGroup || panics(*before) || panics(*after)) continue;
    uint32_t share = 0;
    for (const HostGroup& g : before->groups) {
      if (g.key == after->groups[group].key) share = g.share;
    }
    ASSERT_GE(after->groups[group].share + 8, share) << round;
    ++compared;
  }
  EXPECT_GT(compared, 3'000);
}

}  // namespace
}  // namespace weir::upstream
