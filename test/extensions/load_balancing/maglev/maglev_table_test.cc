#include "extensions/load_balancing/maglev/maglev_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "test/extensions/load_balancing/common/hashing.h"

namespace weir::extensions::load_balancing::maglev {
namespace {

using upstream::HostSet;
using upstream::hostsOf;

MaglevTable tableOf(const HostSet& hosts, uint32_t size = 65537) {
  return MaglevTable(hosts, hosts.groups.front(), size);
}

// The paper's listing (section 3.4): each has its permutation written out, and takes turns.
std::vector<uint32_t> naive(const HostSet& hosts, uint32_t size) {
  std::vector<uint32_t> order = hosts.groups.front().hosts;
  std::sort(order.begin(), order.end(),
            [&](uint32_t a, uint32_t b) { return hosts.hosts[a].uid < hosts.hosts[b].uid; });
  std::vector<std::vector<uint32_t>> permutations;
  for (const uint32_t host : order) {
    char uid[8];
    std::memcpy(uid, &hosts.hosts[host].uid, 8);
    const uint64_t offset = base::hash64({uid, 8}, 0) % size;
    const uint64_t skip = base::hash64({uid, 8}, 1) % (size - 1) + 1;
    std::vector<uint32_t>& permutation = permutations.emplace_back();
    for (uint64_t j = 0; j < size; ++j) {
      permutation.push_back(static_cast<uint32_t>((offset + j * skip) % size));
    }
  }
  std::vector<size_t> next(order.size());
  std::vector<uint32_t> entries(size, ~0U);
  for (uint32_t filled = 0;;) {
    for (size_t i = 0; i < order.size(); ++i) {
      while (entries[permutations[i][next[i]]] != ~0U) ++next[i];
      entries[permutations[i][next[i]]] = order[i];
      if (++filled == size) return entries;
    }
  }
}

// Turns are shared out evenly and the last round is not cut off but spread, so that a table may
// differ from the paper's in the few entries of that round.
TEST(MaglevTable, IsThatOfThePaper) {
  for (const uint32_t count : {1u, 2u, 3u, 10u, 60u}) {
    const auto hosts = equalHosts(count);
    const MaglevTable table = tableOf(*hosts, 6007);
    const std::vector<uint32_t> expected = naive(*hosts, 6007);
    uint32_t others = 0;
    for (uint32_t entry = 0; entry < 6007; ++entry) others += table.owner(entry) != expected[entry];
    EXPECT_LE(others, 6007 * 2 / 100) << count;
  }
}

// With a table of as many entries for each, there is nothing to spread: it is the same.
TEST(MaglevTable, IsThatOfThePaperToTheEntryWhereNothingIsLeftOver) {
  const auto hosts = equalHosts(1);
  const MaglevTable table = tableOf(*hosts, 101);
  for (uint32_t entry = 0; entry < 101; ++entry) {
    EXPECT_EQ(table.owner(entry), 0u);
    EXPECT_EQ(table.secondOwner(entry), 0u) << "there is no other";
  }
}

std::vector<uint32_t> counts(const HostSet& hosts, const MaglevTable& table) {
  std::vector<uint32_t> counts(hosts.hosts.size());
  for (uint32_t entry = 0; entry < table.size(); ++entry) ++counts[table.owner(entry)];
  return counts;
}

TEST(MaglevTable, ImbalanceIsAtMostOnePercentWithHundredEntriesForEach) {
  for (const uint32_t count : {2u, 3u, 100u, 500u, 655u}) {
    const auto hosts = equalHosts(count);
    const double share = 65537.0 / count;
    for (const uint32_t has : counts(*hosts, tableOf(*hosts))) {
      EXPECT_NEAR(has / share, 1.0, 0.01) << count;
    }
  }
  const auto few = equalHosts(1);
  EXPECT_EQ(counts(*few, tableOf(*few, 101)), std::vector<uint32_t>{101});
}

TEST(MaglevTable, SharesAreByWeightToTheEntry) {
  base::Random random(9);
  for (int round = 0; round < 20; ++round) {
    std::vector<uint32_t> weights(1 + random.uniform(200));
    double sum = 0;
    for (uint32_t& weight : weights) sum += weight = 1 + static_cast<uint32_t>(random.uniform(20));
    const auto hosts = hostsOf(weights);
    const std::vector<uint32_t> has = counts(*hosts, tableOf(*hosts));
    for (size_t i = 0; i < weights.size(); ++i) {
      EXPECT_NEAR(has[i], 65537 * weights[i] / sum, 1.0) << i;
    }
  }
}

TEST(MaglevTable, EachHasAtLeastOneEntry) {
  std::vector<uint32_t> weights(90, 1);
  weights[0] = weights[1] = 65535;
  const auto hosts = hostsOf(weights);
  const std::vector<uint32_t> has = counts(*hosts, tableOf(*hosts, 101));
  EXPECT_EQ(*std::min_element(has.begin(), has.end()), 1u);
  EXPECT_NEAR(has[0], has[1], 1);
}

TEST(MaglevTable, GrowsForMoreEndpointsThanItHasEntries) {
  const auto hosts = equalHosts(300);
  const MaglevTable table = tableOf(*hosts, 101);
  EXPECT_EQ(table.size(), 307u);
  EXPECT_EQ(tableOf(*equalHosts(3), 1000).size(), 1009u) << "always a prime";
  const std::vector<uint32_t> has = counts(*hosts, table);
  EXPECT_EQ(*std::min_element(has.begin(), has.end()), 1u);
}

TEST(MaglevTable, TakesMoreEndpointsThanSixteenBitsCount) {
  const auto hosts = equalHosts(66'000);
  const MaglevTable table = tableOf(*hosts, 65537);
  EXPECT_GE(table.size(), 66'000u);
  EXPECT_EQ(table.bytes(), table.size() * 8u);
  const std::vector<uint32_t> has = counts(*hosts, table);
  EXPECT_EQ(*std::min_element(has.begin(), has.end()), 1u);
  EXPECT_EQ(tableOf(*equalHosts(9)).bytes(), 65537 * 4u);
}

struct Move {
  double own;     // of its own entries: those whose second owner has them without it
  double others;  // of all entries: those that moved between other endpoints
};

Move moveOf(const HostSet& hosts, uint32_t gone) {
  const MaglevTable before = tableOf(hosts), after = tableOf(*without(hosts, {gone}));
  double own = 0, second = 0, others = 0;
  for (uint32_t entry = 0; entry < before.size(); ++entry) {
    const bool mine = before.owner(entry) == gone;
    own += mine;
    second += mine && before.secondOwner(entry) == after.owner(entry);
    others += !mine && before.owner(entry) != after.owner(entry);
    EXPECT_NE(before.secondOwner(entry), before.owner(entry));
  }
  return {second / own, others / before.size()};
}

TEST(MaglevTable, FewOtherKeysMoveAndSecondOwnersInherit) {
  for (const uint32_t count : {2u, 3u, 10u, 100u}) {
    const auto hosts = equalHosts(count);
    for (uint32_t gone = 0; gone < count; gone += 1 + count / 4) {
      const Move move = moveOf(*hosts, gone);
      EXPECT_LT(move.others, 0.01) << count;
      EXPECT_GT(move.own, 0.96) << count;
    }
  }
  std::vector<uint32_t> weights(40);
  for (size_t i = 0; i < weights.size(); ++i) weights[i] = 1 + static_cast<uint32_t>(i % 10);
  const Move move = moveOf(*hostsOf(weights), 7);
  EXPECT_LT(move.others, 0.015);
  EXPECT_GT(move.own, 0.96);
}

TEST(MaglevTable, OtherPlacesInTheHostSetChangeNothing) {
  const auto hosts = hostsOf({1, 2, 3, 4, 5, 6});
  std::vector<HostSet::Host> list(hosts->hosts.rbegin(), hosts->hosts.rend());
  const auto reversed = upstream::eligible(2, std::move(list));
  const MaglevTable table = tableOf(*hosts, 6007), other = tableOf(*reversed, 6007);
  for (uint32_t entry = 0; entry < 6007; ++entry) {
    EXPECT_EQ(table.owner(entry), 5 - other.owner(entry));
    EXPECT_EQ(table.secondOwner(entry), 5 - other.secondOwner(entry));
  }
}

TEST(MaglevTable, KnowsPrimes) {
  std::vector<uint32_t> primes;
  for (uint32_t i = 0; i < 32; ++i) {
    if (isPrime(i)) primes.push_back(i);
  }
  EXPECT_EQ(primes, (std::vector<uint32_t>{2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31}));
  EXPECT_TRUE(isPrime(65537));
  EXPECT_TRUE(isPrime(5'000'011));
  EXPECT_FALSE(isPrime(65537u * 7));
  EXPECT_FALSE(isPrime(4'294'967'295u));
  EXPECT_EQ(primeFrom(65538), 65539u);
  EXPECT_EQ(primeFrom(0), 2u);
}

}  // namespace
}  // namespace weir::extensions::load_balancing::maglev
