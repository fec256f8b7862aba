#include "source/upstream/grouped_balancer.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "extensions/load_balancing/first/first.h"
#include "extensions/load_balancing/least_request/least_request.h"
#include "extensions/load_balancing/least_time/least_time.h"
#include "extensions/load_balancing/random/random.h"
#include "extensions/load_balancing/round_robin/round_robin.h"
#include "source/base/hash.h"
#include "source/base/random.h"
#include "source/upstream/slow_start.h"
#include "test/upstream/test_hosts.h"

namespace weir::upstream {
namespace {

namespace algorithms = extensions::load_balancing;
using event::MonotonicTime;
using std::chrono::seconds;

const MonotonicTime kStart = MonotonicTime() + std::chrono::hours(1);

// Hashes: the order of owners of a key is that of the hashes of key and host.
class Rendezvous final : public Algorithm {
 public:
  void onGroup(const HostSet& hosts, const HostGroup& group, const HostLoads&) override {
    hosts_ = &hosts;
    group_ = group.hosts;
  }
  Pick pick(const PickContext& context) override {
    uint32_t best = HostSet::kNoGroup;
    for (const uint32_t host : group_) {
      if (isTried(context, host)) continue;
      if (best == HostSet::kNoGroup || score(context, host) > score(context, best)) best = host;
    }
    return Pick::endpoint(best == HostSet::kNoGroup ? group_.front() : best);
  }

