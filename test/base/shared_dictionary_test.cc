#include "source/base/shared_dictionary.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "source/base/concat.h"
#include "source/base/dictionary_shard.h"
#include "source/base/random.h"

namespace weir::base {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using Result = SharedDictionary::Result;
using Item = SharedDictionary::Item;
using Value = SharedDictionary::Value;
using Time = SharedDictionary::Time;
using Ttl = SharedDictionary::Ttl;

constexpr Time kStart{hours(1000)};
constexpr uint64_t kMiB = uint64_t{1} << 20;

Value text(std::string_view what) {
  return what;
}

// "true", "1.5", "\"abc\"", or "-" when there is none.
std::string shown(SharedDictionary& dictionary, std::string_view key, Time now) {
  Item item;
  dictionary.get(key, now, item);
  switch (item.kind) {
    case Item::Kind::kNone:
      return "-";
    case Item::Kind::kBoolean:
      return item.boolean ? "true" : "false";
    case Item::Kind::kNumber:
      return concat(item.number);
    case Item::Kind::kText:
      return concat("\"", item.text, "\"");
  }
  return "?";
}

TEST(SharedDictionary, KeepsValuesOfEachKind) {
  SharedDictionary dictionary("d", kMiB);
  EXPECT_EQ(shown(dictionary, "a", kStart), "-");
  EXPECT_EQ(dictionary.set("a", text("hello"), {}, kStart), Result::kDone);
  EXPECT_EQ(dictionary.set("b", 1.5, {}, kStart), Result::kDone);
  EXPECT_EQ(dictionary.set("c", true, {}, kStart), Result::kDone);
  EXPECT_EQ(dictionary.set("", text(""), {}, kStart), Result::kDone);
  EXPECT_EQ(shown(dictionary, "a", kStart), "\"hello\"");
  EXPECT_EQ(shown(dictionary, "b", kStart), "1.5");
  EXPECT_EQ(shown(dictionary, "c", kStart), "true");
  EXPECT_EQ(shown(dictionary, "", kStart), "\"\"");
  dictionary.set("a", 2.0, {}, kStart);
  EXPECT_EQ(shown(dictionary, "a", kStart), "2");
  EXPECT_EQ(dictionary.size(), 4u);
  EXPECT_EQ(dictionary.remove("a", kStart), Result::kDone);
  EXPECT_EQ(dictionary.remove("a", kStart), Result::kMissing);
  EXPECT_EQ(shown(dictionary, "a", kStart), "-");
}

TEST(SharedDictionary, TakesBytesAsTheyAre) {
  SharedDictionary dictionary("d", kMiB);
  const std::string key("k\0\xff", 3);
  const std::string other("k\0\xfe", 3);
  const std::string value("\0\n\x80", 3);
  dictionary.set(key, text(value), {}, kStart);
  Item item;
  EXPECT_TRUE(dictionary.get(key, kStart, item));
  EXPECT_EQ(item.text, value);
  EXPECT_FALSE(dictionary.get(other, kStart, item));
}

TEST(SharedDictionary, AddsAndReplaces) {
  SharedDictionary dictionary("d", kMiB);
  EXPECT_EQ(dictionary.replace("a", 1.0, {}, kStart), Result::kMissing);
  EXPECT_EQ(dictionary.add("a", 1.0, seconds(1), kStart), Result::kDone);
  EXPECT_EQ(dictionary.add("a", 2.0, {}, kStart), Result::kExists);
  EXPECT_EQ(dictionary.replace("a", 3.0, seconds(2), kStart), Result::kDone);
  EXPECT_EQ(shown(dictionary, "a", kStart + milliseconds(1999)), "3");
  EXPECT_EQ(dictionary.replace("a", 4.0, {}, kStart + seconds(2)), Result::kMissing);
  EXPECT_EQ(dictionary.add("a", 5.0, {}, kStart + seconds(2)), Result::kDone);
  EXPECT_EQ(shown(dictionary, "a", kStart + hours(24)), "5");
}

TEST(SharedDictionary, Increments) {
  SharedDictionary dictionary("d", kMiB);
  EXPECT_EQ(dictionary.incr("n", 1, {}, {}, kStart).result, Result::kMissing);
  const auto first = dictionary.incr("n", 1, 10, seconds(1), kStart);
  EXPECT_EQ(first.result, Result::kDone);
  EXPECT_EQ(first.value, 11);
  // The lifetime is that of the first.
  EXPECT_EQ(dictionary.incr("n", -2.5, 10, seconds(9), kStart + milliseconds(999)).value, 8.5);
  EXPECT_EQ(dictionary.incr("n", 1, 0, {}, kStart + seconds(1)).value, 1);
  dictionary.set("t", text("7"), {}, kStart);
  EXPECT_EQ(dictionary.incr("t", 1, 0, {}, kStart).result, Result::kNotANumber);
  EXPECT_EQ(shown(dictionary, "t", kStart), "\"7\"");
}

TEST(SharedDictionary, TellsAndChangesLifetimes) {
  SharedDictionary dictionary("d", kMiB);
  EXPECT_FALSE(dictionary.lifetime("a", kStart).found);
  EXPECT_EQ(dictionary.setLifetime("a", seconds(1), kStart), Result::kMissing);
  dictionary.set("a", text("x"), {}, kStart);
  EXPECT_TRUE(dictionary.lifetime("a", kStart).found);
  EXPECT_FALSE(dictionary.lifetime("a", kStart).left.has_value());
  EXPECT_EQ(dictionary.setLifetime("a", milliseconds(1500), kStart), Result::kDone);
  EXPECT_EQ(dictionary.lifetime("a", kStart + seconds(1)).left, milliseconds(500));
  EXPECT_EQ(dictionary.setLifetime("a", {}, kStart + seconds(1)), Result::kDone);
  EXPECT_EQ(shown(dictionary, "a", kStart + hours(10)), "\"x\"");
  EXPECT_EQ(dictionary.setLifetime("a", milliseconds(-5), kStart), Result::kDone);
  EXPECT_FALSE(dictionary.lifetime("a", kStart).found);
  EXPECT_EQ(dictionary.totals().expired, 1u);
}

TEST(SharedDictionary, WhatHasNoTimeLeftIsNotThere) {
  SharedDictionary dictionary("d", kMiB);
  dictionary.set("a", 1.0, {}, kStart);
  EXPECT_EQ(dictionary.set("a", 2.0, milliseconds(0), kStart), Result::kDone);
  EXPECT_EQ(dictionary.set("b", 2.0, milliseconds(-1), kStart), Result::kDone);
  EXPECT_EQ(dictionary.incr("c", 2, 1, milliseconds(0), kStart).value, 3);
  EXPECT_EQ(dictionary.size(), 0u);
  EXPECT_EQ(dictionary.set("d", 1.0, milliseconds::max(), kStart), Result::kDone);
  EXPECT_EQ(shown(dictionary, "d", kStart + hours(24 * 1000)), "1");
}

TEST(SharedDictionary, ListsKeys) {
  SharedDictionary dictionary("d", kMiB);
  std::set<std::string> wanted;
  for (int i = 0; i < 100; ++i) {
    wanted.insert(concat("k", i));
    dictionary.set(concat("k", i), 1.0, {}, kStart);
    dictionary.set(concat("over", i), 1.0, seconds(1), kStart);
  }
  std::vector<std::string> keys;
  dictionary.keys(1000, kStart + seconds(1), keys);
  EXPECT_EQ(std::set<std::string>(keys.begin(), keys.end()), wanted);
  EXPECT_EQ(keys.size(), 100u);
  keys = {"before"};
  dictionary.keys(7, kStart, keys);
  EXPECT_EQ(keys.size(), 8u);
  dictionary.keys(0, kStart, keys);
  EXPECT_EQ(keys.size(), 8u);
}

TEST(SharedDictionary, ClearedItIsAsNew) {
  SharedDictionary dictionary("d", kMiB);
  const uint64_t empty = dictionary.totals().bytes;
  for (int round = 0; round < 2; ++round) {
    for (int i = 0; i < 3000; ++i) dictionary.set(concat(i), text("value"), hours(1), kStart);
    EXPECT_EQ(dictionary.size(), 3000u);
    EXPECT_GT(dictionary.totals().bytes, empty + 3000 * 72);
    dictionary.clear();
    EXPECT_EQ(dictionary.size(), 0u);
    EXPECT_EQ(dictionary.totals().bytes, empty);
  }
}

TEST(SharedDictionary, RemovedOneByOneItIsAsNew) {
  SharedDictionary dictionary("d", kMiB);
  const uint64_t empty = dictionary.totals().bytes;
  for (int i = 0; i < 3000; ++i) dictionary.set(concat(i), text("value"), hours(1), kStart);
  for (int i = 0; i < 3000; ++i) EXPECT_EQ(dictionary.remove(concat(i), kStart), Result::kDone);
  EXPECT_EQ(dictionary.totals().bytes, empty);
}

TEST(SharedDictionary, CountsWhatHappens) {
  SharedDictionary dictionary("d", kMiB);
  dictionary.set("a", 1.0, seconds(1), kStart);
  Item item;
  dictionary.get("a", kStart, item);
  dictionary.get("a", kStart, item);
  dictionary.get("b", kStart, item);
  dictionary.get("a", kStart + seconds(1), item);
  dictionary.set(std::string(SharedDictionary::kMaxKeyBytes + 1, 'k'), 1.0, {}, kStart);
  const auto totals = dictionary.totals();
  EXPECT_EQ(totals.hits, 2u);
  EXPECT_EQ(totals.misses, 2u);
  EXPECT_EQ(totals.expired, 1u);
  EXPECT_EQ(totals.refused, 1u);
  EXPECT_EQ(totals.evicted, 0u);
  EXPECT_EQ(totals.max_bytes, kMiB);
}

// --- Bounds ---

TEST(SharedDictionary, RefusesWhatCanNeverFit) {
  SharedDictionary dictionary("d", 64 << 10);
  dictionary.set("a", text("stays"), {}, kStart);
  dictionary.set("b", text("stays"), {}, kStart);
  const std::string large(64 << 10, 'x');
  EXPECT_EQ(dictionary.set("a", text(large), {}, kStart), Result::kTooLarge);
  EXPECT_EQ(dictionary.set(large, 1.0, {}, kStart), Result::kTooLarge);
  EXPECT_EQ(dictionary.incr(large, 1, 0, {}, kStart).result, Result::kTooLarge);
  EXPECT_EQ(shown(dictionary, "a", kStart), "\"stays\"");
  EXPECT_EQ(shown(dictionary, "b", kStart), "\"stays\"");
  // Nearly all of it can be one item.
  for (int i = 0; i < 100; ++i) dictionary.set(concat(i), 1.0, {}, kStart);
  EXPECT_EQ(dictionary.set("c", text(large.substr(0, 60 << 10)), {}, kStart),
            Result::kDoneEvicting);
  EXPECT_LT(dictionary.size(), 20u);
  EXPECT_LE(dictionary.totals().bytes, dictionary.maxBytes());

  SharedDictionary wide("w", 64 * kMiB);
  const std::string text_limit(SharedDictionary::kMaxTextBytes, 'x');
  EXPECT_EQ(wide.set("t", text(text_limit), {}, kStart), Result::kDone);
  EXPECT_EQ(wide.set("t", text(text_limit + "y"), {}, kStart), Result::kTooLarge);
  const std::string key_limit(SharedDictionary::kMaxKeyBytes, 'k');
  EXPECT_EQ(wide.set(key_limit, 1.0, {}, kStart), Result::kDone);
  EXPECT_EQ(shown(wide, key_limit, kStart), "1");
  EXPECT_EQ(shown(wide, key_limit + "k", kStart), "-");
}

TEST(SharedDictionary, HoldsItsBytesWhateverComes) {
  for (const uint64_t limit : {SharedDictionary::kLeastBytes, 3 * kMiB / 2}) {
    SharedDictionary dictionary("d", limit);
    Random random(limit);
    Time now = kStart;
    for (int i = 0; i < 60'000; ++i) {
      now += milliseconds(random.uniform(3));
      std::string key(random.uniform(20), 'a');
      key += concat(random.uniform(uint64_t{1} << random.uniform(20)));
      const size_t size = random.uniform(uint64_t{1} << random.uniform(16));
      const Ttl ttl = random.uniform(2) == 0 ? Ttl() : milliseconds(random.uniform(3000));
      const Result result = dictionary.set(key, text(std::string(size, 'v')), ttl, now);
      ASSERT_TRUE(SharedDictionary::done(result) || size > 30'000) << size;
      ASSERT_LE(dictionary.totals().bytes, limit);
    }
    EXPECT_GT(dictionary.totals().evicted, 1000u);
    EXPECT_GT(dictionary.totals().expired, 100u);
  }
}

TEST(SharedDictionary, UsesItsBytesForSmallEntries) {
  SharedDictionary dictionary("d", kMiB);
  for (int i = 0; i < 100'000; ++i) dictionary.incr(concat("client-", i), 1, 0, seconds(9), kStart);
  const auto totals = dictionary.totals();
  EXPECT_GT(totals.bytes, kMiB * 9 / 10);
  EXPECT_GT(totals.items, kMiB / 125);
  EXPECT_EQ(totals.items + totals.evicted, 100'000u);
}

TEST(SharedDictionary, EvictsWhatHasExpiredFirst) {
  SharedDictionary dictionary("d", kMiB);
  for (int i = 0; i < 1000; ++i) {
    dictionary.set(concat("old", i), text(std::string(200, 'o')), {}, kStart);
  }
  for (int i = 0; i < 1000; ++i) {
    dictionary.set(concat("brief", i), text(std::string(200, 'b')), seconds(1), kStart);
  }
  for (int i = 0; i < 1000; ++i) {
    dictionary.set(concat("new", i), text(std::string(400, 'n')), {}, kStart + seconds(1));
  }
  const auto totals = dictionary.totals();
  EXPECT_EQ(totals.evicted, 0u);
  EXPECT_EQ(totals.items - 2000 + totals.expired, 1000u);
}

// What comes back before a half of the entries was exchanged stays.
TEST(SharedDictionary, KeepsWhatIsUsed) {
  SharedDictionary dictionary("d", kMiB);
  std::vector<std::string> hot;
  for (int i = 0; i < 500; ++i) {
    hot.push_back(concat("hot", i));
    dictionary.set(hot.back(), 1.0, {}, kStart);
  }
  Item item;
  for (int i = 0; i < 100'000; ++i) {
    dictionary.set(concat("stranger", i), 1.0, {}, kStart);
    if (i % 4 == 0) {
      ASSERT_TRUE(dictionary.get(hot[static_cast<size_t>(i / 4) % hot.size()], kStart, item)) << i;
    }
  }
  EXPECT_GT(dictionary.totals().evicted, 80'000u);
}

TEST(SharedDictionary, EvictsTheOldestOfTheUnused) {
  SharedDictionary dictionary("d", kMiB);
  int count = 0;
  while (dictionary.set(concat(count), 1.0, {}, kStart) == Result::kDone) ++count;
  const int more = count / 4;
  for (int i = 0; i < more; ++i) dictionary.set(concat("n", i), 1.0, {}, kStart);
  int older = 0;
  int newer = 0;
  for (int i = 0; i < count; ++i) {
    const bool there = shown(dictionary, concat(i), kStart) != "-";
    if (i < count / 2) older += there;
    if (i >= count / 2) newer += there;
  }
  EXPECT_EQ(newer, count - count / 2);
  EXPECT_LT(older, count / 2 - more / 2);
}

TEST(SharedDictionary, CanBeResized) {
  SharedDictionary dictionary("d", 4 * kMiB);
  for (int i = 0; i < 20'000; ++i) dictionary.set(concat(i), text("0123456789"), {}, kStart);
  EXPECT_EQ(dictionary.size(), 20'000u);
  dictionary.setMaxBytes(kMiB);
  EXPECT_LE(dictionary.totals().bytes, kMiB);
  const uint64_t kept = dictionary.size();
  EXPECT_GT(kept, 5000u);
  EXPECT_EQ(dictionary.totals().evicted, 20'000 - kept);
  EXPECT_EQ(shown(dictionary, "19999", kStart), "\"0123456789\"");
  dictionary.setMaxBytes(4 * kMiB);
  for (int i = 0; i < 20'000; ++i) dictionary.set(concat(i), text("0123456789"), {}, kStart);
  EXPECT_EQ(dictionary.size(), 20'000u);
  dictionary.setMaxBytes(0);
  EXPECT_EQ(dictionary.maxBytes(), SharedDictionary::kLeastBytes);
  EXPECT_LE(dictionary.totals().bytes, SharedDictionary::kLeastBytes);
}

// --- Against a naive dictionary ---

class Naive {
 public:
  struct Entry {
    std::string shown;
    std::optional<double> number;
    Time ends{};
  };
  const Entry* find(const std::string& key, Time now) const {
    const auto found = entries_.find(key);
    return found == entries_.end() || found->second.ends <= now ? nullptr : &found->second;
  }
  void set(const std::string& key, const Value& value, Ttl ttl, Time now) {
    Entry entry;
    entry.ends = ttl ? now + *ttl : Time::max();
    if (const auto* number = std::get_if<double>(&value)) {
      entry.number = *number;
      entry.shown = concat(*number);
    } else if (const auto* flag = std::get_if<bool>(&value)) {
      entry.shown = *flag ? "true" : "false";
    } else {
      entry.shown = concat("\"", std::get<std::string_view>(value), "\"");
    }
    entries_[key] = entry;
  }
  void erase(const std::string& key) { entries_.erase(key); }
  void setEnd(const std::string& key, Time ends) { entries_[key].ends = ends; }
  const std::map<std::string, Entry>& all() const { return entries_; }

 private:
  std::map<std::string, Entry> entries_;
};

// Random operations on a few hundred keys, in a dictionary in which all have room.
class Game {
 public:
  explicit Game(uint64_t seed) : random_(seed) {}

  void step() {
    now_ += milliseconds(random_.uniform(20));
    const std::string key = concat("key", random_.uniform(300));
    const Naive::Entry* const there = naive_.find(key, now_);
    const Ttl ttl = random_.uniform(3) == 0 ? Ttl() : milliseconds(random_.uniform(5000));
    words_ = std::string(random_.uniform(200), static_cast<char>('a' + random_.uniform(26)));
    const Value value = random_.uniform(2) == 0   ? Value(static_cast<double>(random_.uniform(99)))
                        : random_.uniform(9) == 0 ? Value(true)
                                                  : text(words_);
    switch (random_.uniform(8)) {
      case 0:
        ASSERT_EQ(dictionary_.set(key, value, ttl, now_), Result::kDone);
        return naive_.set(key, value, ttl, now_);
      case 1:
        ASSERT_EQ(dictionary_.add(key, value, ttl, now_), there ? Result::kExists : Result::kDone);
        return there ? void() : naive_.set(key, value, ttl, now_);
      case 2:
        ASSERT_EQ(dictionary_.replace(key, value, ttl, now_),
                  there ? Result::kDone : Result::kMissing);
        return there ? naive_.set(key, value, ttl, now_) : void();
      case 3:
        return increment(key, there, ttl);
      case 4:
        ASSERT_EQ(dictionary_.remove(key, now_), there ? Result::kDone : Result::kMissing);
        return naive_.erase(key);
      case 5:
        ASSERT_EQ(dictionary_.setLifetime(key, ttl, now_),
                  there ? Result::kDone : Result::kMissing);
        return there ? naive_.setEnd(key, ttl ? now_ + *ttl : Time::max()) : void();
      default:
        ASSERT_EQ(shown(dictionary_, key, now_), there ? there->shown : "-");
    }
  }
  void compareAll() {
    std::set<std::string> wanted;
    for (const auto& [key, entry] : naive_.all()) {
      const bool there = naive_.find(key, now_) != nullptr;
      if (there) wanted.insert(key);
      ASSERT_EQ(shown(dictionary_, key, now_), there ? entry.shown : "-");
      const auto lifetime = dictionary_.lifetime(key, now_);
      ASSERT_EQ(lifetime.found, there);
      if (there && entry.ends != Time::max()) {
        ASSERT_EQ(now_ + *lifetime.left, entry.ends);
      }
    }
    std::vector<std::string> keys;
    dictionary_.keys(10'000, now_, keys);
    ASSERT_EQ(std::set<std::string>(keys.begin(), keys.end()), wanted);
    ASSERT_EQ(dictionary_.size(), wanted.size());  // all others were met
    ASSERT_EQ(dictionary_.totals().evicted, 0u);
  }

 private:
  void increment(const std::string& key, const Naive::Entry* there, Ttl ttl) {
    const bool creates = random_.uniform(2) == 0;
    const auto got = dictionary_.incr(
        key, 3, creates ? std::optional<double>(100) : std::optional<double>(), ttl, now_);
    if (!there) {
      ASSERT_EQ(got.result, creates ? Result::kDone : Result::kMissing);
      if (!creates) return;
      ASSERT_EQ(got.value, 103);
      return naive_.set(key, 103.0, ttl, now_);
    }
    ASSERT_EQ(got.result, there->number ? Result::kDone : Result::kNotANumber);
    if (!there->number) return;
    const Time ends = there->ends;
    naive_.set(key, *there->number + 3, {}, now_);
    naive_.setEnd(key, ends);
    ASSERT_EQ(concat(got.value), naive_.find(key, now_)->shown);
  }

  Random random_;
  Time now_ = kStart;
  std::string words_;
  SharedDictionary dictionary_{"d", kMiB};
  Naive naive_;
};

TEST(SharedDictionary, IsAsANaiveOne) {
  for (uint64_t seed = 1; seed <= 10; ++seed) {
    Game game(seed);
    for (int i = 0; i < 5000; ++i) {
      ASSERT_NO_FATAL_FAILURE(game.step()) << seed << ' ' << i;
      if (i % 500 != 0) continue;
      ASSERT_NO_FATAL_FAILURE(game.compareAll()) << seed << ' ' << i;
    }
  }
}

// --- Hostile keys ---

// Whoever knew the key of the hash could do this.
TEST(DictionaryShard, SurvivesKeysWithTheSameHash) {
  ByteBudget budget;
  budget.setLimit(kMiB);
  {
    DictionaryShard shard;
    shard.use(budget);
    for (const bool removing : {false, true}) {
      for (int i = 0; i < 2000; ++i) {
        const std::string key = concat(i);
        DictionaryShard::Write write{.key = key,
                                     .hash = 7,
                                     .mode = DictionaryShard::Mode::kSet,
                                     .value = static_cast<double>(i),
                                     .ends = 100 + i % 10,
                                     .now = 0};
        Result result = Result::kMissing;
        if (removing) {
          EXPECT_EQ(shard.remove(key, 7, 0), Result::kDone);
        } else {
          EXPECT_EQ(shard.write(write, result), 0u);
          EXPECT_EQ(result, Result::kDone);
        }
        Item item;
        EXPECT_EQ(shard.get(key, 7, 0, item), !removing);
        EXPECT_EQ(shard.get("none", 7, 0, item), false);
      }
    }
    EXPECT_EQ(shard.bytes(), 0u);
  }
  EXPECT_EQ(budget.used(), 0u);
}

TEST(DictionaryShard, DropsWhatIsOverInOrder) {
  ByteBudget budget;
  budget.setLimit(kMiB);
  DictionaryShard shard;
  shard.use(budget);
  Random random(3);
  std::multiset<int64_t> ends;
  for (uint32_t i = 0; i < 1000; ++i) {
    const std::string key = concat(i);
    DictionaryShard::Write write{.key = key,
                                 .hash = i,
                                 .mode = DictionaryShard::Mode::kSet,
                                 .ends = static_cast<int64_t>(1 + random.uniform(500)),
                                 .now = 0};
    Result result = Result::kMissing;
    shard.write(write, result);
    ends.insert(write.ends);
  }
  for (int64_t now = 1; now <= 500; ++now) {
    EXPECT_EQ(shard.nextEnd(), *ends.begin());
    shard.dropExpired(now);
    ends.erase(ends.begin(), ends.upper_bound(now));
    SharedDictionary::Totals totals;
    shard.addTo(totals);
    ASSERT_EQ(totals.items, ends.size());
    if (ends.empty()) break;
  }
  EXPECT_EQ(shard.bytes(), 0u);
}

TEST(SharedDictionaries, AreFoundByName) {
  SharedDictionaries dictionaries;
  EXPECT_EQ(dictionaries.find("a"), nullptr);
  const auto a = std::make_shared<SharedDictionary>("a", kMiB);
  const auto b = std::make_shared<SharedDictionary>("b", kMiB);
  dictionaries.assign({b, a});
  EXPECT_EQ(dictionaries.find("a"), a);
  EXPECT_EQ(dictionaries.find("b"), b);
  EXPECT_EQ(dictionaries.find("c"), nullptr);
  EXPECT_EQ(dictionaries.all(), (SharedDictionaries::List{a, b}));
  dictionaries.assign({b});
  EXPECT_EQ(dictionaries.find("a"), nullptr);
}

}  // namespace
}  // namespace weir::base
