#include "extensions/load_balancing/maglev/maglev.h"

#include <gtest/gtest.h>

#include <cmath>
#include <memory>
#include <set>
#include <vector>

#include "source/upstream/hash_policy.h"
#include "test/extensions/load_balancing/common/hashing.h"

namespace weir::extensions::load_balancing::maglev {
namespace {

using std::chrono::seconds;
using upstream::hostsOf;

TEST(Maglev, FiveWorkersAgreeOnEveryKey) {
  const auto hosts = hostsOf({1, 2, 3, 4, 5, 6, 7});
  const MaglevFactory factory;
  std::vector<std::unique_ptr<HashingWorker>> workers;
  for (int i = 0; i < 5; ++i) workers.push_back(std::make_unique<HashingWorker>(factory, hosts));
  for (uint64_t i = 0; i < 5000; ++i) {
    const uint32_t host = workers[0]->pick(keyOf(i));
    for (const auto& worker : workers) EXPECT_EQ(worker->pick(keyOf(i)), host);
  }
}

// Chance alone makes 1 % of 20 000 keys a matter of 1.5 standard deviations: each key once, evenly
// over all that a hash can be.
TEST(Maglev, SharesAreWithinOnePercent) {
  const std::vector<uint32_t> weights = {3, 1, 2, 4};
  HashingWorker worker(MaglevFactory(), hostsOf(weights));
  // Enough keys for chance to be out of the way.
  constexpr int kKeys = 1'000'000;
  std::vector<double> counts(weights.size());
  for (uint64_t i = 0; i < kKeys; ++i) ++counts[worker.pick(keyOf(i))];
  for (size_t i = 0; i < weights.size(); ++i) {
    EXPECT_NEAR(counts[i] * 10 / kKeys / weights[i], 1.0, 0.01) << i;
  }
}

TEST(Maglev, TakesHashesOfFewBits) {
  HashingWorker worker(MaglevFactory(), equalHosts(10));
  std::set<uint32_t> seen;
  for (uint64_t hash = 0; hash < 200; ++hash) seen.insert(worker.pick(hash));
  EXPECT_EQ(seen.size(), 10u);
}

TEST(Maglev, TriedOnesGiveWayInTheSameWayEachTime) {
  HashingWorker worker(MaglevFactory(), equalHosts(6)), other(MaglevFactory(), equalHosts(6));
  for (uint64_t i = 0; i < 1000; ++i) {
    std::vector<uint32_t> tried;
    std::set<uint32_t> seen;
    for (int n = 0; n < 6; ++n) {
      const uint32_t host = worker.pick(keyOf(i), tried);
      EXPECT_EQ(other.pick(keyOf(i), tried), host);
      EXPECT_TRUE(seen.insert(host).second);
      tried.push_back(host);
    }
    EXPECT_EQ(worker.pick(keyOf(i), tried), tried[0]) << "all tried: its own again";
  }
}

TEST(Maglev, AHeavyTriedOneIsLeftAtLast) {
  HashingWorker worker(MaglevFactory(), hostsOf({65535, 65535, 1}));
  for (uint64_t i = 0; i < 200; ++i) EXPECT_EQ(worker.pick(keyOf(i), {0, 1}), 2u);
}

// What is not yet the new one's stays where it was before it came: to 98 in 100 of its own, and to
// 99 in 100 of the rest.
TEST(Maglev, InSlowStartOthersKeepWhatIsNotYetTheNewOnes) {
  const MaglevFactory factory;
  const upstream::SlowStart slow{.window = seconds(100), .aggression = 1.0, .min_share = 0.1};
  const auto hosts = equalHosts(20);
  HashingWorker before(factory, without(*hosts, {7}));
  HashingWorker whole(factory, hosts);
  auto young = std::make_shared<upstream::HostSet>(*hosts);
  young->hosts[7].serving_since = event::MonotonicTime(std::chrono::hours(1));
  HashingWorker worker(factory, young, slow);
  constexpr int kKeys = 40'000;
  std::set<uint64_t> had;
  for (const int age : {0, 25, 50, 99, 100}) {
    worker.now = event::MonotonicTime(std::chrono::hours(1)) + seconds(age);
    std::set<uint64_t> has;
    int moved = 0, its = 0, its_moved = 0;
    for (uint64_t i = 0; i < kKeys; ++i) {
      const uint32_t owner = worker.pick(keyOf(i));
      const bool will_be_its = whole.pick(keyOf(i)) == 7;
      if (owner == 7) {
        has.insert(i);
        EXPECT_TRUE(will_be_its);
        continue;
      }
      const bool differs = owner != before.pick(keyOf(i));
      its += will_be_its;
      its_moved += will_be_its && differs;
      moved += !will_be_its && differs;
    }
    const double part = 0.1 + 0.9 * age / 100;
    EXPECT_NEAR(static_cast<double>(has.size()), part * kKeys / 20, 0.12 * kKeys / 20) << age;
    EXPECT_LE(its_moved, its * 0.03) << age;
    EXPECT_LE(moved, kKeys * 0.01) << age;
    for (const uint64_t key : had) EXPECT_EQ(has.count(key), 1u) << "what came stays";
    had = std::move(has);
  }
}

TEST(Maglev, ClientsWithoutAnotherKeyAreHashedByAddress) {
  HashingWorker worker(MaglevFactory(), equalHosts(10));
  const network::Address client = *network::Address::parse("192.0.2.1:1");
  const network::Address same = *network::Address::parse("192.0.2.1:2");
  upstream::PickContext context;
  context.source = &client;
  const uint32_t host = worker.pick(context).host;
  context.source = &same;
  EXPECT_EQ(worker.pick(context).host, host);
  const upstream::HashPolicy policy({{.kind = upstream::HashKey::Kind::kCookie, .name = "x"}});
  context.hash_policy = &policy;
  std::set<uint32_t> seen;
  for (int i = 0; i < 500; ++i) seen.insert(worker.pick(context).host);
  EXPECT_EQ(seen.size(), 10u) << "none of the keys is there: a random one";
}

TEST(Maglev, PropertyBoundedLoadsNeverExceedTheirFactor) {
  for (const uint32_t percent : {105u, 125u, 200u}) {
    const MaglevFactory factory({.table_size = 6007, .bounded_load_percent = percent});
    const std::vector<uint32_t> weights = {1, 1, 2, 3, 1, 1, 2, 3};
    HashingWorker worker(factory, hostsOf(weights));
    base::Random random(5);
    std::vector<uint32_t> requests;
    for (int step = 0; step < 10'000; ++step) {
      if (!requests.empty() && random.uniform(100) < 48) {
        std::swap(requests[random.uniform(requests.size())], requests.back());
        --worker.loads.counts[requests.back()];
        requests.pop_back();
        continue;
      }
      const uint64_t key = random.uniform(10) == 0 ? random.next() : keyOf(random.uniform(2));
      const uint32_t host = worker.pick(key);
      requests.push_back(host);
      ++worker.loads.counts[host];
      const double share = static_cast<double>(requests.size()) * weights[host] / 14;
      ASSERT_LE(worker.loads.counts[host], std::ceil(share * percent / 100 - 1e-9)) << percent;
    }
  }
}

TEST(Maglev, TakesAHostSetThatWasPreparedForAnother) {
  struct Other final : upstream::BalancerTable {};
  auto hosts = std::make_shared<upstream::HostSet>(*equalHosts(5));
  hosts->groups.front().table = std::make_shared<Other>();
  Maglev maglev(MaglevOptions{});
  upstream::FakeLoads loads(5);
  upstream::adopt(maglev, *hosts, loads);
  HashingWorker worker(MaglevFactory(), hosts);
  for (uint64_t i = 0; i < 100; ++i) {
    upstream::PickContext context;
    context.hash = keyOf(i);
    EXPECT_EQ(maglev.pick(context).host, worker.pick(keyOf(i)));
  }
}

}  // namespace
}  // namespace weir::extensions::load_balancing::maglev
