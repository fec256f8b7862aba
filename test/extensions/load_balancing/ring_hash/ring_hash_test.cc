#include "extensions/load_balancing/ring_hash/ring_hash.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <memory>
#include <set>
#include <vector>

#include "source/upstream/hash_policy.h"
#include "test/extensions/load_balancing/common/hashing.h"

namespace weir::extensions::load_balancing::ring_hash {
namespace {

using std::chrono::seconds;
using upstream::hostsOf;

TEST(RingHash, FiveWorkersAgreeOnEveryKey) {
  const auto hosts = hostsOf({1, 2, 3, 4, 5, 6, 7});
  const RingHashFactory factory;
  std::vector<std::unique_ptr<HashingWorker>> workers;
  for (int i = 0; i < 5; ++i) workers.push_back(std::make_unique<HashingWorker>(factory, hosts));
  for (uint64_t i = 0; i < 5000; ++i) {
    const uint32_t host = workers[0]->pick(keyOf(i));
    for (const auto& worker : workers) EXPECT_EQ(worker->pick(keyOf(i)), host);
  }
}

TEST(RingHash, TriedOnesGiveWayToTheFormerOwner) {
  const RingHashFactory factory;
  const auto hosts = equalHosts(10);
  HashingWorker worker(factory, hosts);
  std::map<uint32_t, std::set<uint32_t>> heirs;
  for (uint64_t i = 0; i < 2000; ++i) {
    const uint32_t first = worker.pick(keyOf(i));
    const uint32_t second = worker.pick(keyOf(i), {first});
    EXPECT_NE(second, first);
    heirs[first].insert(second);
    const uint32_t third = worker.pick(keyOf(i), {second, first});
    EXPECT_NE(third, first);
    EXPECT_NE(third, second);
  }
  HashingWorker smaller(factory, without(*hosts, {4}));
  for (uint64_t i = 0; i < 2000; ++i) EXPECT_EQ(worker.pick(keyOf(i), {4}), smaller.pick(keyOf(i)));
  for (const auto& [first, others] : heirs) EXPECT_EQ(others.size(), 9u) << "all share its keys";
}

TEST(RingHash, WhenAllHaveBeenTriedOneOfThemIsAskedAgain) {
  HashingWorker worker(RingHashFactory(), equalHosts(3));
  for (uint64_t i = 0; i < 100; ++i) {
    EXPECT_EQ(worker.pick(keyOf(i), {0, 1, 2}), worker.pick(keyOf(i)));
  }
}

// Half of its keys come to an endpoint when half of slow start is over; all others are where they
// were before it came.
TEST(RingHash, InSlowStartOthersKeepWhatIsNotYetTheNewOnes) {
  const RingHashFactory factory;
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
    for (uint64_t i = 0; i < kKeys; ++i) {
      const uint32_t owner = worker.pick(keyOf(i));
      if (owner == 7) has.insert(i);
      ASSERT_EQ(owner, owner == 7 ? whole.pick(keyOf(i)) : before.pick(keyOf(i)));
    }
    const double part = 0.1 + 0.9 * age / 100;
    EXPECT_NEAR(static_cast<double>(has.size()), part * kKeys / 20, 0.12 * kKeys / 20) << age;
    for (const uint64_t key : had) EXPECT_EQ(has.count(key), 1u) << "what came stays";
    had = std::move(has);
  }
}

TEST(RingHash, ClientsWithoutAnotherKeyAreHashedByAddress) {
  const RingHashFactory factory;
  HashingWorker worker(factory, equalHosts(10));
  const network::Address client = *network::Address::parse("192.0.2.1:1");
  const network::Address same = *network::Address::parse("192.0.2.1:2");
  upstream::PickContext context;
  context.source = &client;
  const uint32_t host = worker.pick(context).host;
  context.source = &same;
  EXPECT_EQ(worker.pick(context).host, host);
  // With keys of which none is there, it is a random one.
  const upstream::HashPolicy policy({{.kind = upstream::HashKey::Kind::kCookie, .name = "x"}});
  context.hash_policy = &policy;
  std::set<uint32_t> seen;
  for (int i = 0; i < 500; ++i) seen.insert(worker.pick(context).host);
  EXPECT_EQ(seen.size(), 10u);
}

// Few keys that nearly all requests have: without a bound, two endpoints would have all.
TEST(RingHash, PropertyBoundedLoadsNeverExceedTheirFactor) {
  for (const uint32_t percent : {105u, 125u, 200u}) {
    const RingHashFactory factory({}, percent);
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

// As long as it has room, the owner is the owner.
TEST(RingHash, ABoundLeavesKeysAloneWhereThereIsRoom) {
  const auto hosts = equalHosts(10);
  HashingWorker bounded(RingHashFactory({}, 150), hosts), plain(RingHashFactory(), hosts);
  for (uint64_t i = 0; i < 1000; ++i) EXPECT_EQ(bounded.pick(keyOf(i)), plain.pick(keyOf(i)));
  for (uint32_t& count : bounded.loads.counts) count = 10;
  bounded.loads.counts[3] = 17;  // of 107, to which one is to come
  for (uint64_t i = 0; i < 1000; ++i) {
    const uint32_t owner = plain.pick(keyOf(i));
    EXPECT_EQ(bounded.pick(keyOf(i)), owner == 3 ? plain.pick(keyOf(i), {3}) : owner);
  }
}

// A ring that was made for another balancer's table is made anew.
TEST(RingHash, TakesAHostSetThatWasPreparedForAnother) {
  struct Other final : upstream::BalancerTable {};
  auto hosts = std::make_shared<upstream::HostSet>(*equalHosts(5));
  hosts->groups.front().table = std::make_shared<Other>();
  RingHash ring({}, 0);
  upstream::FakeLoads loads(5);
  upstream::adopt(ring, *hosts, loads);
  HashingWorker worker(RingHashFactory(), hosts);
  for (uint64_t i = 0; i < 100; ++i) {
    upstream::PickContext context;
    context.hash = keyOf(i);
    EXPECT_EQ(ring.pick(context).host, worker.pick(keyOf(i)));
  }
}

}  // namespace
}  // namespace weir::extensions::load_balancing::ring_hash
