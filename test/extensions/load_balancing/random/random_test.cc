#include "extensions/load_balancing/random/random.h"

#include <cmath>
#include <set>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/random.h"
#include "test/upstream/test_hosts.h"

namespace weir::extensions::load_balancing::random {
namespace {

using upstream::FakeLoads;
using upstream::HostSet;
using upstream::hostsOf;
using upstream::Pick;
using upstream::PickContext;

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
  RandomChoice balancer;
};

// The oracle walks over the weights with a number of its own: the shares agree.
TEST(RandomTest, SharesAreThoseOfAWalkOverTheWeights) {
  base::Random random(2);
  for (const std::vector<uint32_t>& weights :
       {std::vector<uint32_t>{3, 1, 2}, {1}, {10, 10, 10, 10}, {1, 2, 3, 10, 50, 7}}) {
    uint64_t sum = 0;
    for (const uint32_t weight : weights) sum += weight;
    Worker worker(random.next(), hostsOf(weights));
    std::vector<double> counts(weights.size());
    std::vector<double> oracle(weights.size());
    for (int i = 0; i < 100000; ++i) {
      ++counts[worker.pick()];
      uint64_t left = random.uniform(sum);
      size_t at = 0;
      while (left >= weights[at]) left -= weights[at++];
      ++oracle[at];
    }
    for (size_t i = 0; i < weights.size(); ++i) {
      const double due = 100000.0 * weights[i] / static_cast<double>(sum);
      EXPECT_NEAR(counts[i], due, 4 * std::sqrt(due) + 1);
      EXPECT_NEAR(counts[i], oracle[i], 6 * std::sqrt(due) + 1);
    }
  }
}

// Knowing the last pick says nothing of the next.
TEST(RandomTest, PicksAreIndependent) {
  Worker worker(3, hostsOf({1, 1, 1, 1}));
  int pairs[4][4] = {};
  uint32_t last = worker.pick();
  for (int i = 0; i < 160000; ++i) {
    const uint32_t next = worker.pick();
    ++pairs[last][next];
    last = next;
  }
  for (const auto& row : pairs) {
    for (const int count : row) EXPECT_NEAR(count, 10000, 400);
  }
}

TEST(RandomTest, AvoidsTheTriedWhileOthersRemain) {
  Worker worker(9, hostsOf({1000, 1, 3}));
  std::vector<int> counts(3);
  for (int i = 0; i < 4000; ++i) ++counts[worker.pick({0})];
  EXPECT_EQ(counts[0], 0);
  EXPECT_NEAR(counts[1], 1000, 150);  // and shares by weight what is left
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(worker.pick({0, 2}), 1u);
    worker.pick({0, 1, 2});  // all tried: one of them again
  }
}

TEST(RandomTest, PicksOnlyEligibleHosts) {
  auto all = *hostsOf({1, 2, 0, 3, 1});
  all.hosts[1].health = upstream::Health::kDisabled;
  Worker worker(1, upstream::eligible(2, all.hosts));
  std::set<uint32_t> picked;
  for (int i = 0; i < 500; ++i) picked.insert(worker.pick());
  EXPECT_EQ(picked, (std::set<uint32_t>{0, 3, 4}));
}

TEST(RandomTest, AnEmptySetFailsWithAReason) {
  base::Random random(1);
  RandomChoice balancer(random);
  const auto none = hostsOf({});
  FakeLoads loads(0);
  upstream::adopt(balancer, *none, loads);
  EXPECT_EQ(balancer.pick({}).kind, Pick::Kind::kFailure);
}

}  // namespace
}  // namespace weir::extensions::load_balancing::random
