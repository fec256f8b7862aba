#include "source/upstream/slow_start.h"

#include <cmath>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "source/upstream/eligibility.h"

namespace weir::upstream {
namespace {

using event::MonotonicTime;
using std::chrono::milliseconds;
using std::chrono::seconds;

const MonotonicTime kStart = MonotonicTime() + std::chrono::hours(1);
constexpr SlowStart kMinute{.window = seconds(60), .aggression = 1, .min_share = 0.1};

std::shared_ptr<const HostSet> hostsSince(const std::vector<MonotonicTime>& since) {
  std::vector<HostSet::Host> hosts;
  for (const MonotonicTime at : since) {
    auto endpoint = std::make_shared<Endpoint>();
    endpoint->id = "e" + std::to_string(hosts.size());
    hosts.push_back({.endpoint = std::move(endpoint), .serving_since = at});
  }
  return eligible(1, std::move(hosts));
}

TEST(SlowStartTest, NobodyIsNewWithoutAWindowOrWithoutATime) {
  SlowStartShares shares;
  shares.onHostSet(*hostsSince({kStart, kStart}), {});
  EXPECT_FALSE(shares.any());
  EXPECT_FALSE(shares.update(kStart));
  shares.onHostSet(*hostsSince({{}, {}}), kMinute);
  EXPECT_FALSE(shares.any());
  EXPECT_FALSE(shares.update(kStart));
  shares.onHostSet(*hostsSince({}), kMinute);
  EXPECT_FALSE(shares.update(kStart));
}

TEST(SlowStartTest, TheShareGrowsOverTheWindow) {
  for (const double aggression : {0.5, 1.0, 2.0}) {
    SlowStartShares shares;
    SlowStart config = kMinute;
    config.aggression = aggression;
    const auto hosts = hostsSince({{}, kStart});
    shares.onHostSet(*hosts, config);
    for (int second = 0; second < 60; ++second) {
      ASSERT_TRUE(shares.update(kStart + seconds(second)));
      EXPECT_EQ(shares.of(0), 1);
      EXPECT_NEAR(shares.of(1), 0.1 + 0.9 * std::pow(second / 60.0, 1 / aggression),
                  aggression > 1 ? 0.06 : 0.01)
          << second;
    }
    EXPECT_FALSE(shares.update(kStart + seconds(60)));
  }
}

TEST(SlowStartTest, TheShareNeverShrinks) {
  SlowStartShares shares;
  const auto hosts = hostsSince({{}, kStart, kStart + seconds(7)});
  shares.onHostSet(*hosts, kMinute);
  float before[3] = {};
  for (int i = 0; i < 6700; ++i) {
    if (!shares.update(kStart + milliseconds(10 * i))) break;
    for (const uint32_t host : {0, 1, 2}) {
      ASSERT_GE(shares.of(host), before[host]);
      before[host] = shares.of(host);
    }
  }
  EXPECT_GT(before[2], 0.99);
}

// Whoever else has only just come does not count: there is nobody to take its share.
TEST(SlowStartTest, TheOldestOfAGroupHasTheWhole) {
  SlowStartShares shares;
  const auto together = hostsSince({kStart, kStart, kStart});
  shares.onHostSet(*together, kMinute);
  ASSERT_TRUE(shares.update(kStart));
  for (const uint32_t host : {0, 1, 2}) EXPECT_EQ(shares.of(host), 1);
  const auto later = hostsSince({kStart, kStart + seconds(30)});
  shares.onHostSet(*later, kMinute);
  ASSERT_TRUE(shares.update(kStart + seconds(30)));
  EXPECT_EQ(shares.of(0), 1);
  EXPECT_NEAR(shares.of(1), 0.1 / 0.55, 0.001);
}

TEST(SlowStartTest, WorkersTakeTheStepsTogether) {
  const auto hosts = hostsSince({{}, kStart});
  SlowStartShares one;
  SlowStartShares other;
  one.onHostSet(*hosts, kMinute);
  other.onHostSet(*hosts, kMinute);
  int differences = 0;
  for (int i = 0; i < 5000; ++i) {
    one.update(kStart + milliseconds(7 * i));
    if (i % 13 == 0) other.update(kStart + milliseconds(7 * i));
    if (i % 13 == 0) differences += one.of(1) != other.of(1);
  }
  EXPECT_EQ(differences, 0);
}

TEST(SlowStartTest, ATimeToComeIsNow) {
  SlowStartShares shares;
  const auto hosts = hostsSince({{}, kStart + seconds(5)});
  SlowStart config = kMinute;
  config.min_share = 0;
  shares.onHostSet(*hosts, config);
  ASSERT_TRUE(shares.update(kStart));
  EXPECT_GT(shares.of(1), 0);
  EXPECT_LT(shares.of(1), 0.01);
}

}  // namespace
}  // namespace weir::upstream
