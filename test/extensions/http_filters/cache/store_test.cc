// What a store keeps, and that it never keeps more than it may.
#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <thread>
#include <unordered_set>
#include <vector>

#include "extensions/http_filters/cache/cache_store.h"
#include "source/base/random.h"
#include "test/extensions/http_filters/cache/cache_fixture.h"

namespace weir::extensions::http_filters::cache {
namespace {

class StoreTest : public ::testing::Test {
 protected:
  static constexpr uint64_t kLimit = 4 << 20;

  // As a fetch does. False: it was not stored.
  bool put(CacheStore& store, const std::string& url, size_t bytes) {
    base::Arena arena;
    http::HeaderMap fields(arena);
    fields.add("content-type", "text/plain");
    StoredResponse::Parts parts;
    parts.length = bytes;
    if (!store.reserve(StoredResponse::cost(parts, fields), url)) return false;
    auto body = SharedRef<StoredBody>::adopt(new StoredBody(bytes, store.account()));
    const auto response = SharedRef<const StoredResponse>::adopt(
        new StoredResponse(parts, fields, false, body, store.account()));
    const uint64_t cost = body->costOf(bytes);
    if (!store.reserve(cost, url)) return false;
    buffer::BlockPool blocks;
    buffer::Buffer data(blocks);
    data.append(std::string(bytes, 'x'));
    body->append(data);
    body->finish();
    return store.put(url, response, 16);
  }
  bool get(CacheStore& store, const std::string& url) {
    base::Arena arena;
    const http::HeaderMap none(arena);
    std::string variant;
    return static_cast<bool>(store.find(url, none, variant));
  }
};

TEST_F(StoreTest, NeverHoldsMoreThanItMay) {
  CacheStore store("test", kLimit);
  base::Random random(1);
  for (int i = 0; i < 20'000; ++i) {
    const std::string url = "http://h/" + std::to_string(random.uniform(3000));
    switch (random.uniform(10)) {
      case 0:
        store.invalidate(url);
        break;
      case 1:
      case 2:
      case 3:
        get(store, url);
        break;
      default:
        put(store, url, random.uniform(random.uniform(8) == 0 ? 300'000 : 5000));
    }
    ASSERT_LE(store.account()->used(), kLimit);
  }
  EXPECT_GT(store.account()->used(), kLimit * 8 / 10);  // and it uses what it may
  store.purge([](std::string_view, const StoredResponse&) { return true; });
  EXPECT_EQ(store.account()->used(), 0u);
}

TEST_F(StoreTest, ASmallerBoundHoldsAtOnce) {
  CacheStore store("test", kLimit);
  for (int i = 0; i < 2000; ++i) put(store, "http://h/" + std::to_string(i), 2000);
  int filter = 0;
  store.want(&filter, 1 << 20);
  EXPECT_LE(store.account()->used(), 1u << 20);
  EXPECT_GT(store.totals().entries, 100u);
}

// An LRU of the same bytes, for comparison.
class Lru {
 public:
  explicit Lru(size_t entries) : entries_(entries) {}
  bool getOrPut(const std::string& url) {
    const bool hit = known_.count(url) > 0;
    if (hit) std::erase(order_, url);
    order_.push_back(url);
    known_.insert(url);
    if (order_.size() > entries_) {
      known_.erase(order_.front());
      order_.pop_front();
    }
    return hit;
  }

 private:
  const size_t entries_;
  std::deque<std::string> order_;
  std::unordered_set<std::string> known_;
};

TEST_F(StoreTest, AFloodOfWhatIsAskedForOnceLeavesTheRestAlone) {
  CacheStore store("test", kLimit);
  constexpr int kHot = 300;
  base::Random random(7);
  const auto hotUrl = [&] { return "http://h/hot" + std::to_string(random.uniform(kHot)); };
  const auto ask = [&](const std::string& url) {
    if (get(store, url)) return true;
    put(store, url, 4000);
    return false;
  };
  for (int i = 0; i < 10 * kHot; ++i) ask(hotUrl());
  Lru lru(store.totals().entries > kHot ? store.totals().entries : 900);
  for (int i = 0; i < 10 * kHot; ++i) lru.getOrPut(hotUrl());
  // Ten strangers to each of the hot ones.
  int hits = 0;
  int lru_hits = 0;
  int asked = 0;
  for (int i = 0; i < 60'000; ++i) {
    const bool hot = i % 11 == 0;
    const std::string url = hot ? hotUrl() : "http://h/once" + std::to_string(i);
    const bool hit = ask(url);
    const bool lru_hit = lru.getOrPut(url);
    if (!hot) continue;
    ++asked;
    hits += hit ? 1 : 0;
    lru_hits += lru_hit ? 1 : 0;
  }
  const double ratio = static_cast<double>(hits) / asked;
  RecordProperty("hit_ratio_percent", static_cast<int>(ratio * 100));
  RecordProperty("lru_hit_ratio_percent", static_cast<int>(100.0 * lru_hits / asked));
  std::printf("hot set's hit ratio in the flood: %.3f; an LRU's: %.3f\n", ratio,
              static_cast<double>(lru_hits) / asked);
  EXPECT_GT(ratio, 0.9);
}

TEST_F(StoreTest, ManyThreadsUseItAtOnce) {
  CacheStore store("test", kLimit);
  std::vector<std::thread> threads;
  for (uint64_t t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      base::Random random(t + 1);
      for (int i = 0; i < 3000; ++i) {
        const std::string url = "http://h/" + std::to_string(random.uniform(500));
        const uint64_t what = random.uniform(20);
        if (what == 0) {
          store.invalidate(url);
        } else if (what == 1) {
          store.purge([&](std::string_view at, const StoredResponse&) { return at == url; });
        } else if (what < 8) {
          put(store, url, random.uniform(20'000));
        } else {
          get(store, url);
        }
        EXPECT_LE(store.account()->used(), kLimit);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  store.purge([](std::string_view, const StoredResponse&) { return true; });
  EXPECT_EQ(store.account()->used(), 0u);
}

TEST(StoredBodyTest, IsReadWhileItIsWritten) {
  auto account = std::make_shared<MemoryAccount>(64 << 20);
  for (const uint64_t length : {uint64_t{1'000'000}, ~uint64_t{0}}) {
    auto body = SharedRef<StoredBody>::adopt(new StoredBody(length, account));
    std::thread reader([body] {
      buffer::BlockPool blocks;
      std::string text;
      while (!body->complete() || text.size() < body->size()) {
        buffer::Buffer data(blocks);
        body->read(text.size(), 100'000, data);
        text += data.toString();
      }
      EXPECT_EQ(text.size(), 1'000'000u);
      for (size_t i = 0; i < text.size(); ++i) {
        if (text[i] != static_cast<char>('a' + i % 23)) FAIL() << i;
      }
    });
    buffer::BlockPool blocks;
    std::string all(1'000'000, ' ');
    for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<char>('a' + i % 23);
    for (size_t at = 0; at < all.size(); at += 7919) {
      buffer::Buffer data(blocks);
      data.append(std::string_view(all).substr(at, 7919));
      ASSERT_TRUE(account->reserve(body->costOf(data.size())));
      body->append(data);
    }
    body->finish();
    reader.join();
  }
  EXPECT_EQ(account->used(), 0u);
}

}  // namespace
}  // namespace weir::extensions::http_filters::cache
