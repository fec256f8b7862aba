#include "source/upstream/sticky_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

#include "source/base/hash.h"

namespace weir::upstream {

namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTick{128};
constexpr uint32_t kNone = ~uint32_t{0};
constexpr uint32_t kUnconfirmed = ~uint32_t{0};  // a tick of its own
constexpr size_t kChunk = 256;                   // entries that are allocated together
constexpr size_t kMostShards = 64;
// Below, one more shard would make the limit of entries inexact by more than it helps.
constexpr uint32_t kEntriesPerShard = 4096;
// A hit moves an entry to the front only after such a part of the ttl.
constexpr uint32_t kMovesPerTtl = 64;
// Entries at the end of the lists that each new one looks at, whether they have expired.
constexpr int kExpiredPerEntry = 4;
// At once under a lock, when all that is over is forgotten.
constexpr int kExpiredPerLock = 1024;

uint32_t entriesIn(const StickyLimits& limits) {
  return static_cast<uint32_t>(
      std::min<uint64_t>(limits.max_entries, limits.max_bytes / StickyTable::kBytesPerEntry));
}

size_t shardsFor(const StickyLimits& limits) {
  return std::clamp<size_t>(std::bit_floor(entriesIn(limits) / kEntriesPerShard), 1, kMostShards);
}

uint64_t neverZero(uint64_t hash) {
  return hash == 0 ? 1 : hash;
}

}  // namespace

class alignas(64) StickyTable::Shard {
 public:
  ~Shard();
  void setCapacity(uint32_t entries);
  Found find(uint64_t key, Tick now, Tick ttl, std::optional<Tick> confirm_after);
  uint64_t look(uint64_t key, Tick now);
  struct Bound {
    uint64_t uid = 0;   // whom it is bound to now
    bool same = false;  // and was before
  };
  Bound bind(uint64_t key, uint64_t uid, const std::shared_ptr<EndpointUsage>& usage,
             std::optional<uint64_t> expected, Tick now, Tick ttl);
  void forget(uint64_t key);
  void unconfirm(uint64_t key);
  // False: there may be more.
  bool expire(Tick now);
  void addTo(Totals& totals) const;

 private:
  enum List : uint8_t { kNewcomers, kRegulars };
  struct Entry {
    uint64_t key;
    uint32_t chained;         // the next with this place in the hash table, or free one
    uint32_t before, behind;  // in its list
    uint32_t target : 31;     // index into targets_
    uint32_t list : 1;
    Tick ends;
    Tick confirmed;
  };
  static_assert(sizeof(Entry) == 32);
  struct Ends {
    uint32_t front = kNone;
    uint32_t back = kNone;
    uint32_t size = 0;
  };
  // An endpoint that somebody is bound to.
  struct Target {
    uint64_t uid = 0;
    uint32_t clients = 0;
    std::shared_ptr<EndpointUsage> usage;
  };

  Entry& at(uint32_t index) { return chunks_[index / kChunk][index % kChunk]; }
  uint32_t& chainOf(uint64_t key) { return heads_[key & (heads_.size() - 1)]; }
  uint32_t indexOf(uint64_t key);
  void use(uint32_t index, Tick now, Tick ttl);
  void link(uint32_t index, List list);
  void unlink(uint32_t index);
  void demote();
  uint32_t add(uint64_t key, Tick now);
  uint32_t take();
  void growHeads();
  void remove(uint32_t index);
  bool removeIfOver(uint32_t index, Tick now);
  void pin(Entry& entry, uint64_t uid, const std::shared_ptr<EndpointUsage>& usage);
  void unpin(const Entry& entry);
  // Ticks wrap only after decades.
  static bool over(const Entry& entry, Tick now) { return now >= entry.ends; }
  uint32_t size() const { return lists_[kNewcomers].size + lists_[kRegulars].size; }

  mutable std::mutex mutex_;  // guards all
  uint32_t capacity_ = 0;
  std::array<Ends, 2> lists_;
  std::vector<uint32_t> heads_;  // of the chains; a power of two
  std::vector<std::unique_ptr<Entry[]>> chunks_;
  uint32_t free_ = kNone;
  uint32_t unused_ = 0;  // entries of the last chunk that were never used
  std::vector<Target> targets_;
  std::vector<uint32_t> free_targets_;
  absl::flat_hash_map<uint64_t, uint32_t> target_of_;  // by uid
  uint64_t evicted_ = 0;
  uint64_t expired_ = 0;
};

