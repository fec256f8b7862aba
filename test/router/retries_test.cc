#include "source/router/retries.h"

#include <algorithm>
#include <vector>

#include "gtest/gtest.h"

namespace weir::router {
namespace {

using http::GrpcStatus;
using std::chrono::milliseconds;

constexpr RetryPolicy kPolicy{.max_retries = 3,
                              .grpc_statuses = RetryPolicy::bit(GrpcStatus::kUnavailable),
                              .base_interval = milliseconds(100),
                              .max_interval = milliseconds(350)};

class RetriesTest : public testing::Test {
 protected:
  bool again(Replay replay, GrpcStatus status = GrpcStatus::kUnavailable) {
    return retries_.afterFailure(replay, status).has_value();
  }
  base::Random random_{7};
  Retries retries_{random_};
};

TEST_F(RetriesTest, WithoutAPolicyOnlyWhatIsSafe) {
  EXPECT_FALSE(again(Replay::kImpossible));
  EXPECT_FALSE(again(Replay::kUnsafe));
  EXPECT_FALSE(again(Replay::kUnsent));
  EXPECT_FALSE(retries_.afterAnswer(GrpcStatus::kUnavailable));
  EXPECT_EQ(retries_.count(), 0u);
  EXPECT_FALSE(retries_.exhausted());
}

TEST_F(RetriesTest, AReusedConnectionThatBrokeIsRetriedOnceAtOnceOnAFreshOne) {
  const auto first = retries_.afterFailure(Replay::kReusedBroke, GrpcStatus::kUnavailable);
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->fresh);
  EXPECT_FALSE(first->later);
  EXPECT_FALSE(again(Replay::kReusedBroke));
  EXPECT_EQ(retries_.count(), 1u);
}

TEST_F(RetriesTest, WhatWasRefusedIsRetriedThreeTimes) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(again(Replay::kRefused)) << i;
  EXPECT_FALSE(again(Replay::kRefused));
  EXPECT_EQ(retries_.count(), 3u);
}

TEST_F(RetriesTest, ThePolicysCountIsItsOwn) {
  retries_.follow(&kPolicy, true);
  EXPECT_TRUE(again(Replay::kRefused));
  EXPECT_TRUE(again(Replay::kReusedBroke));
  EXPECT_TRUE(again(Replay::kUnsafe));
  EXPECT_TRUE(again(Replay::kUnsent));
  EXPECT_FALSE(again(Replay::kImpossible));
  EXPECT_TRUE(retries_.afterAnswer(GrpcStatus::kUnavailable));
  EXPECT_FALSE(retries_.exhausted());
  EXPECT_FALSE(retries_.afterAnswer(GrpcStatus::kUnavailable));
  EXPECT_TRUE(retries_.exhausted());
  EXPECT_EQ(retries_.count(), 5u);
}

// When the safe retries are used up, the policy still may have some.
TEST_F(RetriesTest, ThePolicyTakesOver) {
  retries_.follow(&kPolicy, true);
  for (int i = 0; i < 3 + 3; ++i) EXPECT_TRUE(again(Replay::kRefused)) << i;
  EXPECT_FALSE(again(Replay::kRefused));
}

TEST_F(RetriesTest, OtherStatusesAndOtherRequestsAreNotMeant) {
  retries_.follow(&kPolicy, true);
  EXPECT_FALSE(again(Replay::kUnsafe, GrpcStatus::kInternal));
  EXPECT_FALSE(retries_.afterAnswer(GrpcStatus::kOk));
  EXPECT_FALSE(retries_.exhausted());
  retries_.follow(&kPolicy, false);
  EXPECT_FALSE(again(Replay::kUnsafe));
}

TEST_F(RetriesTest, WaitsAreDrawnFromADoublingRange) {
  std::vector<milliseconds> most(3), least(3, milliseconds(1000));
  for (int i = 0; i < 2000; ++i) {
    Retries retries(random_);
    retries.follow(&kPolicy, true);
    for (size_t n = 0; n < 3; ++n) {
      const auto wait = retries.afterAnswer(GrpcStatus::kUnavailable)->wait;
      most[n] = std::max(most[n], wait);
      least[n] = std::min(least[n], wait);
    }
  }
  EXPECT_EQ(most, (std::vector{milliseconds(100), milliseconds(200), milliseconds(350)}));
  for (const auto wait : least) EXPECT_LE(wait, milliseconds(2));
}

TEST_F(RetriesTest, TriedEndpointsAreThoseOfOneHostSet) {
  EXPECT_TRUE(retries_.tried(1).empty());
  retries_.addTried(1, 4);
  retries_.addTried(1, 5);
  EXPECT_EQ(retries_.tried(1).size(), 2u);
  EXPECT_TRUE(retries_.tried(2).empty());
  retries_.addTried(2, 6);
  ASSERT_EQ(retries_.tried(2).size(), 1u);
  EXPECT_EQ(retries_.tried(2)[0], 6u);
  for (uint32_t i = 0; i < 20; ++i) retries_.addTried(2, i);
  EXPECT_EQ(retries_.tried(2).size(), 8u);
}

}  // namespace
}  // namespace weir::router
