#include "extensions/load_balancing/least_request/least_request.h"

#include <algorithm>
#include <deque>
#include <set>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/random.h"
#include "test/upstream/test_hosts.h"

namespace weir::extensions::load_balancing::least_request {
namespace {

using upstream::FakeLoads;
using upstream::HostSet;
using upstream::hostsOf;
using upstream::Pick;
using upstream::PickContext;

struct Worker {
  Worker(uint64_t seed, std::shared_ptr<const HostSet> set, LeastRequestOptions options = {})
      : random(seed), hosts(std::move(set)), loads(hosts->hosts.size()), balancer(random, options) {
    upstream::adopt(balancer, *hosts, loads);
  }
  uint32_t pick(std::vector<uint32_t> tried = {}) {
    PickContext context;
    context.tried = tried;
    const Pick pick = balancer.pick(context);
    EXPECT_EQ(pick.kind, Pick::Kind::kEndpoint);
    return pick.host;
  }
  // Requests for the weight, with `more`.
  double load(uint32_t host, uint32_t more) const {
    return static_cast<double>(loads.counts[host] + more) / hosts->hosts[host].endpoint->weight;
  }
  base::Random random;
  std::shared_ptr<const HostSet> hosts;
  FakeLoads loads;
  LeastRequest balancer;
};

constexpr LeastRequestOptions kScan{.choices = 2, .full_scan_limit = 16};

TEST(LeastRequestTest, EqualWeightsTheFewestInFlightWins) {
  base::Random random(3);
  for (int round = 0; round < 2000; ++round) {
    const size_t hosts = 1 + random.uniform(16);
    Worker worker(random.next(), hostsOf(std::vector<uint32_t>(hosts, 7)), kScan);
    for (uint32_t& count : worker.loads.counts) count = static_cast<uint32_t>(random.uniform(6));
    const uint32_t fewest =
        *std::min_element(worker.loads.counts.begin(), worker.loads.counts.end());
    ASSERT_EQ(worker.loads.counts[worker.pick()], fewest);
  }
}

// Nobody else would have less for its weight with the request than the picked one has without it,
// or nobody else would have less than the picked one with it.
TEST(LeastRequestTest, AFullScanAgreesWithTheOracle) {
  base::Random random(3);
  for (int round = 0; round < 4000; ++round) {
    std::vector<uint32_t> weights(1 + random.uniform(16));
    for (uint32_t& weight : weights) weight = 1 + static_cast<uint32_t>(random.uniform(5));
    Worker worker(random.next(), hostsOf(weights), kScan);
    for (uint32_t& count : worker.loads.counts) count = static_cast<uint32_t>(random.uniform(9));
    const uint32_t picked = worker.pick();
    bool settled = true;
    bool lowest = true;
    for (uint32_t host = 0; host < weights.size(); ++host) {
      if (host == picked) continue;
      settled &= worker.load(host, 1) > worker.load(picked, 0) + 1e-12;
      lowest &= worker.load(host, 1) >= worker.load(picked, 1) - 1e-12;
    }
    ASSERT_TRUE(settled || lowest);
  }
}

TEST(LeastRequestTest, IdleEndpointsShareByWeight) {
  const std::vector<uint32_t> weights = {3, 1, 2, 100};
  for (const uint32_t limit : {0U, 16U}) {
    Worker worker(7, hostsOf(weights), {.choices = 2, .full_scan_limit = limit});
    std::vector<double> counts(weights.size());
    for (int i = 0; i < 100000; ++i) ++counts[worker.pick()];
    for (size_t host = 0; host < weights.size(); ++host) {
      const double due = 100000.0 * weights[host] / 106;
      EXPECT_NEAR(counts[host], due, std::max(due * 0.01, 100.0)) << host;
    }
  }
}

// One that is there for a trickle does not get more of it because it is idle.
TEST(LeastRequestTest, ALightEndpointGetsItsTrickle) {
  Worker worker(7, hostsOf({100, 100, 100, 1}), kScan);
  base::Random random(8);
  std::vector<uint32_t> running;
  int light = 0;
  for (int i = 0; i < 100000; ++i) {
    if (running.size() == 12) {
      const size_t done = random.uniform(running.size());
      --worker.loads.counts[running[done]];
      running[done] = running.back();
      running.pop_back();
    }
    running.push_back(worker.pick());
    ++worker.loads.counts[running.back()];
    light += running.back() == 3;
  }
  EXPECT_NEAR(light, 100000.0 / 301, 100);
}

TEST(LeastRequestTest, EqualsShareByChance) {
  Worker worker(4, hostsOf({1, 1, 1, 1}));
  worker.loads.counts[0] = 5;
  std::vector<int> counts(4);
  for (int i = 0; i < 30000; ++i) ++counts[worker.pick()];
  EXPECT_EQ(counts[0], 0);
  for (int host : {1, 2, 3}) EXPECT_NEAR(counts[host], 10000, 400);
}

TEST(LeastRequestTest, LargeSetsCompareTwoChoices) {
  Worker worker(5, hostsOf(std::vector<uint32_t>(100, 1)));
  // One endpoint is idle, the others are busy: it wins when it is drawn, as one of two in a
  // hundred.
  std::fill(worker.loads.counts.begin(), worker.loads.counts.end(), 9);
  worker.loads.counts[42] = 0;
  int idle = 0;
  for (int i = 0; i < 50000; ++i) idle += worker.pick() == 42;
  EXPECT_NEAR(idle, 1000, 150);
  // And the busiest is never the better of two different ones.
  std::fill(worker.loads.counts.begin(), worker.loads.counts.end(), 1);
  worker.loads.counts[7] = 2;
  for (int i = 0; i < 20000; ++i) ASSERT_NE(worker.pick(), 7u);
}

TEST(LeastRequestTest, MoreChoicesFindTheIdleOneMoreOften) {
  Worker worker(6, hostsOf(std::vector<uint32_t>(100, 1)), {.choices = 10, .full_scan_limit = 0});
  std::fill(worker.loads.counts.begin(), worker.loads.counts.end(), 9);
  worker.loads.counts[42] = 0;
  int idle = 0;
  for (int i = 0; i < 50000; ++i) idle += worker.pick() == 42;
  EXPECT_NEAR(idle, 5000, 500);
}

// A closed loop with many requests in flight: what each endpoint has is in proportion to its
// weight.
TEST(LeastRequestTest, SharesFollowTheWeightsWithinOnePercent) {
  const std::vector<uint32_t> weights = {3, 1, 2, 10};
  Worker worker(7, hostsOf(weights));
  base::Random random(8);
  std::vector<uint32_t> running;
  std::vector<double> counts(weights.size());
  for (int i = 0; i < 100000 + 1600; ++i) {
    const uint32_t host = worker.pick();
    ++worker.loads.counts[host];
    running.push_back(host);
    if (running.size() <= 1600) continue;
    const size_t done = random.uniform(running.size());
    --worker.loads.counts[running[done]];
    running[done] = running.back();
    running.pop_back();
    ++counts[host];
  }
  for (size_t host = 0; host < weights.size(); ++host) {
    const double due = 100000.0 * weights[host] / 16;
    EXPECT_NEAR(worker.loads.counts[host], 100.0 * weights[host], 2) << host;
    EXPECT_NEAR(counts[host], due, due * 0.02) << host;
  }
}

TEST(LeastRequestTest, PicksOnlyEligibleHosts) {
  for (uint32_t limit : {0u, 16u}) {
    auto all = *hostsOf({1, 2, 0, 3, 1});
    all.hosts[1].health = upstream::Health::kDisabled;
    Worker worker(1, upstream::eligible(2, all.hosts), {.choices = 2, .full_scan_limit = limit});
    std::set<uint32_t> picked;
    for (int i = 0; i < 500; ++i) {
      const uint32_t host = worker.pick();
      picked.insert(host);
      worker.loads.counts[host] = static_cast<uint32_t>(i % 7);
    }
    EXPECT_EQ(picked, (std::set<uint32_t>{0, 3, 4}));
  }
}

TEST(LeastRequestTest, AvoidsTheTriedWhileOthersRemain) {
  for (uint32_t limit : {0u, 16u}) {
    Worker worker(9, hostsOf({1, 1, 1}), {.choices = 2, .full_scan_limit = limit});
    for (int i = 0; i < 200; ++i) {
      EXPECT_NE(worker.pick({0}), 0u);
      EXPECT_EQ(worker.pick({0, 2}), 1u);
      worker.pick({0, 1, 2});  // all tried: one of them again
    }
  }
}

TEST(LeastRequestTest, AnEmptySetFailsWithAReason) {
  base::Random random(1);
  LeastRequest balancer(random, {});
  const auto none = hostsOf({});
  FakeLoads loads(0);
  upstream::adopt(balancer, *none, loads);
  EXPECT_EQ(balancer.pick({}).kind, Pick::Kind::kFailure);
}

}  // namespace
}  // namespace weir::extensions::load_balancing::least_request
