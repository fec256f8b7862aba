#include "source/router/retries.h"

#include <algorithm>
#include <initializer_list>
#include <optional>
#include <vector>

#include "gtest/gtest.h"

namespace weir::router {
namespace {

using http::GrpcStatus;
using std::chrono::milliseconds;

const RetryPolicy kPolicy{.max_retries = 3,
                          .grpc_statuses = RetryPolicy::bit(GrpcStatus::kUnavailable),
                          .base_interval = milliseconds(100),
                          .max_interval = milliseconds(350)};

using Condition = RetryPolicy::Condition;

class RetriesTest : public testing::Test {
 protected:
  std::optional<Retries::Again> after(Replay replay, GrpcStatus status = GrpcStatus::kUnavailable) {
    return retries_.after({.replay = replay, .status = 503, .grpc_status = status});
  }
  bool again(Replay replay, GrpcStatus status = GrpcStatus::kUnavailable) {
    return after(replay, status).has_value();
  }
  // With only this condition, the first time.
  bool meant(const RetryPolicy& policy, Replay replay, uint16_t status, bool idempotent = true) {
    Retries retries(random_);
    retries.follow(&policy, /*grpc=*/false, idempotent);
    // What is always retried is used up.
    for (int i = 0; i < 3; ++i) retries.after({.replay = Replay::kRefused});
    retries.after({.replay = Replay::kReusedBroke});
    return retries.after({.replay = replay, .status = status}).has_value();
  }
  static RetryPolicy on(Condition condition) {
    return {.max_retries = 10, .conditions = RetryPolicy::bit(condition)};
  }
  base::Random random_{7};
  Retries retries_{random_};
};

TEST_F(RetriesTest, WithoutAPolicyOnlyWhatIsSafe) {
  for (const Replay replay : {Replay::kImpossible, Replay::kUnsafe, Replay::kUnsent, Replay::kBroke,
                              Replay::kAnswered, Replay::kOverdue}) {
    EXPECT_FALSE(again(replay)) << static_cast<int>(replay);
  }
  EXPECT_EQ(retries_.count(), 0u);
  EXPECT_FALSE(retries_.exhausted());
}

// What an answer asks to wait before: the pause, or nothing.
TEST_F(RetriesTest, WhatIsAskedToWaitIsWaited) {
  RetryPolicy policy{.max_retries = 10, .base_interval = milliseconds(10)};
  policy.statuses.set(429 - RetryPolicy::kFirstStatus);
  policy.statuses.set(503 - RetryPolicy::kFirstStatus);
  const auto pause = [&](uint16_t status, bool untried, milliseconds wait, milliseconds left) {
    Retries retries(random_);
    retries.follow(&policy, /*grpc=*/false, /*idempotent=*/true);
    const auto again = retries.after({.replay = Replay::kAnswered,
                                      .status = status,
                                      .untried = untried,
                                      .wait = wait,
                                      .left = left});
    EXPECT_FALSE(retries.exhausted());
    return again ? again->pause : std::nullopt;
  };
  constexpr milliseconds kLong{60'000};
  for (const uint16_t status : {429, 503}) {
    const auto waited = pause(status, false, milliseconds(2000), kLong);
    ASSERT_TRUE(waited);
    EXPECT_GE(*waited, milliseconds(2000));
    EXPECT_LE(*waited, milliseconds(2010));
    EXPECT_TRUE(pause(status, false, milliseconds(5000), kLong));
    EXPECT_FALSE(pause(status, false, milliseconds(5001), kLong));
    EXPECT_FALSE(pause(status, false, milliseconds(2000), milliseconds(1999)));
  }
  // Another endpoint may do, unless it is the client that has asked for too much.
  ASSERT_TRUE(pause(503, true, kLong, kLong));
  EXPECT_LE(*pause(503, true, kLong, kLong), milliseconds(10));
  EXPECT_FALSE(pause(429, true, kLong, kLong));
  policy.max_retry_after = milliseconds(0);
  ASSERT_TRUE(pause(429, false, kLong, kLong));
  EXPECT_LE(*pause(429, false, kLong, kLong), milliseconds(10));
}

TEST_F(RetriesTest, AReusedConnectionThatBrokeIsRetriedOnceAtOnceOnAFreshOne) {
  const auto first = after(Replay::kReusedBroke);
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->fresh);
  EXPECT_FALSE(first->pause);
  EXPECT_FALSE(first->limited);
  EXPECT_FALSE(again(Replay::kReusedBroke));
  EXPECT_EQ(retries_.count(), 1u);
}

TEST_F(RetriesTest, WhatWasNotSentGoesOnceToAnotherEndpointWithinTheLimits) {
  const Retries::Outcome unsent = {.replay = Replay::kUnsent, .status = 503, .others = true};
  const auto first = retries_.after(unsent);
  ASSERT_TRUE(first);
  EXPECT_TRUE(first->limited);
  EXPECT_FALSE(first->pause);
  EXPECT_FALSE(first->fresh);
  EXPECT_FALSE(retries_.after(unsent));
  EXPECT_EQ(retries_.count(), 1u);
}

TEST_F(RetriesTest, WhatWasRefusedIsRetriedThreeTimes) {
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(again(Replay::kRefused)) << i;
  EXPECT_FALSE(again(Replay::kRefused));
  EXPECT_EQ(retries_.count(), 3u);
}

TEST_F(RetriesTest, ThePolicysCountIsItsOwn) {
  retries_.follow(&kPolicy, true, false);
  EXPECT_TRUE(again(Replay::kRefused));
  EXPECT_TRUE(again(Replay::kReusedBroke));
  EXPECT_TRUE(again(Replay::kUnsafe));
  EXPECT_TRUE(again(Replay::kUnsent));
  EXPECT_FALSE(again(Replay::kImpossible));
  EXPECT_TRUE(again(Replay::kAnswered));
  EXPECT_FALSE(retries_.exhausted());
  EXPECT_FALSE(again(Replay::kAnswered));
  EXPECT_TRUE(retries_.exhausted());
  EXPECT_EQ(retries_.count(), 5u);
}

// When the safe retries are used up, the policy still may have some.
TEST_F(RetriesTest, ThePolicyTakesOver) {
  retries_.follow(&kPolicy, true, false);
  for (int i = 0; i < 3 + 3; ++i) EXPECT_TRUE(again(Replay::kRefused)) << i;
  EXPECT_FALSE(again(Replay::kRefused));
}

TEST_F(RetriesTest, OtherStatusesAndOtherRequestsAreNotMeant) {
  retries_.follow(&kPolicy, true, false);
  EXPECT_FALSE(again(Replay::kUnsafe, GrpcStatus::kInternal));
  EXPECT_FALSE(again(Replay::kAnswered, GrpcStatus::kOk));
  EXPECT_FALSE(retries_.exhausted());
  retries_.follow(&kPolicy, false, true);
  EXPECT_FALSE(again(Replay::kUnsafe));
}

TEST_F(RetriesTest, EachConditionMeansWhatItSays) {
  const RetryPolicy connect = on(Condition::kConnectFailure);
  EXPECT_TRUE(meant(connect, Replay::kUnsent, 503));
  EXPECT_TRUE(meant(connect, Replay::kUnsent, 504));
  EXPECT_FALSE(meant(connect, Replay::kBroke, 502));
  EXPECT_FALSE(meant(connect, Replay::kAnswered, 503));
  const RetryPolicy refused = on(Condition::kRefusedStream);
  EXPECT_TRUE(meant(refused, Replay::kRefused, 502));
  EXPECT_FALSE(meant(refused, Replay::kUnsent, 503));
  const RetryPolicy reset = on(Condition::kResetBeforeAnswer);
  EXPECT_TRUE(meant(reset, Replay::kBroke, 502));
  EXPECT_TRUE(meant(reset, Replay::kReusedBroke, 502));
  EXPECT_FALSE(meant(reset, Replay::kUnsafe, 502));
  EXPECT_FALSE(meant(reset, Replay::kAnswered, 502));
  const RetryPolicy gateway = on(Condition::kGatewayError);
  for (const uint16_t status : {502, 503, 504}) {
    EXPECT_TRUE(meant(gateway, Replay::kAnswered, status));
    EXPECT_TRUE(meant(gateway, Replay::kUnsafe, status));
    EXPECT_TRUE(meant(gateway, Replay::kUnsent, status));
  }
  for (const uint16_t status : {200, 404, 500, 501, 505}) {
    EXPECT_FALSE(meant(gateway, Replay::kAnswered, status));
  }
  const RetryPolicy server = on(Condition::kServerError);
  for (const uint16_t status : {500, 503, 599}) {
    EXPECT_TRUE(meant(server, Replay::kAnswered, status));
  }
  for (const uint16_t status : {200, 499, 600}) {
    EXPECT_FALSE(meant(server, Replay::kAnswered, status));
  }
}

TEST_F(RetriesTest, StatusesAreThoseOfAnswers) {
  RetryPolicy policy;
  policy.statuses.set(429 - RetryPolicy::kFirstStatus);
  policy.statuses.set(503 - RetryPolicy::kFirstStatus);
  EXPECT_TRUE(meant(policy, Replay::kAnswered, 429));
  EXPECT_TRUE(meant(policy, Replay::kAnswered, 503));
  EXPECT_FALSE(meant(policy, Replay::kAnswered, 428));
  EXPECT_FALSE(meant(policy, Replay::kAnswered, 200));
  EXPECT_FALSE(meant(policy, Replay::kAnswered, 600));
  EXPECT_FALSE(meant(policy, Replay::kUnsent, 503)) << "that is no answer";
}

TEST_F(RetriesTest, WhatMayHaveHadAnEffectIsRepeatedOnlyWhenThatDoesNotMatter) {
  for (RetryPolicy policy : {on(Condition::kServerError), on(Condition::kResetBeforeAnswer)}) {
    const Replay replay =
        policy.retries(Condition::kServerError) ? Replay::kAnswered : Replay::kBroke;
    EXPECT_TRUE(meant(policy, replay, 503, /*idempotent=*/true));
    EXPECT_FALSE(meant(policy, replay, 503, /*idempotent=*/false));
    policy.any_method = true;
    EXPECT_TRUE(meant(policy, replay, 503, /*idempotent=*/false));
  }
  EXPECT_TRUE(meant(on(Condition::kConnectFailure), Replay::kUnsent, 503, /*idempotent=*/false));
  EXPECT_TRUE(meant(on(Condition::kRefusedStream), Replay::kRefused, 502, /*idempotent=*/false));
  EXPECT_TRUE(meant(on(Condition::kGatewayError), Replay::kUnsent, 503, /*idempotent=*/false));
  EXPECT_FALSE(meant({}, Replay::kOverdue, 504, /*idempotent=*/false));
  EXPECT_TRUE(meant({}, Replay::kOverdue, 504, /*idempotent=*/true));
}

TEST_F(RetriesTest, WaitsAreDrawnFromADoublingRange) {
  std::vector<milliseconds> most(3), least(3, milliseconds(1000));
  for (int i = 0; i < 2000; ++i) {
    Retries retries(random_);
    retries.follow(&kPolicy, true, false);
    for (size_t n = 0; n < 3; ++n) {
      const auto again = retries.after(
          {.replay = Replay::kAnswered, .status = 200, .grpc_status = GrpcStatus::kUnavailable});
      const milliseconds wait = again->pause.value();
      most[n] = std::max(most[n], wait);
      least[n] = std::min(least[n], wait);
    }
  }
  EXPECT_EQ(most, (std::vector{milliseconds(100), milliseconds(200), milliseconds(350)}));
  for (const auto wait : least) EXPECT_LE(wait, milliseconds(2));
}

// Endpoints are known by number in each host set, and by uid in all of them.
upstream::HostSet hostsWith(uint64_t version, std::initializer_list<uint64_t> uids) {
  upstream::HostSet hosts;
  hosts.version = version;
  for (const uint64_t uid : uids) hosts.hosts.emplace_back().uid = uid;
  return hosts;
}

TEST_F(RetriesTest, TriedEndpointsAreFoundInEveryHostSet) {
  const auto tried = [&](const upstream::HostSet& hosts) {
    const auto found = retries_.tried(hosts);
    return std::vector<uint32_t>(found.begin(), found.end());
  };
  const auto first = hostsWith(1, {10, 11, 12, 13});
  EXPECT_TRUE(tried(first).empty());
  retries_.addTried(first, 1);
  retries_.addTried(first, 3);
  EXPECT_EQ(tried(first), (std::vector<uint32_t>{1, 3}));
  const auto second = hostsWith(2, {9, 10, 11, 12});
  EXPECT_EQ(tried(second), (std::vector<uint32_t>{2}));
  retries_.addTried(second, 0);
  EXPECT_EQ(tried(second), (std::vector<uint32_t>{0, 2}));
  EXPECT_EQ(tried(hostsWith(3, {13, 12, 11, 10, 9})), (std::vector<uint32_t>{0, 2, 4}));
}

TEST_F(RetriesTest, TheLastOnesThatWereTriedAreKept) {
  const auto hosts = hostsWith(1, {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11});
  for (uint32_t i = 0; i < 12; ++i) retries_.addTried(hosts, i);
  const auto found = retries_.tried(hosts);
  ASSERT_EQ(found.size(), 8u);
  EXPECT_EQ(found[0], 4u);
}

}  // namespace
}  // namespace weir::router
