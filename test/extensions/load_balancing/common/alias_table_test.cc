#include "extensions/load_balancing/common/alias_table.h"

#include <vector>

#include "gtest/gtest.h"

#include "source/base/random.h"
#include "test/upstream/test_hosts.h"

namespace weir::extensions::load_balancing::common {
namespace {

// What part of all 64-bit numbers each position gets, found with an even grid of them.
std::vector<double> sharesOf(const AliasTable& table, size_t hosts) {
  constexpr uint64_t kPoints = 1'000'000;
  std::vector<double> shares(hosts);
  for (uint64_t i = 0; i < kPoints; ++i) {
    shares.at(table.draw(~uint64_t{0} / kPoints * i)) += 1.0 / kPoints;
  }
  return shares;
}

TEST(AliasTableTest, SharesAreTheWeights) {
  base::Random random(4);
  std::vector<std::vector<uint32_t>> cases = {
      {3, 1, 2}, {1, 65535}, {7}, {1, 1, 1, 1000}, {65535, 65535, 1}};
  for (int round = 0; round < 20; ++round) {
    std::vector<uint32_t> weights(1 + random.uniform(60));
    for (uint32_t& weight : weights) weight = 1 + static_cast<uint32_t>(random.uniform(1000));
    cases.push_back(weights);
  }
  for (const std::vector<uint32_t>& weights : cases) {
    const auto hosts = upstream::hostsOf(weights);
    const AliasTable table(*hosts, hosts->groups[0]);
    double sum = 0;
    for (const uint32_t weight : weights) sum += weight;
    const std::vector<double> shares = sharesOf(table, weights.size());
    for (size_t i = 0; i < weights.size(); ++i) EXPECT_NEAR(shares[i], weights[i] / sum, 1e-4);
  }
}

TEST(AliasTableTest, EqualWeightsNeedNoTable) {
  const auto equal = upstream::hostsOf({9, 9, 9});
  const AliasTable table(*equal, equal->groups[0]);
  EXPECT_TRUE(table.equalWeights());
  for (const double share : sharesOf(table, 3)) EXPECT_NEAR(share, 1.0 / 3, 1e-5);
  const auto unequal = upstream::hostsOf({9, 9, 8});
  EXPECT_FALSE(AliasTable(*unequal, unequal->groups[0]).equalWeights());
}

TEST(AliasTableTest, TheExtremesOfTheNumbersAreInRange) {
  for (const std::vector<uint32_t>& weights :
       {std::vector<uint32_t>{5, 5, 5}, {1, 2, 3}, {65535, 1}}) {
    const auto hosts = upstream::hostsOf(weights);
    const AliasTable table(*hosts, hosts->groups[0]);
    EXPECT_LT(table.draw(0), weights.size());
    EXPECT_EQ(table.draw(~uint64_t{0}) < weights.size(), true);
  }
}

TEST(AliasTableTest, OneThatIsPreparedIsUsed) {
  auto hosts = *upstream::hostsOf({1, 2});
  auto table = std::make_shared<const AliasTable>(hosts, hosts.groups[0]);
  hosts.groups[0].table = table;
  EXPECT_EQ(AliasTable::of(hosts, hosts.groups[0]), table);
  hosts.groups[0].table = std::make_shared<upstream::BalancerTable>();  // of another algorithm
  EXPECT_FALSE(AliasTable::of(hosts, hosts.groups[0])->equalWeights());
}

}  // namespace
}  // namespace weir::extensions::load_balancing::common