StickyTable::Shard::~Shard() {
  for (const Target& target : targets_) {
    if (target.usage != nullptr) {
      target.usage->pinned.fetch_sub(target.clients, std::memory_order_relaxed);
    }
  }
}

void StickyTable::Shard::setCapacity(uint32_t entries) {
  const std::lock_guard lock(mutex_);
  capacity_ = entries;
}

// --- Finding ---

uint32_t StickyTable::Shard::indexOf(uint64_t key) {
  if (heads_.empty()) return kNone;
  uint32_t index = chainOf(key);
  while (index != kNone && at(index).key != key) index = at(index).chained;
  return index;
}

StickyTable::Found StickyTable::Shard::find(uint64_t key, Tick now, Tick ttl,
                                            std::optional<Tick> confirm_after) {
  const std::lock_guard lock(mutex_);
  const uint32_t index = indexOf(key);
  if (index == kNone || removeIfOver(index, now)) return {};
  Entry& entry = at(index);
  Found found{.uid = targets_[entry.target].uid};
  const bool unconfirmed = entry.confirmed == kUnconfirmed;
  if (confirm_after && (unconfirmed || now - entry.confirmed >= *confirm_after)) {
    found.due = true;
    entry.confirmed = now;
  }
  use(index, now, ttl);
  return found;
}

uint64_t StickyTable::Shard::look(uint64_t key, Tick now) {
  const std::lock_guard lock(mutex_);
  const uint32_t index = indexOf(key);
  return index == kNone || over(at(index), now) ? 0 : targets_[at(index).target].uid;
}

// It has come again.
void StickyTable::Shard::use(uint32_t index, Tick now, Tick ttl) {
  Entry& entry = at(index);
  const Tick ends = now + ttl;
  if (entry.list == kRegulars && ends - entry.ends < std::max<Tick>(ttl / kMovesPerTtl, 1)) return;
  entry.ends = ends;
  unlink(index);
  link(index, kRegulars);
  demote();
}

// Four fifths are for those that stay.
void StickyTable::Shard::demote() {
  const Ends& regulars = lists_[kRegulars];
  while (regulars.size > std::max<uint32_t>(capacity_ - capacity_ / 5, 1)) {
    const uint32_t last = regulars.back;
    unlink(last);
    link(last, kNewcomers);
  }
}

void StickyTable::Shard::link(uint32_t index, List list) {
  Ends& ends = lists_[list];
  Entry& entry = at(index);
  entry.list = list;
  entry.before = kNone;
  entry.behind = ends.front;
  (ends.front == kNone ? ends.back : at(ends.front).before) = index;
  ends.front = index;
  ++ends.size;
}

void StickyTable::Shard::unlink(uint32_t index) {
  const Entry& entry = at(index);
  Ends& ends = lists_[entry.list];
  (entry.before == kNone ? ends.front : at(entry.before).behind) = entry.behind;
  (entry.behind == kNone ? ends.back : at(entry.behind).before) = entry.before;
  --ends.size;
}

// --- Binding ---

StickyTable::Shard::Bound StickyTable::Shard::bind(uint64_t key, uint64_t uid,
                                                   const std::shared_ptr<EndpointUsage>& usage,
                                                   std::optional<uint64_t> expected, Tick now,
                                                   Tick ttl) {
  const std::lock_guard lock(mutex_);
  uint32_t index = indexOf(key);
  if (index != kNone && removeIfOver(index, now)) index = kNone;
  if (index == kNone) {
    index = add(key, now);
    if (index == kNone) return {};
    Entry& entry = at(index);
    pin(entry, uid, usage);
    entry.ends = now + ttl;
    entry.confirmed = now;
    return {.uid = uid};
  }
  Entry& entry = at(index);
  const uint64_t bound = targets_[entry.target].uid;
  if (bound != uid && expected && *expected != bound) return {.uid = bound, .same = true};
  if (bound != uid) {
    unpin(entry);
    pin(entry, uid, usage);
  }
  entry.confirmed = now;
  use(index, now, ttl);
  return {.uid = uid, .same = bound == uid};
}

