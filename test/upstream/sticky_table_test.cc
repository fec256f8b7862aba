#include "source/upstream/sticky_table.h"

#include <algorithm>
#include <cstdlib>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/random.h"
#include "test/support/allocation_counter.h"

namespace weir::upstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr milliseconds kTick{128};  // as in the table

event::MonotonicTime at(milliseconds since) {
  return event::MonotonicTime(seconds(1'000'000)) + since;
}

struct Endpoints {
  Endpoints() {
    for (auto& usage : usages) usage = std::make_shared<EndpointUsage>();
  }
  uint32_t pinned(size_t i) const { return usages[i]->pinned.load(); }
  std::array<std::shared_ptr<EndpointUsage>, 4> usages;
};

// The same, written down naively: a segmented LRU in two lists, looked through from end to end.
class Model {
 public:
  Model(uint32_t capacity, milliseconds ttl)
      : capacity_(capacity), ttl_(static_cast<uint32_t>((ttl + kTick - milliseconds(1)) / kTick)) {}

  uint64_t find(uint64_t key, uint32_t now) {
    const auto entry = look(key, now);
    if (entry == nullptr) return 0;
    const uint64_t uid = entry->uid;
    use(key, now);
    return uid;
  }
  uint64_t bind(uint64_t key, uint64_t uid, bool any, uint64_t expected, uint32_t now) {
    Entry* const entry = look(key, now);
    if (entry == nullptr) {
      add({key, uid, now + ttl_, false}, now);
      return uid;
    }
    if (entry->uid != uid && !any && entry->uid != expected) return entry->uid;
    entry->uid = uid;
    use(key, now);
    return uid;
  }
  void forget(uint64_t key) {
    for (auto* list : {&newcomers_, &regulars_}) {
      list->remove_if([&](const Entry& entry) { return entry.key == key; });
    }
  }
  void expire(uint32_t now) {
    for (auto* list : {&newcomers_, &regulars_}) {
      while (!list->empty() && list->back().ends <= now) dropLast(*list, expired);
    }
  }
  std::map<uint64_t, uint64_t> all() const {
    std::map<uint64_t, uint64_t> bound;
    for (const auto* list : {&newcomers_, &regulars_}) {
      for (const Entry& entry : *list) bound[entry.key] = entry.uid;
    }
    return bound;
  }
  uint64_t evicted = 0;
  uint64_t expired = 0;

 private:
  struct Entry {
    uint64_t key;
    uint64_t uid;
    uint32_t ends;
    bool regular;
  };
  using List = std::list<Entry>;
  static void dropLast(List& list, uint64_t& counter) {
    list.pop_back();
    ++counter;
  }
  Entry* look(uint64_t key, uint32_t now) {
    for (List* list : {&newcomers_, &regulars_}) {
      for (auto entry = list->begin(); entry != list->end(); ++entry) {
        if (entry->key != key) continue;
        if (entry->ends > now) return &*entry;
        list->erase(entry);
        ++expired;
        return nullptr;
      }
    }
    return nullptr;
  }
  void use(uint64_t key, uint32_t now) {
    for (List* list : {&newcomers_, &regulars_}) {
      for (auto entry = list->begin(); entry != list->end(); ++entry) {
        if (entry->key != key) continue;
        const uint32_t ends = now + ttl_;
        if (entry->regular && ends - entry->ends < std::max(ttl_ / 64, 1u)) return;
        entry->ends = ends;
        entry->regular = true;
        regulars_.splice(regulars_.begin(), *list, entry);
        while (regulars_.size() > std::max(capacity_ - capacity_ / 5, 1u)) {
          regulars_.back().regular = false;
          newcomers_.splice(newcomers_.begin(), regulars_, std::prev(regulars_.end()));
        }
        return;
      }
    }
  }
  void add(Entry entry, uint32_t now) {
    for (int i = 0; i < 4; ++i) {
      List& list = i % 2 == 0 ? newcomers_ : regulars_;
      if (!list.empty() && list.back().ends <= now) dropLast(list, expired);
    }
    while (newcomers_.size() + regulars_.size() >= capacity_) {
      List& list = newcomers_.empty() ? regulars_ : newcomers_;
      const bool over = list.back().ends <= now;
      dropLast(list, over ? expired : evicted);
    }
    newcomers_.push_front(entry);
  }

  const uint32_t capacity_;
  const uint32_t ttl_;
  List newcomers_;
  List regulars_;
};

