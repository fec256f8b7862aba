#include "extensions/network_filters/local_rate_limit/local_rate_limit.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "test/extensions/network_filters/common/filter_host.h"

namespace weir::extensions::network_filters::local_rate_limit {
namespace {

using network::test::FilterHost;
using network::test::SinkFactory;
using std::chrono::milliseconds;

constexpr Nanoseconds kSecond = 1'000'000'000;

TEST(Bucket, HoldsABurstAndFillsWithTime) {
  Bucket bucket;
  const Rate rate{.interval = kSecond / 10, .burst = 3};
  Nanoseconds now = 5 * kSecond;
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.take(rate, now));
  EXPECT_FALSE(bucket.take(rate, now));
  EXPECT_FALSE(bucket.take(rate, now + kSecond / 10 - 1));
  EXPECT_TRUE(bucket.take(rate, now + kSecond / 10));
  EXPECT_FALSE(bucket.take(rate, now + kSecond / 10));
  EXPECT_FALSE(bucket.full(now + 3 * kSecond / 10));
  EXPECT_TRUE(bucket.full(now + 4 * kSecond / 10));
  now += 100 * kSecond;  // never more than the burst
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(bucket.take(rate, now));
  EXPECT_FALSE(bucket.take(rate, now));
}

// A new configuration with a faster rate need not wait for what the slow one has left.
TEST(Bucket, FollowsAnotherRate) {
  Bucket bucket;
  const Nanoseconds now = kSecond;
  const Rate slow{.interval = 3600 * kSecond, .burst = 10};
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(bucket.take(slow, now));
  const Rate fast{.interval = kSecond, .burst = 1};
  EXPECT_FALSE(bucket.take(fast, now));
}

TEST(Bucket, ThreadsTakeNoMoreThanThereIs) {
  Bucket bucket;
  const Rate rate{.interval = kSecond, .burst = 1000};
  std::atomic<int> taken{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 1000; ++i) taken += bucket.take(rate, kSecond);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, 1000);
}

TEST(SourceBuckets, EachSourceHasItsOwn) {
  SourceBuckets buckets(1024, 7);
  const Rate rate{.interval = kSecond, .burst = 1};
  using Answer = SourceBuckets::Answer;
  EXPECT_EQ(buckets.take({1, 0}, rate, kSecond), Answer::kTaken);
  EXPECT_EQ(buckets.take({1, 0}, rate, kSecond), Answer::kEmpty);
  EXPECT_EQ(buckets.take({2, 0}, rate, kSecond), Answer::kTaken);
  EXPECT_EQ(buckets.take({1, 0}, rate, 2 * kSecond), Answer::kTaken);
}

TEST(SourceBuckets, AFullTableForgetsOnlyNewOnes) {
  SourceBuckets buckets(1024, 7);
  const Rate rate{.interval = kSecond, .burst = 1};
  using Answer = SourceBuckets::Answer;
  uint64_t taken = 0;
  uint64_t no_place = 0;
  for (uint64_t i = 1; i <= 10'000; ++i) {
    const Answer answer = buckets.take({i, 0}, rate, kSecond);
    taken += answer == Answer::kTaken;
    no_place += answer == Answer::kNoPlace;
  }
  EXPECT_LE(taken, 1024u);
  EXPECT_GT(taken, 900u);
  EXPECT_EQ(taken + no_place, 10'000u);
  EXPECT_EQ(buckets.take({1, 0}, rate, kSecond), Answer::kEmpty);
  // Later all are full again, and their places free.
  EXPECT_EQ(buckets.take({20'000, 0}, rate, 3 * kSecond), Answer::kTaken);
}

TEST(SourceBuckets, ThreadsMayMeet) {
  SourceBuckets buckets(1024, 7);
  const Rate rate{.interval = 1000, .burst = 2};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (uint64_t i = 0; i < 20'000; ++i) {
        buckets.take({i % 3000, static_cast<uint64_t>(t % 2)}, rate,
                     static_cast<Nanoseconds>(1000 + i));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

class LocalRateLimitTest : public testing::Test {
 protected:
  LocalRateLimitTest() {
    config_->buckets = std::make_shared<RateBuckets>(1024, 1);
    config_->stats.passed = host_.stats.counter("passed", "");
    config_->stats.refused = host_.stats.counter("refused", "");
    config_->stats.refused_source = host_.stats.counter("refused_source", "");
    config_->stats.no_place = host_.stats.counter("no_place", "");
    host_.use(
        {std::make_shared<LocalRateLimitFactory>(config_), std::make_shared<SinkFactory>(seen_)});
  }
  int64_t stat(const char* name) { return host_.stats.valueOf(name); }

  FilterHost host_;
  std::shared_ptr<LocalRateLimitConfig> config_ = std::make_shared<LocalRateLimitConfig>();
  SinkFactory::Seen seen_;
};

TEST_F(LocalRateLimitTest, ClosesWhatComesTooFast) {
  config_->rate = {.interval = kSecond, .burst = 2};
  EXPECT_FALSE(host_.connect().closed());
  EXPECT_FALSE(host_.connect().closed());
  EXPECT_TRUE(host_.connect().closed());
  EXPECT_EQ(seen_.connected, 2);
  host_.dispatcher.advance(milliseconds(1000));
  EXPECT_FALSE(host_.connect().closed());
  EXPECT_TRUE(host_.connect().closed());
  EXPECT_EQ(stat("passed"), 3);
  EXPECT_EQ(stat("refused"), 2);
  host_.last();
}

// What a source is refused takes no token from the others.
TEST_F(LocalRateLimitTest, OfOneSource) {
  config_->rate = {.interval = kSecond, .burst = 10};
  config_->rate_per_source = {.interval = kSecond, .burst = 1};
  EXPECT_FALSE(host_.connect().closed());
  for (int i = 0; i < 20; ++i) EXPECT_TRUE(host_.connect().closed());
  EXPECT_EQ(stat("refused_source"), 20);
  EXPECT_EQ(stat("refused"), 0);
  host_.dispatcher.advance(milliseconds(1000));
  EXPECT_FALSE(host_.connect().closed());
}

}  // namespace
}  // namespace weir::extensions::network_filters::local_rate_limit