void StickyTable::Shard::pin(Entry& entry, uint64_t uid,
                             const std::shared_ptr<EndpointUsage>& usage) {
  const auto [found, is_new] = target_of_.try_emplace(uid, 0);
  if (is_new) {
    if (free_targets_.empty()) {
      free_targets_.push_back(static_cast<uint32_t>(targets_.size()));
      targets_.emplace_back();
    }
    found->second = free_targets_.back();
    free_targets_.pop_back();
    targets_[found->second] = {.uid = uid, .usage = usage};
  }
  entry.target = found->second & 0x7fffffff;
  Target& target = targets_[entry.target];
  ++target.clients;
  if (target.usage != nullptr) target.usage->pinned.fetch_add(1, std::memory_order_relaxed);
}

void StickyTable::Shard::unpin(const Entry& entry) {
  Target& target = targets_[entry.target];
  if (target.usage != nullptr) target.usage->pinned.fetch_sub(1, std::memory_order_relaxed);
  if (--target.clients > 0) return;
  target_of_.erase(target.uid);
  target.usage.reset();
  free_targets_.push_back(entry.target);
}

// An entry that is linked as a newcomer, without a target; kNone: there may be none at all.
uint32_t StickyTable::Shard::add(uint64_t key, Tick now) {
  for (int i = 0; i < kExpiredPerEntry; ++i) {
    const Ends& ends = lists_[i % 2];
    if (ends.back != kNone) removeIfOver(ends.back, now);
  }
  while (size() > 0 && size() >= capacity_) {
    const uint32_t newcomer = lists_[kNewcomers].back;
    const uint32_t last = newcomer != kNone ? newcomer : lists_[kRegulars].back;
    if (removeIfOver(last, now)) continue;
    remove(last);
    ++evicted_;
  }
  if (capacity_ == 0) return kNone;
  if (size() >= heads_.size()) growHeads();
  const uint32_t index = take();
  Entry& entry = at(index);
  entry.key = key;
  uint32_t& head = chainOf(key);
  entry.chained = head;
  head = index;
  link(index, kNewcomers);
  return index;
}

uint32_t StickyTable::Shard::take() {
  if (free_ != kNone) return std::exchange(free_, at(free_).chained);
  if (unused_ == 0) {
    chunks_.push_back(std::make_unique_for_overwrite<Entry[]>(kChunk));
    unused_ = kChunk;
  }
  return static_cast<uint32_t>(chunks_.size() * kChunk - unused_--);
}

void StickyTable::Shard::growHeads() {
  std::vector<uint32_t> before = std::move(heads_);
  heads_.assign(std::max<size_t>(64, 2 * before.size()), kNone);
  for (uint32_t index : before) {
    while (index != kNone) {
      const uint32_t next = at(index).chained;
      uint32_t& head = chainOf(at(index).key);
      at(index).chained = head;
      head = index;
      index = next;
    }
  }
}

// --- Forgetting ---

void StickyTable::Shard::remove(uint32_t index) {
  Entry& entry = at(index);
  uint32_t* link = &chainOf(entry.key);
  while (*link != index) link = &at(*link).chained;
  *link = entry.chained;
  unlink(index);
  unpin(entry);
  entry.chained = free_;
  free_ = index;
}

bool StickyTable::Shard::removeIfOver(uint32_t index, Tick now) {
  if (!over(at(index), now)) return false;
  remove(index);
  ++expired_;
  return true;
}

void StickyTable::Shard::forget(uint64_t key) {
  const std::lock_guard lock(mutex_);
  const uint32_t index = indexOf(key);
  if (index != kNone) remove(index);
}

void StickyTable::Shard::unconfirm(uint64_t key) {
  const std::lock_guard lock(mutex_);
  const uint32_t index = indexOf(key);
  if (index != kNone) at(index).confirmed = kUnconfirmed;
}

