#include "extensions/load_balancing/round_robin/round_robin.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/random.h"
#include "test/upstream/test_hosts.h"

namespace weir::extensions::load_balancing::round_robin {
namespace {

using upstream::FakeLoads;
using upstream::HostSet;
using upstream::hostsOf;
using upstream::Pick;
using upstream::PickContext;

// One worker's balancer over a host set.
struct Worker {
  Worker(uint64_t seed, std::shared_ptr<const HostSet> set)
      : random(seed), hosts(std::move(set)), loads(hosts->hosts.size()), balancer(random) {
    upstream::adopt(balancer, *hosts, loads);
  }
  uint32_t pick(std::vector<uint32_t> tried = {}) {
    PickContext context;
    context.tried = tried;
    const Pick pick = balancer.pick(context);
    EXPECT_EQ(pick.kind, Pick::Kind::kEndpoint);
    return pick.host;
  }
  base::Random random;
  std::shared_ptr<const HostSet> hosts;
  FakeLoads loads;
  RoundRobin balancer;
};

// The algorithm of nginx, one full cycle.
std::string smoothCycle(std::vector<int> weights) {
  std::vector<int> current(weights.size());
  int total = 0;
  for (int weight : weights) total += weight;
  std::string cycle;
  for (int turn = 0; turn < total; ++turn) {
    size_t best = 0;
    for (size_t i = 0; i < weights.size(); ++i) {
      current[i] += weights[i];
      if (current[i] > current[best]) best = i;
    }
    current[best] -= total;
    cycle += static_cast<char>('a' + best);
  }
  return cycle;
}

TEST(RoundRobinTest, InterleavesLikeSmoothWeightedRoundRobin) {
  const std::string cycle = smoothCycle({3, 1, 2});
  EXPECT_EQ(cycle, "acabca");
  std::set<std::string> starts;
  for (uint64_t seed = 0; seed < 50; ++seed) {
    Worker worker(seed, hostsOf({3, 1, 2}));
    std::string picks;
    for (int i = 0; i < 12; ++i) picks += static_cast<char>('a' + worker.pick());
    EXPECT_NE((cycle + cycle + cycle).find(picks), std::string::npos) << picks;
    starts.insert(picks);
  }
  EXPECT_GT(starts.size(), 3u) << "workers march in step";
}

// The oracle looks at every endpoint's next deadline, with hosts tried at random on the way.
TEST(RoundRobinTest, TheEarliestDeadlineOfTheUntriedIsNext) {
  base::Random random(12);
  for (uint64_t seed = 1; seed < 60; ++seed) {
    std::vector<uint32_t> weights(2 + random.uniform(40));
    for (uint32_t& weight : weights) weight = 1 + static_cast<uint32_t>(random.uniform(9));
    weights[0] = weights[1] + 1;
    Worker worker(seed, hostsOf(weights));
    const double start = base::Random(seed).unit();
    std::vector<uint64_t> turns(weights.size());
    const auto deadline = [&](uint32_t host) {
      return static_cast<double>(2 * turns[host] + 1) / (2.0 * weights[host]);
    };
    for (uint32_t host = 0; host < weights.size(); ++host) {
      while (deadline(host) < start) ++turns[host];
    }
    for (int picks = 0; picks < 1000; ++picks) {
      std::vector<uint32_t> tried;
      for (uint32_t host = 0; host < weights.size() && picks % 3 == 0; ++host) {
        if (random.uniform(4) == 0 && tried.size() + 1 < weights.size()) tried.push_back(host);
      }
      uint32_t best = ~0U;
      for (uint32_t host = 0; host < weights.size(); ++host) {
        if (std::count(tried.begin(), tried.end(), host) > 0) continue;
        if (best == ~0U || deadline(host) < deadline(best)) best = host;
      }
      ASSERT_EQ(worker.pick(tried), best);
      ++turns[best];
    }
  }
}

TEST(RoundRobinTest, EqualWeightsRotate) {
  Worker worker(3, hostsOf({5, 5, 5, 5}));
  const uint32_t first = worker.pick();
  for (uint32_t i = 1; i < 20; ++i) EXPECT_EQ(worker.pick(), (first + i) % 4);
}

// In any stretch of picks nobody is more than one pick (two at the seams of ties) off its exact
// share.
TEST(RoundRobinTest, SharesAreExactForRandomWeights) {
  base::Random random(11);
  for (int round = 0; round < 50; ++round) {
    std::vector<uint32_t> weights(1 + random.uniform(20));
    uint32_t total = 0;
    for (uint32_t& weight : weights)
      total += weight = 1 + static_cast<uint32_t>(random.uniform(100));
    Worker worker(random.next(), hostsOf(weights));
    std::vector<uint32_t> counts(weights.size());
    for (int picks = 1; picks <= 3000; ++picks) {
      ++counts[worker.pick()];
      if (picks % 100 != 0) continue;
      for (size_t i = 0; i < weights.size(); ++i) {
        const double due = static_cast<double>(weights[i]) * picks / total;
        ASSERT_NEAR(counts[i], due, 2.0 + std::sqrt(weights.size())) << i;
      }
    }
  }
}

TEST(RoundRobinTest, SharesWithinOnePercentOver100000Picks) {
  const std::vector<uint32_t> weights = {1, 2, 3, 10, 50, 7};
  Worker worker(5, hostsOf(weights));
  std::vector<int> counts(weights.size());
  for (int i = 0; i < 100000; ++i) ++counts[worker.pick()];
  for (size_t i = 0; i < weights.size(); ++i) {
    const double due = 100000.0 * weights[i] / 73;
    EXPECT_NEAR(counts[i], due, due * 0.01) << i;
  }
}

TEST(RoundRobinTest, FiveWorkersGiveTheSameDistributionAsOne) {
  const std::vector<uint32_t> weights = {3, 1, 2};
  std::vector<int> counts(3);
  for (uint64_t seed = 0; seed < 5; ++seed) {
    Worker worker(seed, hostsOf(weights));
    for (int i = 0; i < 20000; ++i) ++counts[worker.pick()];
  }
  for (size_t i = 0; i < 3; ++i) EXPECT_NEAR(counts[i], 100000.0 * weights[i] / 6, 20);
}

TEST(RoundRobinTest, PicksOnlyEligibleHosts) {
  auto all = *hostsOf({1, 2, 0, 3, 1});
  all.hosts[1].health = upstream::Health::kUnhealthy;
  all.hosts[4].health = upstream::Health::kDraining;
  Worker worker(1, upstream::eligible(2, all.hosts));
  std::set<uint32_t> picked;
  for (int i = 0; i < 100; ++i) picked.insert(worker.pick());
  EXPECT_EQ(picked, (std::set<uint32_t>{0, 3}));
}

TEST(RoundRobinTest, AnEmptySetFailsWithAReason) {
  base::Random random(1);
  RoundRobin balancer(random);
  const auto none = hostsOf({0, 0});
  FakeLoads loads(2);
  upstream::adopt(balancer, *none, loads);
  const Pick pick = balancer.pick({});
  EXPECT_EQ(pick.kind, Pick::Kind::kFailure);
  EXPECT_EQ(pick.reason, "no_eligible_endpoint");
}

TEST(RoundRobinTest, AvoidsTheTriedWhileOthersRemain) {
  for (const std::vector<uint32_t>& weights : {std::vector<uint32_t>{1, 1, 1}, {5, 1, 2}}) {
    Worker worker(9, hostsOf(weights));
    for (int i = 0; i < 100; ++i) {
      EXPECT_NE(worker.pick({0}), 0u);
      EXPECT_EQ(worker.pick({0, 2}), 1u);
      worker.pick({0, 1, 2});  // all tried: one of them again
    }
  }
}

TEST(RoundRobinTest, ANewHostSetGoesOnWhereTheOldOneStood) {
  Worker worker(2, hostsOf({3, 1, 2}));
  std::map<uint32_t, int> counts;
  for (int i = 0; i < 6000; ++i) {
    ++counts[worker.pick()];
    upstream::adopt(worker.balancer, *worker.hosts, worker.loads);  // a reload after each pick
  }
  EXPECT_NEAR(counts[0], 3000, 2);
  EXPECT_NEAR(counts[1], 1000, 2);
  EXPECT_NEAR(counts[2], 2000, 2);
}

}  // namespace
}  // namespace weir::extensions::load_balancing::round_robin