TEST(StickyTableTest, AgreesWithANaiveModelWhateverIsAskedOfIt) {
  for (const uint32_t capacity : {1u, 2u, 7u, 100u, 500u}) {
    base::Random random(capacity);
    Endpoints endpoints;
    const milliseconds ttl = capacity % 2 == 0 ? seconds(60) : seconds(2);
    StickyTable table({.ttl = ttl, .max_entries = capacity}, random.next(), at(milliseconds(0)));
    Model model(capacity, ttl);
    milliseconds now{0};
    for (int i = 0; i < 30'000; ++i) {
      now += milliseconds(random.uniform(4) == 0 ? random.uniform(1000) : 0);
      const auto tick = static_cast<uint32_t>(1 + now / kTick);
      const uint64_t key = 1 + random.uniform(capacity * 2);
      const uint64_t uid = 1 + random.uniform(4);
      const uint64_t expected = random.uniform(5);
      const auto& usage = endpoints.usages[uid - 1];
      switch (random.uniform(8)) {
        case 0:
          table.put(key, uid, usage, at(now));
          model.bind(key, uid, true, 0, tick);
          break;
        case 1:
          table.forget(key);
          model.forget(key);
          break;
        case 2:
        case 3:
          ASSERT_EQ(table.bind(key, uid, usage, expected, at(now)),
                    model.bind(key, uid, false, expected, tick));
          break;
        default:
          ASSERT_EQ(table.find(key, at(now)).uid, model.find(key, tick)) << i;
      }
      if (i % 1000 != 999) continue;
      if (random.uniform(2) == 0) {
        table.expire(at(now));
        model.expire(tick);
      }
      const auto all = model.all();
      const StickyMemory::Totals totals = table.totals();
      ASSERT_EQ(totals.entries, all.size());
      ASSERT_LE(totals.entries, capacity);
      ASSERT_EQ(totals.evicted, model.evicted);
      ASSERT_EQ(totals.expired, model.expired);
      for (size_t e = 0; e < 4; ++e) {
        const auto bound = std::count_if(all.begin(), all.end(),
                                         [&](const auto& entry) { return entry.second == e + 1; });
        ASSERT_EQ(endpoints.pinned(e), bound) << e;
      }
    }
  }
}

TEST(StickyTableTest, AFloodOfStrangersDoesNotWashOutThoseWhoStay) {
  if (std::getenv("WEIR_SANITIZER") != nullptr) GTEST_SKIP() << "a long replay";
  Endpoints endpoints;
  constexpr uint32_t kCapacity = 100'000;
  StickyTable table({.max_entries = kCapacity}, 7, at(seconds(0)));
  constexpr uint64_t kRegulars = 50'000;
  for (int visit = 0; visit < 2; ++visit) {
    for (uint64_t i = 0; i < kRegulars; ++i) {
      table.bind(table.keyOf(i), 1, endpoints.usages[0], 0, at(seconds(visit)));
    }
  }
  for (uint64_t i = 0; i < 2'000'000; ++i) {
    table.bind(table.keyOf((uint64_t{1} << 32) + i), 2, endpoints.usages[1], 0, at(seconds(2)));
  }
  uint64_t there = 0;
  for (uint64_t i = 0; i < kRegulars; ++i) {
    there += table.find(table.keyOf(i), at(seconds(3))).uid == 1 ? 1 : 0;
  }
  EXPECT_EQ(there, kRegulars);
  EXPECT_EQ(endpoints.pinned(0), kRegulars);
  EXPECT_LE(table.totals().entries, kCapacity);
  EXPECT_GT(table.totals().evicted, 1'900'000u);
}

