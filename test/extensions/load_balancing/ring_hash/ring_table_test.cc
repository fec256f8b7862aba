#include "extensions/load_balancing/ring_hash/ring_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <vector>

#include "test/extensions/load_balancing/common/hashing.h"

namespace weir::extensions::load_balancing::ring_hash {
namespace {

using upstream::HostSet;
using upstream::hostsOf;

RingTable tableOf(const HostSet& hosts, const RingOptions& options = {}) {
  return RingTable(hosts, hosts.groups.front(), options);
}

// The definition, without index and order: of all points of endpoints that may be used the one that
// is nearest behind any of the key's places.
uint32_t naiveOwner(const HostSet& hosts, uint64_t key, const RingOptions& options,
                    const std::set<uint32_t>& unusable = {}) {
  uint64_t best = ~uint64_t{0};
  for (const uint32_t host : hosts.groups.front().hosts) {
    if (unusable.count(host) > 0) continue;
    const uint64_t uid = hosts.hosts[host].uid;
    char bytes[8];
    std::memcpy(bytes, &uid, 8);
    for (uint32_t i = 0; i < hosts.hosts[host].endpoint->weight * options.points_per_weight; ++i) {
      const auto point = static_cast<uint32_t>(base::hash64({bytes, 8}, i) >> 32);
      for (uint32_t probe = 0; probe < options.probes; ++probe) {
        const auto place =
            static_cast<uint32_t>(base::mix64(key + probe * 0xd1342543de82ef95) >> 32);
        best = std::min(best, uint64_t{point - place} << 32 | host);
      }
    }
  }
  return static_cast<uint32_t>(best);
}

TEST(RingTable, IsWhatItsDefinitionSays) {
  base::Random random(3);
  for (const RingOptions& options : {RingOptions{.points_per_weight = 5, .probes = 1},
                                     RingOptions{.points_per_weight = 3, .probes = 4},
                                     RingOptions{.points_per_weight = 1, .probes = 21}}) {
    for (const size_t count : {1, 2, 3, 17, 60}) {
      std::vector<uint32_t> weights(count);
      for (uint32_t& weight : weights) weight = 1 + static_cast<uint32_t>(random.uniform(5));
      const auto hosts = hostsOf(weights);
      const RingTable ring = tableOf(*hosts, options);
      for (int i = 0; i < 60; ++i) {
        const uint64_t key = random.next();
        ASSERT_EQ(ring.owner(key), naiveOwner(*hosts, key, options));
        std::set<uint32_t> unusable;
        for (uint32_t host = 0; host < count; ++host) {
          if (random.uniform(2) == 0) unusable.insert(host);
        }
        const auto usable = [&](uint32_t host) { return unusable.count(host) == 0; };
        const std::optional<uint32_t> owner = ring.ownerAmong(key, usable);
        if (unusable.size() == count) {
          ASSERT_EQ(owner, std::nullopt);
        } else {
          ASSERT_EQ(owner, naiveOwner(*hosts, key, options, unusable));
        }
      }
    }
  }
}

// Whoever owns a key without some endpoints is who owns it on the ring that they are not on.
TEST(RingTable, TheOwnerAmongTheOthersIsTheFormerOne) {
  const auto hosts = equalHosts(50);
  const std::set<uint32_t> gone = {3, 30, 49};
  const RingTable ring = tableOf(*hosts), smaller = tableOf(*without(*hosts, gone));
  for (uint64_t i = 0; i < 3000; ++i) {
    EXPECT_EQ(ring.ownerAmong(keyOf(i), [&](uint32_t host) { return gone.count(host) == 0; }),
              smaller.owner(keyOf(i)));
  }
}

TEST(RingTable, PointsAreByWeightUpToTheMost) {
  EXPECT_EQ(tableOf(*hostsOf({1, 2, 3})).points(), 6 * 160u);
  EXPECT_EQ(tableOf(*hostsOf({1, 2, 3}), {.points_per_weight = 7}).points(), 42u);
  const RingTable scaled = tableOf(*hostsOf({65535, 65535, 1}), {.max_points = 10'000});
  EXPECT_LE(scaled.points(), 10'001u);
  EXPECT_GE(scaled.points(), 9'990u);
  std::set<uint32_t> owners;
  for (uint64_t i = 0; i < 100'000; ++i) owners.insert(scaled.owner(keyOf(i)));
  EXPECT_EQ(owners.count(2), 1u) << "the lightest one has a point too";
}

// Only what an endpoint had moves when it goes, and only what it gets when it comes.
TEST(RingTable, OneEndpointMovesOnlyItsOwnShare) {
  constexpr int kKeys = 20'000;
  for (const uint32_t count : {2u, 10u, 100u}) {
    const auto hosts = equalHosts(count);
    const RingTable with = tableOf(*hosts), without_it = tableOf(*without(*hosts, {1}));
    int moved = 0;
    for (uint64_t i = 0; i < kKeys; ++i) {
      const uint32_t before = with.owner(keyOf(i)), after = without_it.owner(keyOf(i));
      if (before == after) continue;
      ++moved;
      ASSERT_EQ(before, 1u);
    }
    EXPECT_NEAR(moved * 1.0 * count / kKeys, 1.0, 0.15) << count;
    RecordProperty("moved_of_" + std::to_string(count), moved);
  }
}

TEST(RingTable, OtherPlacesInTheHostSetChangeNothing) {
  const auto hosts = equalHosts(20);
  std::vector<HostSet::Host> list(hosts->hosts.rbegin(), hosts->hosts.rend());
  const auto reversed = upstream::eligible(2, std::move(list));
  const RingTable ring = tableOf(*hosts), other = tableOf(*reversed);
  for (uint64_t i = 0; i < 2000; ++i) {
    EXPECT_EQ(hosts->hosts[ring.owner(keyOf(i))].endpoint,
              reversed->hosts[other.owner(keyOf(i))].endpoint);
  }
}

// The largest share, in relation to what it should be.
double largest(const HostSet& hosts, const RingTable& ring, int keys) {
  std::vector<double> counts(hosts.hosts.size());
  double weights = 0;
  for (const HostSet::Host& host : hosts.hosts) weights += host.endpoint->weight;
  for (int i = 0; i < keys; ++i) ++counts[ring.owner(keyOf(static_cast<uint64_t>(i)))];
  double largest = 0;
  for (size_t i = 0; i < counts.size(); ++i) {
    largest = std::max(largest, counts[i] * weights / keys / hosts.hosts[i].endpoint->weight);
  }
  return largest;
}

TEST(RingTable, NoEndpointHasMuchMoreThanItsShare) {
  // Of 20 000 keys each, chance alone makes the largest 2 % more.
  EXPECT_LT(largest(*equalHosts(10), tableOf(*equalHosts(10)), 200'000), 1.05);
  EXPECT_LT(largest(*hostsOf({1, 2, 3, 4, 10}), tableOf(*hostsOf({1, 2, 3, 4, 10})), 400'000),
            1.05);
}

}  // namespace
}  // namespace weir::extensions::load_balancing::ring_hash
