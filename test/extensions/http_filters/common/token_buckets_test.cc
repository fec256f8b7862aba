#include "extensions/http_filters/common/token_buckets.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/random.h"

namespace weir::extensions::http_filters {
namespace {

constexpr Nanoseconds kSecond = 1'000'000'000;
constexpr base::HashKey kSecret{1, 2};

// The definition: tokens as a fraction that grows with time.
class Oracle {
 public:
  bool take(const TokenRate& rate, Nanoseconds now) {
    // In units of 1/interval of a token, so that there is no rounding.
    const Nanoseconds full = rate.interval * rate.burst;
    level_ = seen_ ? std::min(full, level_ + (now - at_)) : full;
    at_ = now;
    seen_ = true;
    if (level_ < rate.interval) return false;
    level_ -= rate.interval;
    return true;
  }

 private:
  Nanoseconds level_ = 0;
  Nanoseconds at_ = 0;
  bool seen_ = false;
};

TEST(TokenBucket, AgreesWithItsDefinition) {
  base::Random random(7);
  for (int round = 0; round < 200; ++round) {
    const TokenRate rate{static_cast<Nanoseconds>(1 + random.uniform(1000)),
                         static_cast<uint32_t>(1 + random.uniform(20))};
    TokenBucket bucket;
    Oracle oracle;
    Nanoseconds now = kSecond;
    for (int i = 0; i < 300; ++i) {
      now += static_cast<Nanoseconds>(random.uniform(static_cast<uint64_t>(rate.interval) * 3));
      ASSERT_EQ(bucket.take(rate, now).taken, oracle.take(rate, now)) << round << " " << i;
    }
  }
}

TEST(TokenBucket, SaysWhatIsLeftAndHowLongToWait) {
  const TokenRate rate{kSecond, 3};
  TokenBucket bucket;
  Nanoseconds now = 100 * kSecond;
  EXPECT_EQ(bucket.take(rate, now).left, 2u);
  EXPECT_EQ(bucket.take(rate, now).left, 1u);
  const TokenAnswer last = bucket.take(rate, now);
  EXPECT_TRUE(last.taken);
  EXPECT_EQ(last.left, 0u);
  EXPECT_EQ(last.until_next, kSecond);
  EXPECT_EQ(last.until_full, 3 * kSecond);
  now += kSecond / 4;
  const TokenAnswer refused = bucket.take(rate, now);
  EXPECT_FALSE(refused.taken);
  EXPECT_EQ(refused.until_next, kSecond * 3 / 4);
  bucket.giveBack(rate);
  EXPECT_TRUE(bucket.take(rate, now).taken);
}

TEST(TokenBucket, AnotherRateMakesNoMoreThanItHolds) {
  TokenBucket bucket;
  const TokenRate slow{3600 * kSecond, 2};
  bucket.take(slow, kSecond);
  bucket.take(slow, kSecond);
  const TokenRate fast{kSecond, 5};
  EXPECT_FALSE(bucket.take(fast, kSecond).taken);
  EXPECT_TRUE(bucket.take(fast, 13 * kSecond).taken) << "an hour is not waited for";
}

TEST(TokenBucket, ThreadsTakeExactlyWhatIsThere) {
  const TokenRate rate{kSecond, 10'000};
  TokenBucket bucket;
  std::atomic<uint32_t> taken{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 5000; ++n) taken += bucket.take(rate, kSecond).taken ? 1 : 0;
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(taken, 10'000u);
}

TEST(TokenBuckets, AgreeWithOneBucketForEachKeyWhileThereIsRoom) {
  base::Random random(11);
  const TokenRate rate{1000, 4};
  TokenBuckets buckets(4096, kSecret);
  std::map<std::string, Oracle> oracles;
  Nanoseconds now = kSecond;
  for (int i = 0; i < 100'000; ++i) {
    now += static_cast<Nanoseconds>(random.uniform(40));
    const std::string key = std::to_string(random.uniform(100));
    const TokenAnswer answer = buckets.take(key, rate, now);
    ASSERT_FALSE(answer.displaced);
    ASSERT_EQ(answer.taken, oracles[key].take(rate, now)) << i;
  }
}

// However many keys there are, what passes of each is what its own bucket would have let pass.
TEST(TokenBuckets, GiveNoKeyMoreThanItsRateWhateverTheOthersDo) {
  base::Random random(13);
  const TokenRate rate{1000, 4};
  TokenBuckets buckets(64, kSecret);
  ASSERT_EQ(buckets.capacity(), 64u);
  std::map<std::string, Oracle> oracles;  // of what has passed
  Nanoseconds now = kSecond;
  int displaced = 0;
  int passed = 0;
  for (int i = 0; i < 300'000; ++i) {
    now += static_cast<Nanoseconds>(random.uniform(20));
    const uint64_t who = random.uniform(4) == 0 ? random.uniform(10) : random.uniform(2000);
    const std::string key = std::to_string(who);
    const TokenAnswer answer = buckets.take(key, rate, now);
    displaced += answer.displaced ? 1 : 0;
    if (!answer.taken) continue;
    // Now and then one was taken in vain.
    if (random.uniform(8) == 0) {
      buckets.giveBack(key, rate);
      continue;
    }
    ++passed;
    ASSERT_TRUE(oracles[key].take(rate, now)) << i << " " << key;
  }
  EXPECT_GT(displaced, 10'000);
  EXPECT_GT(passed, 10'000);
}

// An offender stays one while an attacker goes through other names.
TEST(TokenBuckets, AFloodOfKeysMakesNoFreshBuckets) {
  const TokenRate rate{kSecond, 5};
  TokenBuckets buckets(64, kSecret);
  Nanoseconds now = kSecond;
  while (buckets.take("offender", rate, now).taken) {
  }
  int back = 0;
  for (int i = 0; i < 10'000; ++i) {
    now += kSecond / 10'000;
    buckets.take(std::to_string(i), rate, now);
    if (i % 10 == 0) back += buckets.take("offender", rate, now).taken ? 1 : 0;
  }
  EXPECT_LE(back, 1) << "a second has passed";
}

TEST(TokenBuckets, ThreadsTakeExactlyWhatIsThere) {
  const TokenRate rate{kSecond, 1000};
  TokenBuckets buckets(1024, kSecret);
  std::array<std::atomic<uint32_t>, 16> taken{};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (size_t n = 0; n < 16'000; ++n) {
        if (buckets.take(std::to_string(n % 16), rate, kSecond).taken) ++taken[n % 16];
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& of_key : taken) EXPECT_EQ(of_key, 1000u);
}

}  // namespace
}  // namespace weir::extensions::http_filters
