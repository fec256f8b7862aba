#include "extensions/load_balancing/common/load_bound.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "source/base/random.h"
#include "test/upstream/test_hosts.h"

namespace weir::extensions::load_balancing::common {
namespace {

using upstream::FakeLoads;
using upstream::hostsOf;
using upstream::PickContext;

struct Bounded {
  Bounded(uint32_t percent, const std::vector<uint32_t>& weights)
      : hosts(hostsOf(weights)), loads(weights.size()), bound(percent) {
    bound.adopt(*hosts, hosts->groups.front(), loads);
  }
  std::vector<uint32_t> withRoom(const PickContext& context = {}) const {
    const LoadBound::Room room(bound, context);
    std::vector<uint32_t> found;
    for (uint32_t host = 0; host < loads.counts.size(); ++host) {
      if (room(host)) found.push_back(host);
    }
    return found;
  }
  std::shared_ptr<const upstream::HostSet> hosts;
  FakeLoads loads;
  LoadBound bound;
};

using Hosts = std::vector<uint32_t>;

TEST(LoadBound, WithoutABoundOnlyTriedOnesAreOut) {
  Bounded bounded(0, {1, 1, 1});
  bounded.loads.counts = {1000, 0, 0};
  EXPECT_TRUE(bounded.bound.open({}));
  EXPECT_EQ(bounded.withRoom(), (Hosts{0, 1, 2}));
  PickContext context;
  const Hosts tried = {1};
  context.tried = tried;
  EXPECT_FALSE(bounded.bound.open(context));
  EXPECT_EQ(bounded.withRoom(context), (Hosts{0, 2}));
  const Hosts all = {2, 1, 0};
  context.tried = all;
  EXPECT_EQ(bounded.withRoom(context), (Hosts{0, 1, 2})) << "as if none had";
}

TEST(LoadBound, TakesTheBitsOfAvoidedOnes) {
  Bounded bounded(0, {1, 1, 1});
  PickContext context;
  const std::vector<uint64_t> bits = {0b101};
  context.avoided = bits;
  EXPECT_FALSE(bounded.bound.open(context));
  EXPECT_EQ(bounded.withRoom(context), (Hosts{1}));
}

TEST(LoadBound, IsAFactorOnTheShareRoundedUp) {
  Bounded bounded(125, {1, 1, 2});
  EXPECT_EQ(bounded.withRoom(), (Hosts{0, 1, 2}));
  // 8 in flight and one to come: 1.25 * 9 / 4 = 2.8, so 3 each, and 5.6, so 6.
  bounded.loads.counts = {3, 0, 5};
  EXPECT_EQ(bounded.withRoom(), (Hosts{1, 2}));
  bounded.loads.counts = {2, 0, 6};
  EXPECT_EQ(bounded.withRoom(), (Hosts{0, 1}));
}

// One of two has failed at once and has nothing in flight: all goes to the other.
TEST(LoadBound, WhatWasTriedDoesNotTakePart) {
  Bounded bounded(125, {1, 1});
  bounded.loads.counts = {0, 50};
  EXPECT_EQ(bounded.withRoom(), (Hosts{0}));
  PickContext context;
  const Hosts tried = {0};
  context.tried = tried;
  EXPECT_EQ(bounded.withRoom(context), (Hosts{1}));
}

// A group's sum that the worker keeps is used as it is.
TEST(LoadBound, AsksForTheSumWhereItIsKept) {
  struct Kept final : upstream::HostLoads {
    uint32_t inFlight(uint32_t host) const override { return host == 0 ? 5 : 0; }
    std::optional<uint64_t> groupInFlight(uint32_t group) const override {
      return group == 0 ? std::optional<uint64_t>(99) : std::nullopt;
    }
  };
  const auto hosts = hostsOf({1, 1});
  const Kept loads;
  LoadBound bound(110);
  bound.adopt(*hosts, hosts->groups.front(), loads);
  const LoadBound::Room room(bound, {});
  EXPECT_TRUE(room(0)) << "the bound is 55";
}

// Requests come and go at random, and go where they like as long as there is room.
TEST(LoadBound, PropertyNoneIsEverAboveItsFactorAndThereAlwaysIsRoom) {
  base::Random random(7);
  for (const uint32_t percent : {100u, 105u, 125u, 200u, 1000u}) {
    std::vector<uint32_t> weights(1 + random.uniform(30));
    for (uint32_t& weight : weights) weight = 1 + static_cast<uint32_t>(random.uniform(9));
    Bounded bounded(percent, weights);
    std::vector<uint32_t>& counts = bounded.loads.counts;
    double sum = 0;
    for (const uint32_t weight : weights) sum += weight;
    std::vector<uint32_t> requests;
    for (int step = 0; step < 3000; ++step) {
      if (!requests.empty() && random.uniform(100) < 45) {
        std::swap(requests[random.uniform(requests.size())], requests.back());
        --counts[requests.back()];
        requests.pop_back();
        continue;
      }
      const Hosts room = bounded.withRoom();
      ASSERT_FALSE(room.empty()) << percent;
      // The most loaded that may have it: the worst that an algorithm can do.
      const uint32_t host = *std::max_element(
          room.begin(), room.end(), [&](uint32_t a, uint32_t b) { return counts[a] < counts[b]; });
      ++counts[host];
      requests.push_back(host);
      const double share = static_cast<double>(requests.size()) * weights[host] / sum;
      ASSERT_LE(counts[host], std::ceil(share * percent / 100.0 - 1e-9));
    }
  }
}

}  // namespace
}  // namespace weir::extensions::load_balancing::common