TEST(StickyTableTest, BytesAreALimitAsWell) {
  Endpoints endpoints;
  StickyTable table({.max_bytes = 4 << 20}, 7, at(seconds(0)));
  for (uint64_t i = 0; i < 300'000; ++i) {
    table.bind(table.keyOf(i), 1, endpoints.usages[0], 0, at(seconds(0)));
  }
  const StickyMemory::Totals totals = table.totals();
  EXPECT_GT(totals.entries, 100'000u);
  // Chunks are of 8 KiB in each of its shards.
  EXPECT_LE(totals.bytes, (4u << 20) + 32 * 8192);
}

TEST(StickyTableTest, UseMakesTheTimeBeginAnew) {
  Endpoints endpoints;
  StickyTable table({.ttl = seconds(10)}, 7, at(seconds(0)));
  table.bind(1, 5, endpoints.usages[0], 0, at(seconds(0)));
  for (int i = 1; i <= 10; ++i) EXPECT_EQ(table.find(1, at(seconds(9 * i))).uid, 5u);
  EXPECT_EQ(table.find(1, at(seconds(9 * 10 + 11))).uid, 0u);
  EXPECT_EQ(endpoints.pinned(0), 0u);
}

TEST(StickyTableTest, WhoBindsFirstWins) {
  Endpoints endpoints;
  StickyTable table({}, 7, at(seconds(0)));
  const auto now = at(seconds(0));
  EXPECT_EQ(table.bind(1, 5, endpoints.usages[0], 0, now), 5u);
  EXPECT_EQ(table.bind(1, 6, endpoints.usages[1], 0, now), 5u) << "it was not bound";
  EXPECT_EQ(table.bind(1, 6, endpoints.usages[1], 4, now), 5u) << "it was bound to another one";
  EXPECT_EQ(table.bind(1, 6, endpoints.usages[1], 5, now), 6u);
  EXPECT_EQ(endpoints.pinned(0), 0u);
  EXPECT_EQ(endpoints.pinned(1), 1u);
}

TEST(StickyTableTest, OneCallerIsToldToConfirm) {
  Endpoints endpoints;
  StickyTable table({.ttl = seconds(100)}, 7, at(seconds(0)));
  table.put(1, 5, endpoints.usages[0], at(seconds(0)));
  const seconds after(25);
  EXPECT_FALSE(table.find(1, at(seconds(24)), after).due);
  EXPECT_TRUE(table.find(1, at(seconds(26)), after).due);
  EXPECT_FALSE(table.find(1, at(seconds(26)), after).due) << "somebody does it";
  EXPECT_FALSE(table.find(1, at(seconds(60))).due) << "who does not ask is not told";
  table.unconfirm(1);
  table.unconfirm(1);
  EXPECT_TRUE(table.find(1, at(seconds(60)), after).due);
}

TEST(StickyTableTest, WhenItGoesNobodyIsPinned) {
  Endpoints endpoints;
  {
    StickyTable table({}, 7, at(seconds(0)));
    for (uint64_t i = 1; i < 100; ++i) table.put(i, 1, endpoints.usages[0], at(seconds(0)));
    EXPECT_EQ(endpoints.pinned(0), 99u);
  }
  EXPECT_EQ(endpoints.pinned(0), 0u);
  EXPECT_EQ(endpoints.usages[0].use_count(), 1);
}

TEST(StickyTableTest, SmallerLimitsHoldAsOthersCome) {
  Endpoints endpoints;
  StickyTable table({.max_entries = 1000}, 7, at(seconds(0)));
  for (uint64_t i = 1; i <= 1000; ++i) table.put(i, 1, endpoints.usages[0], at(seconds(0)));
  table.setLimits({.max_entries = 10});
  table.put(5000, 1, endpoints.usages[0], at(seconds(0)));
  EXPECT_EQ(table.totals().entries, 10u);
  table.setLimits({.max_entries = 1000, .max_bytes = 0});
  EXPECT_EQ(table.bind(6000, 1, endpoints.usages[0], 0, at(seconds(0))), 0u) << "no room at all";
}

TEST(StickyTableTest, KeysOfTwoTablesHaveNothingInCommon) {
  StickyTable one({}, 1, at(seconds(0)));
  StickyTable other({}, 2, at(seconds(0)));
  EXPECT_NE(one.keyOf("session"), other.keyOf("session"));
  EXPECT_NE(one.keyOf(uint64_t{1}), other.keyOf(uint64_t{1}));
  EXPECT_EQ(one.keyOf("session"), one.keyOf("session"));
}

TEST(StickyTableTest, FindingAllocatesNothing) {
  if (!test::AllocationCounter::available()) GTEST_SKIP();
  Endpoints endpoints;
  StickyTable table({}, 7, at(seconds(0)));
  for (uint64_t i = 0; i < 10'000; ++i) {
    table.put(table.keyOf(i), 1, endpoints.usages[0], at(seconds(0)));
  }
  const test::AllocationCounter counter("");
  uint64_t found = 0;
  for (uint64_t i = 0; i < 20'000; ++i) {
    found += table.find(table.keyOf(i), at(seconds(i / 10))).uid;
  }
  EXPECT_EQ(counter.count(), 0u);
  EXPECT_GT(found, 0u);
}

// For the thread sanitizer, and for the count of who is pinned.
TEST(StickyTableTest, ManyThreadsLeaveItWhole) {
  Endpoints endpoints;
  StickyTable table({.ttl = seconds(5), .max_entries = 20'000}, 7, at(seconds(0)));
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      base::Random random(static_cast<uint64_t>(t));
      for (int i = 0; i < 50'000; ++i) {
        const auto now = at(milliseconds(i / 5));
        const uint64_t key = table.keyOf(random.uniform(30'000));
        const uint64_t uid = 1 + random.uniform(4);
        const uint64_t found = table.find(key, now).uid;
        if (found == 0 || i % 16 == 0) table.bind(key, uid, endpoints.usages[uid - 1], found, now);
        if (i % 100 == 0) table.forget(key);
        if (i % 10'000 == 0) table.expire(now);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  uint64_t pinned = 0;
  for (size_t i = 0; i < 4; ++i) pinned += endpoints.pinned(i);
  EXPECT_EQ(pinned, table.totals().entries);
  table.expire(at(seconds(100)));
  EXPECT_EQ(table.totals().entries, 0u);
}

}  // namespace
}  // namespace weir::upstream
