#include "extensions/transport_sockets/common/session_cache.h"

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace weir::extensions::transport_sockets {
namespace {

using std::chrono::seconds;

class SessionCacheTest : public testing::Test {
 protected:
  bssl::UniquePtr<SSL_SESSION> session() {
    return bssl::UniquePtr<SSL_SESSION>(SSL_SESSION_new(context_.get()));
  }
  bssl::UniquePtr<SSL_CTX> context_{SSL_CTX_new(TLS_method())};
  const event::MonotonicTime now_;
};

TEST_F(SessionCacheTest, GivesBackWhatWasPut) {
  SessionCache cache(100, seconds(10));
  auto one = session();
  SSL_SESSION* const raw = one.get();
  cache.put("one", std::move(one), now_);
  EXPECT_EQ(cache.get("one", now_).get(), raw);
  EXPECT_EQ(cache.get("one", now_ + seconds(9)).get(), raw);
  EXPECT_EQ(cache.get("two", now_), nullptr);
  cache.remove("one");
  cache.remove("two");
  EXPECT_EQ(cache.get("one", now_), nullptr);
  EXPECT_EQ(cache.size(), 0u);
}

TEST_F(SessionCacheTest, ForgetsWhatIsTooOld) {
  SessionCache cache(100, seconds(10));
  cache.put("one", session(), now_);
  EXPECT_EQ(cache.get("one", now_ + seconds(10)), nullptr);
  EXPECT_EQ(cache.size(), 0u);
  cache.put("one", session(), now_);
  EXPECT_EQ(cache.take("one", now_ + seconds(10)), nullptr);
}

TEST_F(SessionCacheTest, TakingIsForOnce) {
  SessionCache cache(100, seconds(10));
  cache.put("one", session(), now_);
  EXPECT_NE(cache.take("one", now_), nullptr);
  EXPECT_EQ(cache.take("one", now_), nullptr);
}

TEST_F(SessionCacheTest, TheNewerReplacesTheOlder) {
  SessionCache cache(100, seconds(10));
  cache.put("one", session(), now_);
  auto newer = session();
  SSL_SESSION* const raw = newer.get();
  cache.put("one", std::move(newer), now_ + seconds(9));
  EXPECT_EQ(cache.get("one", now_ + seconds(15)).get(), raw);
  EXPECT_EQ(cache.size(), 1u);
}

TEST_F(SessionCacheTest, StaysBoundedAndDropsTheOldest) {
  constexpr size_t kCapacity = 160;
  SessionCache cache(kCapacity, seconds(1000));
  for (int i = 0; i < 10'000; ++i) {
    cache.put(std::to_string(i), session(), now_ + std::chrono::milliseconds(i));
    if (i % 3 == 0) cache.take(std::to_string(i), now_);
    ASSERT_LE(cache.size(), kCapacity);
  }
  EXPECT_NE(cache.get("9998", now_), nullptr);
  EXPECT_EQ(cache.get("1", now_), nullptr);
  // One key alone does not grow either.
  for (int i = 0; i < 10'000; ++i) cache.put("same", session(), now_);
  EXPECT_LE(cache.size(), kCapacity);
  EXPECT_NE(cache.get("same", now_), nullptr);
}

TEST_F(SessionCacheTest, WithoutRoomItKeepsNone) {
  SessionCache cache(0, seconds(10));
  cache.put("one", session(), now_);
  EXPECT_EQ(cache.size(), 0u);
  SessionCache other(10, seconds(10));
  other.put(std::string(SessionCache::kMaxKeyBytes + 1, 'x'), session(), now_);
  other.put("null", nullptr, now_);
  EXPECT_EQ(other.size(), 0u);
}

TEST_F(SessionCacheTest, ThreadsShareIt) {
  SessionCache cache(64, seconds(10));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2000; ++i) {
        const std::string key = std::to_string((i * 7 + t) % 100);
        cache.put(key, session(), now_);
        cache.get(key, now_);
        cache.take(key, now_);
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_LE(cache.size(), 64u);
}

}  // namespace
}  // namespace weir::extensions::transport_sockets
