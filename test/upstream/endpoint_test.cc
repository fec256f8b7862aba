#include "source/upstream/eligibility.h"

#include <algorithm>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/random.h"

namespace weir::upstream {
namespace {

HostSet::Host host(Health health, uint32_t weight) {
  auto endpoint = std::make_shared<Endpoint>();
  endpoint->weight = weight;
  return {std::move(endpoint), health};
}

TEST(EligibleTest, WhatMayBePicked) {
  const auto set = eligible(
      7, {host(Health::kHealthy, 1), host(Health::kUnhealthy, 1), host(Health::kUnknown, 1),
          host(Health::kDegraded, 1), host(Health::kDraining, 1), host(Health::kDisabled, 1),
          host(Health::kHealthy, 0)});
  EXPECT_EQ(set->version, 7u);
  EXPECT_EQ(set->hosts.size(), 7u);
  EXPECT_THAT(set->eligible, testing::ElementsAre(0, 2, 3));
}

// Whatever the membership: exactly those are eligible whose health and weight allow it, in order;
// and the verdict on one host depends on no other.
TEST(EligibleTest, HoldsForRandomSets) {
  base::Random random(1);
  for (int round = 0; round < 1000; ++round) {
    std::vector<HostSet::Host> hosts;
    for (uint64_t i = random.uniform(30); i > 0; --i) {
      hosts.push_back(
          host(static_cast<Health>(random.uniform(6)), static_cast<uint32_t>(random.uniform(3))));
    }
    const auto set = eligible(1, hosts);
    ASSERT_TRUE(std::is_sorted(set->eligible.begin(), set->eligible.end()));
    for (uint32_t i = 0; i < hosts.size(); ++i) {
      const bool found = std::count(set->eligible.begin(), set->eligible.end(), i) == 1;
      const bool alone = !eligible(1, {hosts[i]})->eligible.empty();
      const Health health = hosts[i].health;
      const bool may =
          health == Health::kHealthy || health == Health::kUnknown || health == Health::kDegraded;
      ASSERT_EQ(found, may && hosts[i].endpoint->weight > 0);
      ASSERT_EQ(found, alone);
    }
  }
}

}  // namespace
}  // namespace weir::upstream