// From the ends of the lists, where those are that were not used for longest: nothing behind one
// that is not over can be, but for what was demoted.
bool StickyTable::Shard::expire(Tick now) {
  const std::lock_guard lock(mutex_);
  int left = kExpiredPerLock;
  for (const Ends& ends : lists_) {
    while (ends.back != kNone && removeIfOver(ends.back, now)) {
      if (--left == 0) return false;
    }
  }
  return true;
}

void StickyTable::Shard::addTo(Totals& totals) const {
  const std::lock_guard lock(mutex_);
  totals.entries += size();
  totals.bytes += chunks_.size() * kChunk * sizeof(Entry) + heads_.size() * sizeof(heads_[0]) +
                  targets_.capacity() * sizeof(Target);
  totals.evicted += evicted_;
  totals.expired += expired_;
}

// --- The table ---

StickyTable::StickyTable(const StickyLimits& limits, uint64_t seed, event::MonotonicTime now)
    : seed_(seed),
      began_(now),
      shard_count_(shardsFor(limits)),
      shards_(std::make_unique<Shard[]>(shard_count_)) {
  setLimits(limits);
}

StickyTable::~StickyTable() = default;

uint64_t StickyTable::keyOf(std::string_view text) const {
  return neverZero(base::hash64(text, seed_));
}

uint64_t StickyTable::keyOf(uint64_t hash) const {
  return neverZero(base::mix64(hash ^ seed_));
}

void StickyTable::setLimits(const StickyLimits& limits) {
  const int64_t ticks = (limits.ttl + kTick - milliseconds(1)) / kTick;
  ttl_ = static_cast<Tick>(std::clamp<int64_t>(ticks, 1, ~Tick{0} / 4));
  const uint32_t entries = entriesIn(limits);
  for (size_t i = 0; i < shard_count_; ++i) {
    shards_[i].setCapacity(
        static_cast<uint32_t>((entries + i) / shard_count_));  // the sum is `entries`
  }
}

// From 1 on, so that nothing is over that ends at 0.
StickyTable::Tick StickyTable::tickOf(event::MonotonicTime now) const {
  return 1 + static_cast<Tick>(std::max(now - began_, event::MonotonicTime::duration(0)) / kTick);
}

// By the bits that the hash table does not look at.
StickyTable::Shard& StickyTable::shardOf(uint64_t key) const {
  return shards_[(key >> 48) & (shard_count_ - 1)];
}

StickyTable::Found StickyTable::find(uint64_t key, event::MonotonicTime now,
                                     std::optional<milliseconds> confirm_after) {
  std::optional<Tick> after;
  if (confirm_after) after = static_cast<Tick>(*confirm_after / kTick);
  return shardOf(key).find(key, tickOf(now), ttl_.load(std::memory_order_relaxed), after);
}

uint64_t StickyTable::look(uint64_t key, event::MonotonicTime now) const {
  return shardOf(key).look(key, tickOf(now));
}

uint64_t StickyTable::bind(uint64_t key, uint64_t uid, const std::shared_ptr<EndpointUsage>& usage,
                           uint64_t expected, event::MonotonicTime now) {
  return shardOf(key)
      .bind(key, uid, usage, expected, tickOf(now), ttl_.load(std::memory_order_relaxed))
      .uid;
}

bool StickyTable::put(uint64_t key, uint64_t uid, const std::shared_ptr<EndpointUsage>& usage,
                      event::MonotonicTime now) {
  return shardOf(key)
      .bind(key, uid, usage, std::nullopt, tickOf(now), ttl_.load(std::memory_order_relaxed))
      .same;
}

void StickyTable::forget(uint64_t key) {
  shardOf(key).forget(key);
}

void StickyTable::unconfirm(uint64_t key) {
  shardOf(key).unconfirm(key);
}

void StickyTable::expire(event::MonotonicTime now) {
  const Tick tick = tickOf(now);
  for (size_t i = 0; i < shard_count_; ++i) {
    while (!shards_[i].expire(tick)) {
    }
  }
}

StickyMemory::Totals StickyTable::totals() const {
  Totals totals;
  for (size_t i = 0; i < shard_count_; ++i) shards_[i].addTo(totals);
  return totals;
}

}  // namespace weir::upstream
