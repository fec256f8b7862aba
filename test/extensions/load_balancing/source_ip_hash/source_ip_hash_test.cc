#include "extensions/load_balancing/source_ip_hash/source_ip_hash.h"

#include <map>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/random.h"
#include "source/upstream/hash_policy.h"
#include "test/upstream/test_hosts.h"

namespace weir::extensions::load_balancing::source_ip_hash {
namespace {

using upstream::FakeLoads;
using upstream::HostSet;
using upstream::hostsOf;
using upstream::Pick;
using upstream::PickContext;

network::Address client(uint32_t number, unsigned port = 1000) {
  return *network::Address::parse("10." + std::to_string(number >> 16 & 255) + "." +
                                  std::to_string(number >> 8 & 255) + "." +
                                  std::to_string(number & 255) + ":" + std::to_string(port));
}

struct Worker {
  explicit Worker(std::shared_ptr<const HostSet> set, const SourceIpHashOptions& options = {})
      : hosts(std::move(set)),
        loads(hosts->hosts.size()),
        factory(options),
        balancer(factory.create({.random = random})) {
    balancer->onHostSet(*hosts, loads);
  }
  uint32_t pick(const network::Address& source, std::vector<uint32_t> tried = {}) {
    PickContext context;
    context.source = &source;
    context.tried = tried;
    return pick(context);
  }
  uint32_t pick(const PickContext& context) {
    const Pick pick = balancer->pick(context);
    EXPECT_EQ(pick.kind, Pick::Kind::kEndpoint);
    return pick.host;
  }
  std::shared_ptr<const HostSet> hosts;
  FakeLoads loads;
  base::Random random{1};
  const SourceIpHashFactory factory;
  std::unique_ptr<upstream::LoadBalancer> balancer;
};

TEST(SourceIpHashTest, AClientStaysOnItsEndpointWhateverItsPort) {
  Worker one(hostsOf({1, 1, 1, 1, 1})), other(hostsOf({1, 1, 1, 1, 1}));
  for (uint32_t i = 0; i < 1000; ++i) {
    const uint32_t host = one.pick(client(i, 1));
    EXPECT_EQ(one.pick(client(i, 2)), host);
    EXPECT_EQ(other.pick(client(i, 3)), host) << "on every worker";
  }
}

TEST(SourceIpHashTest, ClientsAreSpreadByWeight) {
  const std::vector<uint32_t> weights = {3, 1, 2, 10};
  Worker worker(hostsOf(weights));
  std::vector<double> counts(weights.size());
  for (uint32_t i = 0; i < 160'000; ++i) ++counts[worker.pick(client(i))];
  for (size_t host = 0; host < weights.size(); ++host) {
    EXPECT_NEAR(counts[host], 10'000.0 * weights[host], 600) << host;
  }
}

TEST(SourceIpHashTest, LeadingBitsCount) {
  Worker worker(hostsOf(std::vector<uint32_t>(50, 1)), {.ipv4_bits = 24, .ipv6_bits = 56});
  std::set<uint32_t> neighbours, others;
  for (uint32_t i = 0; i < 200; ++i) neighbours.insert(worker.pick(client(0x010200 + i)));
  for (uint32_t i = 0; i < 200; ++i) others.insert(worker.pick(client(i << 8)));
  EXPECT_EQ(neighbours.size(), 1u);
  EXPECT_GT(others.size(), 40u);
  EXPECT_EQ(worker.pick(*network::Address::parse("[2001:db8:0:1::1]:1")),
            worker.pick(*network::Address::parse("[2001:db8:0:2::2]:1")));
}

TEST(SourceIpHashTest, AHashPolicyCountsInstead) {
  Worker worker(hostsOf({1, 1, 1, 1}));
  const network::Address source = client(1);
  for (uint64_t hash = 0; hash < 4; ++hash) {
    PickContext context;
    context.source = &source;
    context.hash = hash;
    EXPECT_EQ(worker.pick(context), hash) << "modulo";
  }
}

TEST(SourceIpHashTest, ClientsWithoutAnAddressShareOne) {
  Worker worker(hostsOf({1, 1, 1}));
  const uint32_t host = worker.pick(PickContext{});
  const network::Address path = *network::Address::parse("unix:/a"),
                         other = *network::Address::parse("unix:/b");
  EXPECT_EQ(worker.pick(path), worker.pick(other));
  EXPECT_EQ(worker.pick(PickContext{}), host);
}

TEST(SourceIpHashTest, TriedOnesAreAvoidedInTheSameWayEachTime) {
  Worker worker(hostsOf({1, 1, 1}));
  std::map<uint32_t, std::set<uint32_t>> second;
  for (uint32_t i = 0; i < 2000; ++i) {
    const uint32_t first = worker.pick(client(i));
    const uint32_t next = worker.pick(client(i), {first});
    EXPECT_NE(next, first);
    EXPECT_EQ(worker.pick(client(i), {first}), next);
    second[first].insert(next);
    EXPECT_EQ(worker.pick(client(i), {first, next}), 3 - first - next);
    EXPECT_EQ(worker.pick(client(i), {0, 1, 2}), first) << "all tried: its own again";
  }
  for (const auto& [first, others] : second) {
    EXPECT_EQ(others.size(), 2u) << "what a broken one had goes to all others";
  }
}

// One heavy endpoint that was tried: drawing alone would hardly leave it.
TEST(SourceIpHashTest, AHeavyTriedOneIsLeftAtLast) {
  Worker worker(hostsOf({65535, 1}));
  for (uint32_t i = 0; i < 200; ++i) EXPECT_EQ(worker.pick(client(i), {0}), 1u);
}

TEST(SourceIpHashTest, PicksOnlyEligibleHosts) {
  auto all = *hostsOf({1, 2, 0, 3, 1});
  all.hosts[1].health = upstream::Health::kDisabled;
  Worker worker(upstream::eligible(2, all.hosts));
  std::set<uint32_t> picked;
  for (uint32_t i = 0; i < 500; ++i) picked.insert(worker.pick(client(i)));
  EXPECT_EQ(picked, (std::set<uint32_t>{0, 3, 4}));
}

TEST(SourceIpHashTest, AnEmptySetFailsWithAReason) {
  const auto none = hostsOf({});
  FakeLoads loads(0);
  base::Random random(1);
  const auto balancer = SourceIpHashFactory().create({.random = random});
  balancer->onHostSet(*none, loads);
  EXPECT_EQ(balancer->pick({}).kind, Pick::Kind::kFailure);
}

// A policy that finds nothing leaves the address.
TEST(SourceIpHashTest, WithoutAnyKeyOfThePolicyTheAddressCounts) {
  Worker worker(hostsOf({1, 1, 1, 1}));
  const upstream::HashPolicy policy({{.kind = upstream::HashKey::Kind::kCookie, .name = "x"}});
  for (uint32_t i = 0; i < 100; ++i) {
    const network::Address source = client(i);
    PickContext context;
    context.source = &source;
    context.hash_policy = &policy;
    EXPECT_EQ(worker.pick(context), worker.pick(source));
  }
}

// What the documentation says of its brittleness.
TEST(SourceIpHashTest, NearlyEverybodyMovesWhenOneEndpointGoes) {
  for (const uint32_t count : {2u, 10u, 100u}) {
    const auto hosts = hostsOf(std::vector<uint32_t>(count, 1));
    auto fewer = hosts->hosts;
    fewer[count / 2].health = upstream::Health::kDisabled;
    Worker before(hosts), after(upstream::eligible(2, fewer));
    uint32_t moved = 0;
    constexpr uint32_t kClients = 20'000;
    for (uint32_t i = 0; i < kClients; ++i)
      moved += before.pick(client(i)) != after.pick(client(i));
    const double share = 1.0 * moved / kClients;
    // A key stays that is the same modulo n and modulo n - 1, shifted where one is gone.
    EXPECT_GT(share, 1.0 - 1.5 / count);
    RecordProperty("moved_of_" + std::to_string(count), std::to_string(share));
  }
}

}  // namespace
}  // namespace weir::extensions::load_balancing::source_ip_hash