 private:
  uint64_t score(const PickContext& context, uint32_t host) const {
    return base::mix64(*context.hash ^ base::mix64(hosts_->hosts[host].uid));
  }
  const HostSet* hosts_ = nullptr;
  std::vector<uint32_t> group_;
};

class RendezvousFactory final : public AlgorithmFactory {
 public:
  std::string_view name() const override { return "rendezvous"; }
  bool usesHash() const override { return true; }
  std::unique_ptr<Algorithm> createAlgorithm(const BalancerContext&) const override {
    return std::make_unique<Rendezvous>();
  }
};

std::vector<std::shared_ptr<const AlgorithmFactory>> allFactories() {
  return {
      std::make_shared<algorithms::round_robin::RoundRobinFactory>(),
      std::make_shared<algorithms::random::RandomFactory>(),
      std::make_shared<algorithms::least_request::LeastRequestFactory>(),
      std::make_shared<algorithms::least_request::LeastRequestFactory>(
          algorithms::least_request::LeastRequestOptions{.choices = 2, .full_scan_limit = 0}),
      std::make_shared<algorithms::least_time::LeastTimeFactory>(),
      std::make_shared<algorithms::least_time::LeastTimeFactory>(
          algorithms::least_time::LeastTimeOptions{.full_scan_limit = 0}),
      std::make_shared<algorithms::first::FirstFactory>(),
      std::make_shared<RendezvousFactory>(),
  };
}

class Loads final : public HostLoads {
 public:
  explicit Loads(size_t hosts) : counts(hosts), fulls(hosts) {}
  uint32_t inFlight(uint32_t host) const override { return counts[host]; }
  bool full(uint32_t host) const override { return fulls[host]; }
  std::vector<uint32_t> counts;
  std::vector<bool> fulls;
};

// One worker's balancer over a host set.
struct Worker {
  Worker(const AlgorithmFactory& factory, std::shared_ptr<const HostSet> set, uint64_t seed = 1,
         const SlowStart& slow = {})
      : random(seed),
        slow_start(slow),
        loads(set->hosts.size()),
        balancer(factory.create({.random = random, .slow_start = &slow_start})) {
    adopt(std::move(set));
  }
  void adopt(std::shared_ptr<const HostSet> set) {
    const auto before = std::exchange(hosts, std::move(set));
    loads = Loads(hosts->hosts.size());
    balancer->onHostSet(*hosts, loads);
  }
  uint32_t pick(std::optional<uint64_t> hash = std::nullopt) {
    PickContext context;
    context.hash = hash;
    context.now = now;
    const Pick pick = balancer->pick(context);
    EXPECT_EQ(pick.kind, Pick::Kind::kEndpoint);
    return pick.host;
  }
  std::vector<double> count(int picks) {
    std::vector<double> counts(hosts->hosts.size());
    for (int i = 0; i < picks; ++i) ++counts[pick(random.next())];
    return counts;
  }
  base::Random random;
  SlowStart slow_start;
  std::shared_ptr<const HostSet> hosts;
  Loads loads;
  std::unique_ptr<LoadBalancer> balancer;
  MonotonicTime now = kStart;
};

struct GroupSpec {
  uint64_t key;
  double share;
  std::vector<uint32_t> weights;
};

std::shared_ptr<HostSet> grouped(const std::vector<GroupSpec>& specs,
                                 const AlgorithmFactory& factory) {
  std::vector<uint32_t> weights;
  for (const GroupSpec& spec : specs) {
    weights.insert(weights.end(), spec.weights.begin(), spec.weights.end());
  }
  auto set = std::make_shared<HostSet>(*hostsOf(weights));
  set->groups.clear();
  uint32_t next = 0;
  uint32_t left = HostSet::kWhole;
  for (const GroupSpec& spec : specs) {
    const bool last = &spec == &specs.back();
    const uint32_t share = last ? left : static_cast<uint32_t>(spec.share * HostSet::kWhole);
    left -= share;
    HostGroup group;
    group.key = spec.key;
    group.share = share;
    for (size_t i = 0; i < spec.weights.size(); ++i) {
      set->group_of[next] = static_cast<uint32_t>(set->groups.size());
      group.hosts.push_back(next++);
    }
    set->groups.push_back(std::move(group));
  }
  factory.prepare(*set, {});
  return set;
}

std::shared_ptr<HostSet> alike(size_t hosts, const AlgorithmFactory& factory) {
  return grouped({{1, 1, std::vector<uint32_t>(hosts, 1)}}, factory);
}

TEST(GroupedBalancerTest, SharesWithinOnePercentForEveryAlgorithm) {
  const std::vector<uint32_t> weights = {3, 1, 2, 10};
  for (const auto& factory : allFactories()) {
    if (factory->name() == "first" || factory->name() == "rendezvous") continue;
    Worker worker(*factory, grouped({{1, 1, weights}}, *factory), 5);
    const std::vector<double> counts = worker.count(100'000);
    for (size_t i = 0; i < weights.size(); ++i) {
      const double due = 100'000.0 * weights[i] / 16;
      // Chance alone strays by the root.
      const bool chance = factory->name() == "random";
      EXPECT_NEAR(counts[i], due, chance ? 3 * std::sqrt(due) : due * 0.01) << factory->name();
    }
  }
}

TEST(GroupedBalancerTest, FiveWorkersGiveTheSameDistributionAsOne) {
  for (const auto& factory : allFactories()) {
    const auto set = grouped({{1, 0.6, {1, 1, 1}}, {2, 0.3, {2, 1}}, {3, 0.1, {1}}}, *factory);
    Worker one(*factory, set, 1);
    const std::vector<double> alone = one.count(100'000);
    std::vector<double> sum(6);
    for (uint64_t seed = 10; seed < 15; ++seed) {
      Worker worker(*factory, set, seed);
      const std::vector<double> counts = worker.count(20'000);
      for (size_t i = 0; i < sum.size(); ++i) sum[i] += counts[i];
    }
    for (size_t i = 0; i < sum.size(); ++i) {
      EXPECT_NEAR(sum[i], alone[i], std::max(1000.0, 0.05 * alone[i])) << factory->name();
    }
  }
}

TEST(GroupedBalancerTest, GroupsGetTheirShares) {
  for (const auto& factory : allFactories()) {
    Worker worker(*factory, grouped({{1, 0.55, {1, 1}}, {2, 0.3, {1}}, {3, 0.15, {1}}}, *factory));
    const std::vector<double> counts = worker.count(100'000);
    const double allowed = factory->usesHash() ? 500 : 50;
    EXPECT_NEAR(counts[0] + counts[1], 55'000, allowed) << factory->name();
    EXPECT_NEAR(counts[2], 30'000, allowed) << factory->name();
    EXPECT_NEAR(counts[3], 15'000, allowed) << factory->name();
  }
}

TEST(GroupedBalancerTest, AKeyStaysInItsGroupAsLongAsSharesAllow) {
  const RendezvousFactory factory;
  Worker worker(factory, grouped({{1, 0.5, {1}}, {2, 0.3, {1}}, {3, 0.2, {1}}}, factory));
  std::vector<uint32_t> before;
  for (uint64_t key = 0; key < 20'000; ++key) before.push_back(worker.pick(base::mix64(key)));
  worker.adopt(grouped({{1, 0.4, {1}}, {2, 0.4, {1}}, {3, 0.2, {1}}}, factory));
  int moved = 0;
  for (uint64_t key = 0; key < 20'000; ++key) {
    const uint32_t now = worker.pick(base::mix64(key));
    if (now == before[key]) continue;
    ++moved;
    EXPECT_TRUE(now == 1 || before[key] == 0) << before[key] << " to " << now;
  }
  EXPECT_NEAR(moved, 2'000, 600);  // a tenth of the share has changed hands
}

TEST(GroupedBalancerTest, WithoutAnythingToHashTheGroupIsAnyone) {
  const RendezvousFactory factory;
  Worker worker(factory, grouped({{1, 0.5, {1, 1}}, {2, 0.5, {1, 1}}}, factory));
  std::vector<int> counts(4);
  for (int i = 0; i < 10'000; ++i) ++counts[worker.pick()];
  for (const int count : counts) EXPECT_NEAR(count, 2'500, 300);
}

TEST(GroupedBalancerTest, WithoutEligibleEndpointItSaysWhy) {
  const algorithms::random::RandomFactory factory;
  auto set = std::make_shared<HostSet>();
  set->none_reason = "no_members_yet";
  Worker worker(factory, set);
  const Pick pick = worker.balancer->pick({});
  EXPECT_EQ(pick.kind, Pick::Kind::kFailure);
  EXPECT_EQ(pick.reason, "no_members_yet");
}

// What a pick may be, whatever the algorithm.
void expectByTheRules(const HostSet& set, const Loads& loads, const PickContext& context,
                      const Pick& pick) {
  bool fresh = false;
  bool room = false;
  for (const HostGroup& group : set.groups) {
    for (const uint32_t host : group.hosts) {
      const bool tried = std::count(context.tried.begin(), context.tried.end(), host) > 0;
      room |= !loads.fulls[host];
      fresh |= !loads.fulls[host] && !tried;
    }
  }
  if (!room) {
    ASSERT_EQ(pick.kind, Pick::Kind::kWait);
    ASSERT_EQ(pick.reason, "endpoints_full");
    return;
  }
  ASSERT_EQ(pick.kind, Pick::Kind::kEndpoint);
  ASSERT_NE(set.group_of[pick.host], HostSet::kNoGroup);
  ASSERT_FALSE(loads.fulls[pick.host]);
  const bool tried = std::count(context.tried.begin(), context.tried.end(), pick.host) > 0;
  ASSERT_EQ(tried, !fresh);
}

TEST(GroupedBalancerTest, TriedAndFullOnesAreAvoidedWhileOthersRemain) {
  base::Random random(17);
  for (const auto& factory : allFactories()) {
    for (int round = 0; round < 150; ++round) {
      std::vector<GroupSpec> specs(1 + random.uniform(4));
      for (GroupSpec& spec : specs) {
        spec.key = random.next();
        spec.share = random.unit() / static_cast<double>(specs.size());
        spec.weights.resize(1 + random.uniform(round % 10 == 0 ? 100 : 12));
        for (uint32_t& weight : spec.weights) {
          weight = round % 2 == 0 ? 1 : 1 + static_cast<uint32_t>(random.uniform(20));
        }
      }
      const auto set = grouped(specs, *factory);
      for (HostSet::Host& host : set->hosts) {
        if (random.uniform(3) == 0) host.serving_since = kStart - seconds(random.uniform(50));
      }
      Worker worker(*factory, set, random.next(), {.window = seconds(40)});
      const auto hosts = static_cast<uint32_t>(set->hosts.size());
      for (int i = 0; i < 20; ++i) {
        const uint64_t of_ten = random.uniform(12);
        std::vector<uint32_t> tried;
        for (uint32_t host = 0; host < hosts; ++host) {
          worker.loads.counts[host] = static_cast<uint32_t>(random.uniform(4));
          worker.loads.fulls[host] = random.uniform(10) < of_ten;
          if (random.uniform(12) < of_ten && i % 2 == 0) tried.push_back(host);
        }
        PickContext context;
        context.tried = tried;
        context.now = kStart;
        context.hash = random.next();
        const Pick pick = worker.balancer->pick(context);
        ASSERT_NO_FATAL_FAILURE(expectByTheRules(*set, worker.loads, context, pick))
            << factory->name();
        if (!factory->usesHash()) continue;
        ASSERT_EQ(worker.balancer->pick(context).host, pick.host);
      }
    }
  }
}

// The keys of a full endpoint go where they would go without it.
TEST(GroupedBalancerTest, AKeyOfAFullEndpointGoesToTheNextOwner) {
  const RendezvousFactory factory;
  const auto set = alike(10, factory);
  Worker worker(factory, set);
  Rendezvous alone;
  alone.onGroup(*set, set->groups[0], worker.loads);
  for (const uint32_t host : {2, 3, 4, 5, 7, 8}) worker.loads.fulls[host] = true;
  const std::vector<uint32_t> full = {2, 3, 4, 5, 7, 8};
  for (uint64_t key = 1; key < 2'000; ++key) {
    PickContext context;
    context.hash = base::mix64(key);
    context.tried = full;
    EXPECT_EQ(worker.pick(context.hash), alone.pick(context).host);
  }
}

TEST(GroupedBalancerTest, ANewEndpointGetsItsPartAndTheOthersTheRest) {
  const SlowStart slow{.window = seconds(100), .min_share = 0};
  for (const auto& factory : allFactories()) {
    if (factory->name() == "first") continue;
    const auto set = alike(10, *factory);
    set->hosts[4].serving_since = kStart;
    Worker worker(*factory, set, 3, slow);
    for (const int percent : {10, 30, 70, 100}) {
      worker.now = kStart + seconds(percent);
      const std::vector<double> counts = worker.count(40'000);
      EXPECT_NEAR(counts[4], 40.0 * percent, 250) << factory->name() << " at " << percent;
      for (const size_t host : {0, 5, 9}) {
        EXPECT_NEAR(counts[host], (40'000 - counts[4]) / 9, 300) << factory->name();
      }
    }
  }
}

TEST(GroupedBalancerTest, WhatIsInFlightAtANewEndpointWeighsMore) {
  const algorithms::least_request::LeastRequestFactory factory;
  const auto set = alike(4, factory);
  set->hosts[0].serving_since = kStart;
  Worker worker(factory, set, 3, {.window = seconds(100), .min_share = 0.1});
  worker.loads.counts = {1, 9, 9, 9};
  for (int i = 0; i < 1000; ++i) EXPECT_NE(worker.pick(), 0U);  // 1 is like 10
  worker.now = kStart + seconds(50);
  EXPECT_GT(worker.count(1000)[0], 400);
  worker.now = kStart + seconds(100);
  EXPECT_EQ(worker.count(1000)[0], 1000);
}

TEST(GroupedBalancerTest, AllThatStartTogetherShareAsIfTheyWereOld) {
  const SlowStart slow{.window = seconds(100)};
  for (const auto& factory : allFactories()) {
    const auto old = alike(5, *factory);
    const auto young = alike(5, *factory);
    for (HostSet::Host& host : young->hosts) host.serving_since = kStart;
    Worker a(*factory, old, 3, slow);
    Worker b(*factory, young, 3, slow);
    b.now = kStart + seconds(3);
    const std::vector<double> of_old = a.count(10'000);
    const std::vector<double> of_young = b.count(10'000);
    for (size_t i = 0; i < 5; ++i) EXPECT_NEAR(of_old[i], of_young[i], 300) << factory->name();
  }
}

TEST(GroupedBalancerTest, KeysComeToANewEndpointAndStayThere) {
  const RendezvousFactory factory;
  const auto set = alike(8, factory);
  set->hosts[3].serving_since = kStart;
  Worker worker(factory, set, 3, {.window = seconds(100), .min_share = 0});
  Worker before(factory, alike(8, factory), 3);
  before.loads.fulls[3] = true;  // as if it was not there
  std::vector<bool> came(5'000);
  for (int second = 0; second <= 100; second += 5) {
    worker.now = kStart + seconds(second);
    int keys = 0;
    for (uint64_t key = 0; key < came.size(); ++key) {
      const uint32_t host = worker.pick(base::mix64(key));
      const bool there = host == 3;
      ASSERT_TRUE(there || !came[key]) << "moved back";
      const uint32_t owner = before.pick(base::mix64(key));
      ASSERT_TRUE(there || host == owner);
      came[key] = there;
      keys += there;
    }
    EXPECT_NEAR(keys, 5'000 / 8.0 * second / 100, 60);
  }
}

TEST(GroupedBalancerTest, ANewEndpointIsBetterThanNone) {
  for (const auto& factory : allFactories()) {
    const auto set = grouped({{1, 0.9, {1, 1, 1}}, {2, 0.1, {1}}}, *factory);
    set->hosts[2].serving_since = kStart;
    Worker worker(*factory, set, 3, {.window = seconds(100), .min_share = 0});
    worker.loads.fulls[0] = worker.loads.fulls[1] = true;
    const std::vector<double> counts = worker.count(1'000);
    EXPECT_NEAR(counts[2], 900, 40) << factory->name();
  }
}

// The state of a group that stays goes on, wherever in the set it is.
TEST(GroupedBalancerTest, AGroupKeepsItsAlgorithm) {
  const algorithms::round_robin::RoundRobinFactory factory;
  Worker worker(factory, grouped({{7, 1, {1, 1, 1}}}, factory));
  const uint32_t first = worker.pick();
  auto next = grouped({{8, 0.0, {1}}, {7, 1, {1, 1, 1}}}, factory);
  worker.adopt(next);
  EXPECT_EQ(worker.pick(), 1 + (first + 1) % 3);
}

}  // namespace
}  // namespace weir::upstream
