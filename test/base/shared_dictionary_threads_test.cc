// A dictionary under many threads: nothing is lost, nothing is torn, the bound holds at every
// moment.

#include <gtest/gtest.h>

#include <atomic>
#include <functional>
#include <string>
#include <thread>
#include <vector>

#include "source/base/concat.h"
#include "source/base/random.h"
#include "source/base/shared_dictionary.h"

namespace weir::base {
namespace {

using Result = SharedDictionary::Result;
using Item = SharedDictionary::Item;
using Time = SharedDictionary::Time;
using std::chrono::milliseconds;

constexpr Time kStart{std::chrono::hours(1000)};
constexpr int kThreads = 4;

void inThreads(const std::function<void(int)>& work) {
  std::vector<std::thread> threads;
  for (int i = 0; i < kThreads; ++i) threads.emplace_back(work, i);
  for (std::thread& thread : threads) thread.join();
}

TEST(SharedDictionaryThreads, EveryIncrementCounts) {
  SharedDictionary dictionary("d", 1 << 20);
  inThreads([&](int) {
    for (int i = 0; i < 20'000; ++i) {
      dictionary.incr("one", 1, 0, {}, kStart);
      dictionary.incr(concat("many", i % 100), 2, 0, {}, kStart);
    }
  });
  Item item;
  dictionary.get("one", kStart, item);
  EXPECT_EQ(item.number, kThreads * 20'000);
  for (int i = 0; i < 100; ++i) {
    dictionary.get(concat("many", i), kStart, item);
    EXPECT_EQ(item.number, kThreads * 200 * 2);
  }
}

TEST(SharedDictionaryThreads, OneAddWins) {
  SharedDictionary dictionary("d", 4 << 20);
  std::atomic<int> won{0};
  inThreads([&](int thread) {
    for (int i = 0; i < 5000; ++i) {
      const double value = thread;
      if (dictionary.add(concat(i), value, {}, kStart) == Result::kDone) ++won;
    }
  });
  EXPECT_EQ(won, 5000);
}

// A key that is set again and again, also with texts that need other memory, is there at every
// moment.
TEST(SharedDictionaryThreads, WhatIsSetAgainIsNeverMissing) {
  SharedDictionary dictionary("d", 1 << 20);
  dictionary.set("k", std::string_view("x"), {}, kStart);
  inThreads([&](int thread) {
    Item item;
    const std::string text(static_cast<size_t>(1) << (2 * thread), static_cast<char>('a' + thread));
    for (int i = 0; i < 10'000; ++i) {
      if (thread % 2 == 0) {
        ASSERT_EQ(dictionary.set("k", std::string_view(text), {}, kStart), Result::kDone);
      } else {
        ASSERT_TRUE(dictionary.get("k", kStart, item));
        ASSERT_EQ(item.text.find_first_not_of(item.text[0]), std::string::npos);
      }
    }
  });
}

// In a dictionary that is too small for them, with texts that take a large part of it, while it is
// cleared and resized.
TEST(SharedDictionaryThreads, TheBoundHolds) {
  constexpr uint64_t kLimit = 256 << 10;
  SharedDictionary dictionary("d", kLimit);
  std::atomic<int> running{kThreads};
  std::thread watcher([&] {
    Random random(99);
    std::vector<std::string> keys;
    while (running > 0) {
      ASSERT_LE(dictionary.totals().bytes, kLimit);
      if (random.uniform(50) == 0) dictionary.setMaxBytes(kLimit / 2);
      dictionary.setMaxBytes(kLimit);
      if (random.uniform(100) == 0) dictionary.clear();
      keys.clear();
      dictionary.keys(10, kStart, keys);
    }
  });
  inThreads([&](int thread) {
    Random random(static_cast<uint64_t>(thread));
    Item item;
    for (int i = 0; i < 10'000; ++i) {
      const Time now = kStart + milliseconds(i);
      const std::string key = concat(random.uniform(2000));
      const size_t size = random.uniform(20) == 0 ? random.uniform(100 << 10) : random.uniform(300);
      const std::string text(size, static_cast<char>('a' + thread));
      switch (random.uniform(4)) {
        case 0:
          dictionary.set(key, std::string_view(text), milliseconds(random.uniform(1000)), now);
          break;
        case 1:
          dictionary.set(key, std::string_view(text), {}, now);
          break;
        case 2:
          dictionary.remove(key, now);
          break;
        default:
          if (dictionary.get(key, now, item) && !item.text.empty()) {
            ASSERT_EQ(item.text.find_first_not_of(item.text[0]), std::string::npos);
          }
      }
    }
    --running;
  });
  watcher.join();
  dictionary.clear();
  EXPECT_EQ(dictionary.totals().bytes, SharedDictionary("e", kLimit).totals().bytes);
}

}  // namespace
}  // namespace weir::base
