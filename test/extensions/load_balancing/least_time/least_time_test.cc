#include "extensions/load_balancing/least_time/least_time.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/random.h"
#include "test/upstream/test_hosts.h"

namespace weir::extensions::load_balancing::least_time {
namespace {

using event::MonotonicTime;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using upstream::FakeLoads;
using upstream::HostSet;
using upstream::hostsOf;
using upstream::Pick;
using upstream::PickContext;

const MonotonicTime kStart = MonotonicTime() + std::chrono::hours(1);

struct Worker {
  Worker(uint64_t seed, std::shared_ptr<const HostSet> set, LeastTimeOptions options = {})
      : random(seed), balancer(random, options) {
    adopt(std::move(set));
  }
  void adopt(std::shared_ptr<const HostSet> set) {
    hosts = std::move(set);
    loads.counts.assign(hosts->hosts.size(), 0);
    upstream::adopt(balancer, *hosts, loads);
  }
  uint32_t pick(std::vector<uint32_t> tried = {}) {
    PickContext context;
    context.tried = tried;
    context.now = now;
    const Pick pick = balancer.pick(context);
    EXPECT_EQ(pick.kind, Pick::Kind::kEndpoint);
    return pick.host;
  }
  void respond(uint32_t host, milliseconds took, bool success = true) {
    balancer.onResponse(host, took, success, now);
  }
  std::vector<double> count(int picks) {
    std::vector<double> counts(hosts->hosts.size());
    for (int i = 0; i < picks; ++i) ++counts[pick()];
    return counts;
  }
  base::Random random;
  std::shared_ptr<const HostSet> hosts;
  FakeLoads loads{0};
  LeastTime balancer;
  MonotonicTime now = kStart;
};

TEST(PeakAverageTest, RisesAtOnceAndForgetsWithTheHalfLife) {
  PeakAverage average;
  EXPECT_FALSE(average.known());
  average.add(1000, kStart, seconds(10));
  EXPECT_EQ(average.at(kStart, seconds(10)), 1000);
  average.add(8000, kStart, seconds(10));
  EXPECT_EQ(average.at(kStart, seconds(10)), 8000);
  // Half of what it was before, half of the new.
  average.add(1000, kStart + seconds(10), seconds(10));
  EXPECT_NEAR(average.at(kStart + seconds(10), seconds(10)), 4500, 1);
  average.add(4400, kStart + seconds(10), seconds(10));
  EXPECT_NEAR(average.at(kStart + seconds(10), seconds(10)), 4500, 1);
}

TEST(PeakAverageTest, IsForgottenWhenNothingComes) {
  PeakAverage average;
  average.add(8000, kStart, seconds(10));
  EXPECT_EQ(average.at(kStart + seconds(10), seconds(10)), 8000);
  EXPECT_NEAR(average.at(kStart + seconds(20), seconds(10)), 4000, 1);
  EXPECT_NEAR(average.at(kStart + seconds(40), seconds(10)), 1000, 1);
  EXPECT_EQ(average.at(kStart + std::chrono::hours(1000), seconds(10)), 1);
}

TEST(PeakAverageTest, TakesWhateverClocksSay) {
  PeakAverage average;
  average.add(0, kStart, seconds(10));
  EXPECT_TRUE(average.known());
  average.add(5000, kStart, seconds(10));
  average.add(10, kStart - seconds(100), seconds(10));  // no step back in time counts
  EXPECT_EQ(average.at(kStart - seconds(100), seconds(10)), 5000);
  average.add(1e15, kStart, seconds(10));
  EXPECT_EQ(average.at(kStart, seconds(10)), 1e15);
}

// All busy, weights and averages known: with everybody compared, nobody would take the request much
// sooner than the picked one.
TEST(LeastTimeTest, AFullScanAgreesWithTheOracle) {
  base::Random random(3);
  for (int round = 0; round < 4000; ++round) {
    std::vector<uint32_t> weights(1 + random.uniform(8));
    for (uint32_t& weight : weights) weight = 1 + static_cast<uint32_t>(random.uniform(3));
    Worker worker(random.next(), hostsOf(weights));
    std::vector<double> millis(weights.size());
    for (uint32_t host = 0; host < weights.size(); ++host) {
      millis[host] = 1 + static_cast<double>(random.uniform(100));
      worker.respond(host, milliseconds(static_cast<int>(millis[host])));
      worker.loads.counts[host] = 1 + static_cast<uint32_t>(random.uniform(6));
    }
    const uint32_t picked = worker.pick();
    const auto cost = [&](uint32_t host, uint32_t more) {
      return millis[host] * (worker.loads.counts[host] + more) / weights[host];
    };
    bool settled = true;
    bool lowest = true;
    for (uint32_t host = 0; host < weights.size(); ++host) {
      if (host == picked) continue;
      settled &= cost(host, 1) > cost(picked, 0) - 1e-9;
      lowest &= cost(host, 1) >= cost(picked, 1) - 1e-9;
    }
    ASSERT_TRUE(settled || lowest);
  }
}

TEST(LeastTimeTest, TheSlowOneIsLeftAloneAndTriedAgain) {
  for (const uint32_t limit : {0U, 8U}) {
    Worker worker(4, hostsOf({1, 1, 1, 1}), {.full_scan_limit = limit});
    int slow_picks = 0;
    for (int i = 0; i < 10'000; ++i) {  // 100 seconds
      const uint32_t host = worker.pick();
      worker.respond(host, milliseconds(host == 2 ? 100 : 10));
      slow_picks += host == 2;
      worker.now += milliseconds(10);
    }
    EXPECT_GE(slow_picks, 2);
    EXPECT_LE(slow_picks, 30);
    // Well again, it gets its share again.
    int well_picks = 0;
    for (int i = 0; i < 20'000; ++i) {
      const uint32_t host = worker.pick();
      worker.respond(host, milliseconds(10));
      well_picks += host == 2 && i >= 10'000;
      worker.now += milliseconds(10);
    }
    EXPECT_NEAR(well_picks, 2'500, 300);
  }
}

TEST(LeastTimeTest, TimesThatAreAlikeLeaveTheSharesToTheWeights) {
  const std::vector<uint32_t> weights = {3, 1, 2, 10};
  for (const uint32_t limit : {0U, 8U}) {
    Worker worker(4, hostsOf(weights), {.full_scan_limit = limit});
    base::Random random(5);
    std::vector<double> counts(4);
    for (int i = 0; i < 100'000; ++i) {
      const uint32_t host = worker.pick();
      worker.respond(host, milliseconds(100 + random.uniform(10)));
      ++counts[host];
      worker.now += milliseconds(1);
    }
    for (size_t i = 0; i < 4; ++i) {
      const double due = 100'000.0 * weights[i] / 16;
      EXPECT_NEAR(counts[i], due, due * 0.01) << i;
    }
  }
}

TEST(LeastTimeTest, WhatIsInFlightCounts) {
  Worker worker(4, hostsOf({1, 1}));
  worker.respond(0, milliseconds(10));
  worker.respond(1, milliseconds(30));
  worker.loads.counts = {1, 0};
  EXPECT_EQ(worker.count(100)[0], 100);  // 20 against 30
  worker.loads.counts = {6, 1};          // 70 against 60
  EXPECT_EQ(worker.count(100)[1], 100);
}

TEST(LeastTimeTest, FailuresCountAsSlow) {
  Worker worker(4, hostsOf({1, 1, 1}));
  for (const uint32_t host : {0, 1, 2}) worker.respond(host, milliseconds(10));
  for (int i = 0; i < 100; ++i) worker.respond(1, milliseconds(1), false);
  EXPECT_EQ(worker.count(300)[1], 0);
  // A hundred times ten would not be forgotten for more than a minute.
  worker.now += seconds(50);
  for (const uint32_t host : {0, 2}) worker.respond(host, milliseconds(10));
  EXPECT_GT(worker.count(300)[1], 0);
}

// One that nobody knows gets requests, but not all at once.
TEST(LeastTimeTest, TheUnknownAreTriedWithoutAStampede) {
  for (const uint32_t limit : {0U, 8U}) {
    Worker worker(4, hostsOf({1, 1, 1, 1}), {.full_scan_limit = limit});
    for (const uint32_t host : {0, 1, 2}) {
      for (int i = 0; i < 300; ++i) worker.respond(host, milliseconds(10));
    }
    worker.loads.counts = {4, 4, 4, 0};
    for (int i = 0; i < 40; ++i) ++worker.loads.counts[worker.pick()];  // none of which returns
    EXPECT_LE(worker.loads.counts[3], 15U);
    EXPECT_GE(worker.loads.counts[3], 10U);
  }
}

TEST(LeastTimeTest, WhatIsKnownOfAnEndpointFollowsIt) {
  const auto three = hostsOf({1, 1, 1});
  Worker worker(4, three);
  worker.respond(0, milliseconds(10));
  worker.respond(1, milliseconds(500));
  worker.respond(2, milliseconds(10));
  for (int i = 0; i < 20; ++i) worker.respond(2, milliseconds(10));
  // The first has gone, a new one is there: e1 is at position 0 now.
  std::vector<HostSet::Host> hosts = {three->hosts[1], three->hosts[2]};
  auto fresh = std::make_shared<upstream::Endpoint>();
  fresh->id = "new";
  hosts.push_back({std::move(fresh)});
  worker.adopt(upstream::eligible(2, hosts));
  const std::vector<double> counts = worker.count(1000);
  EXPECT_EQ(counts[0], 0);
  EXPECT_GT(counts[1], 300);  // its own draws at least
  EXPECT_GT(counts[2], 300);
}

TEST(LeastTimeTest, AResponseOfAnotherGroupIsNoneOfItsBusiness) {
  auto set = *hostsOf({1, 1, 1});
  set.groups[0].hosts = {1};
  Worker worker(4, std::make_shared<const HostSet>(set));
  worker.respond(0, milliseconds(10));
  worker.respond(2, milliseconds(10));
  EXPECT_EQ(worker.pick(), 1U);
}

TEST(LeastTimeTest, AvoidsTheTriedWhileOthersRemain) {
  for (const uint32_t limit : {0U, 8U}) {
    Worker worker(9, hostsOf({1, 50, 1}), {.full_scan_limit = limit});
    worker.respond(0, milliseconds(900));
    for (int i = 0; i < 200; ++i) {
      EXPECT_NE(worker.pick({1}), 1U);
      EXPECT_EQ(worker.pick({1, 2}), 0U);
      worker.pick({0, 1, 2});  // all tried: one of them again
    }
  }
}

TEST(LeastTimeTest, AnEmptySetFailsWithAReason) {
  Worker worker(1, hostsOf({}));
  EXPECT_EQ(worker.balancer.pick({}).kind, Pick::Kind::kFailure);
  worker.respond(0, milliseconds(1));
}

}  // namespace
}  // namespace weir::extensions::load_balancing::least_time
