#include "source/base/shared_dictionary.h"

#include <algorithm>
#include <atomic>
#include <bit>
#include <limits>
#include <utility>

#include "source/base/dictionary_shard.h"
#include "source/base/keyed_hash.h"

namespace weir::base {
namespace {

using Moment = DictionaryShard::Moment;
using Write = DictionaryShard::Write;
using Mode = DictionaryShard::Mode;

constexpr size_t kLeastShards = 4;
constexpr size_t kMostShards = 256;
constexpr uint64_t kBytesPerShard = uint64_t{64} << 10;
// Longer is for ever.
constexpr std::chrono::hours kLongestTtl{24 * 365 * 100};
// How often a write looks for room before it gives up: others take what was freed.
constexpr int kAttempts = 64;

uint64_t within(uint64_t max_bytes) {
  return std::clamp(max_bytes, SharedDictionary::kLeastBytes, SharedDictionary::kMostBytes);
}

Moment momentOf(SharedDictionary::Time time) {
  return std::chrono::nanoseconds(time.time_since_epoch()).count();
}

Moment endOf(const SharedDictionary::Ttl& ttl, Moment now) {
  if (!ttl || *ttl > kLongestTtl) return DictionaryShard::kNever;
  return now + std::chrono::nanoseconds(std::max(*ttl, std::chrono::milliseconds(0))).count();
}

}  // namespace

struct SharedDictionary::State {
  explicit State(uint64_t max_bytes)
      : count(std::clamp(std::bit_floor(max_bytes / kBytesPerShard), kLeastShards, kMostShards)),
        shards(std::make_unique<DictionaryShard[]>(count)),
        own_bytes(sizeof(State) + count * sizeof(DictionaryShard)) {
    budget.setLimit(max_bytes);
    budget.take(own_bytes);
    for (size_t i = 0; i < count; ++i) shards[i].use(budget);
  }

  uint64_t hash(std::string_view key) const { return keyedHash(key, hash_key); }
  // By the bits that it does not look at itself.
  DictionaryShard& shardOf(uint64_t hash) { return shards[(hash >> 32) & (count - 1)]; }
  DictionaryShard& largest();
  uint64_t freeExpired(Moment now);
  void gather(DictionaryShard& own, Write& write, uint64_t lacking);
  bool mayFit(const Write& write) const;
  Result write(Mode mode, std::string_view key, const Value& value, Ttl ttl, Time now);
  Result write(Write& write, uint64_t hash);

  const HashKey hash_key = newHashKey();
  const size_t count;  // a power of two
  ByteBudget budget;   // the shards are destroyed first
  const std::unique_ptr<DictionaryShard[]> shards;
  const uint64_t own_bytes;
  std::mutex
      gathering;  // one at a time gathers for what is large, or two might wait for each other
  std::atomic<uint32_t> looked_at{0};
};

// --- Room ---

DictionaryShard& SharedDictionary::State::largest() {
  return *std::max_element(
      shards.get(), shards.get() + count,
      [](const DictionaryShard& a, const DictionaryShard& b) { return a.bytes() < b.bytes(); });
}

// Looks at one shard in turn.
uint64_t SharedDictionary::State::freeExpired(Moment now) {
  DictionaryShard& shard = shards[looked_at.fetch_add(1, std::memory_order_relaxed) & (count - 1)];
  return shard.nextEnd() <= now ? shard.dropExpired(now) : 0;
}

// Frees what is lacking, for this write alone, or all there is.
void SharedDictionary::State::gather(DictionaryShard& own, Write& write, uint64_t lacking) {
  const uint64_t share = budget.limit() / count;
  std::unique_lock<std::mutex> alone;
  if (lacking > share / 2) alone = std::unique_lock(gathering);
  const uint64_t wanted = write.credit + lacking;
  write.credit += freeExpired(write.now);
  DictionaryShard* from = own.bytes() >= share / 2 ? &own : &largest();
  while (write.credit < wanted) {
    const uint64_t freed = from->evict(wanted - write.credit, write.now, write.evicted);
    write.credit += freed;
    if (freed == 0 && from->bytes() == 0 && from == &largest()) return;
    from = &largest();
  }
}

// With everything else gone.
bool SharedDictionary::State::mayFit(const Write& write) const {
  if (write.key.size() > kMaxKeyBytes) return false;
  const auto* const text = std::get_if<std::string_view>(&write.value);
  const size_t text_bytes = text == nullptr ? 0 : text->size();
  return text_bytes <= kMaxTextBytes &&
         own_bytes + DictionaryShard::mostBytesFor(write.key.size(), text_bytes) <= budget.limit();
}

SharedDictionary::Result SharedDictionary::State::write(Write& write, uint64_t hash) {
  DictionaryShard& shard = shardOf(hash);
  Result result = Result::kTooLarge;
  bool done = false;
  if (mayFit(write)) {
    result = Result::kNoRoom;
    for (int i = 0; i < kAttempts && !done; ++i) {
      Result outcome = Result::kDone;
      const uint64_t lacking = shard.write(write, outcome);
      done = lacking == 0;
      if (done) result = outcome;
      if (!done) gather(shard, write, lacking);
    }
    budget.give(write.credit);
  }
  if (!done) shard.countRefused();
  return result == Result::kDone && write.evicted ? Result::kDoneEvicting : result;
}

SharedDictionary::Result SharedDictionary::State::write(Mode mode, std::string_view key,
                                                        const Value& value, Ttl ttl, Time now) {
  const uint64_t hash_of_key = hash(key);
  Write what{.key = key,
             .hash = static_cast<uint32_t>(hash_of_key),
             .mode = mode,
             .value = value,
             .ends = endOf(ttl, momentOf(now)),
             .now = momentOf(now)};
  return write(what, hash_of_key);
}

// --- The dictionary ---

SharedDictionary::SharedDictionary(std::string name, uint64_t max_bytes)
    : name_(std::move(name)), state_(std::make_unique<State>(within(max_bytes))) {}

SharedDictionary::~SharedDictionary() = default;

std::string_view SharedDictionary::text(Result result) {
  switch (result) {
    case Result::kDone:
      return "done";
    case Result::kDoneEvicting:
      return "done, others were evicted";
    case Result::kExists:
      return "key exists";
    case Result::kMissing:
      return "no such key";
    case Result::kNotANumber:
      return "value is not a number";
    case Result::kTooLarge:
      return "too large";
    case Result::kNoRoom:
      return "no room";
  }
  return "";
}

uint64_t SharedDictionary::maxBytes() const {
  return state_->budget.limit();
}

void SharedDictionary::setMaxBytes(uint64_t max_bytes) {
  ByteBudget& budget = state_->budget;
  budget.setLimit(within(max_bytes));
  for (uint64_t used = budget.used(); used > budget.limit(); used = budget.used()) {
    DictionaryShard& shard = state_->largest();
    if (shard.bytes() == 0) return;  // the rest is on its way to be freed
    bool evicted = false;
    constexpr Moment kLongAgo = std::numeric_limits<Moment>::min();
    budget.give(shard.evict(used - budget.limit(), kLongAgo, evicted));
  }
}

bool SharedDictionary::get(std::string_view key, Time now, Item& item) {
  const uint64_t hash = state_->hash(key);
  return state_->shardOf(hash).get(key, static_cast<uint32_t>(hash), momentOf(now), item);
}

SharedDictionary::Result SharedDictionary::set(std::string_view key, const Value& value, Ttl ttl,
                                               Time now) {
  return state_->write(Mode::kSet, key, value, ttl, now);
}

SharedDictionary::Result SharedDictionary::add(std::string_view key, const Value& value, Ttl ttl,
                                               Time now) {
  return state_->write(Mode::kAdd, key, value, ttl, now);
}

SharedDictionary::Result SharedDictionary::replace(std::string_view key, const Value& value,
                                                   Ttl ttl, Time now) {
  return state_->write(Mode::kReplace, key, value, ttl, now);
}

SharedDictionary::Result SharedDictionary::setLifetime(std::string_view key, Ttl ttl, Time now) {
  return state_->write(Mode::kLifetime, key, 0.0, ttl, now);
}

SharedDictionary::Incremented SharedDictionary::incr(std::string_view key, double by,
                                                     std::optional<double> init, Ttl init_ttl,
                                                     Time now) {
  const uint64_t hash = state_->hash(key);
  Write write{.key = key,
              .hash = static_cast<uint32_t>(hash),
              .mode = Mode::kIncrement,
              .value = init.value_or(0) + by,
              .by = by,
              .creates = init.has_value(),
              .ends = endOf(init_ttl, momentOf(now)),
              .now = momentOf(now),
              .number = init.value_or(0) + by};
  const Result result = state_->write(write, hash);
  return {.result = result, .value = done(result) ? write.number : 0};
}

SharedDictionary::Result SharedDictionary::remove(std::string_view key, Time now) {
  const uint64_t hash = state_->hash(key);
  return state_->shardOf(hash).remove(key, static_cast<uint32_t>(hash), momentOf(now));
}

SharedDictionary::Lifetime SharedDictionary::lifetime(std::string_view key, Time now) {
  const uint64_t hash = state_->hash(key);
  const Moment moment = momentOf(now);
  const auto end = state_->shardOf(hash).endOf(key, static_cast<uint32_t>(hash), moment);
  if (!end) return {};
  if (*end == DictionaryShard::kNever) return {.found = true, .left = {}};
  return {.found = true,
          .left = std::chrono::ceil<std::chrono::milliseconds>(
              std::chrono::nanoseconds(*end - moment))};
}

void SharedDictionary::keys(size_t limit, Time now, std::vector<std::string>& to) {
  const size_t most = to.size() + limit;
  for (size_t i = 0; i < state_->count && to.size() < most; ++i) {
    state_->shards[i].keys(most - to.size(), momentOf(now), to);
  }
}

void SharedDictionary::clear() {
  for (size_t i = 0; i < state_->count; ++i) state_->shards[i].clear();
}

SharedDictionary::Totals SharedDictionary::totals() const {
  Totals totals{.bytes = state_->budget.used(), .max_bytes = maxBytes()};
  for (size_t i = 0; i < state_->count; ++i) state_->shards[i].addTo(totals);
  return totals;
}

// --- All of them ---

namespace {

bool before(const std::shared_ptr<SharedDictionary>& dictionary, std::string_view name) {
  return dictionary->name() < name;
}

}  // namespace

std::shared_ptr<SharedDictionary> SharedDictionaries::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = std::lower_bound(list_.begin(), list_.end(), name, before);
  return found != list_.end() && (*found)->name() == name ? *found : nullptr;
}

SharedDictionaries::List SharedDictionaries::all() const {
  const std::lock_guard lock(mutex_);
  return list_;
}

void SharedDictionaries::assign(List dictionaries) {
  std::sort(dictionaries.begin(), dictionaries.end(),
            [](const auto& a, const auto& b) { return a->name() < b->name(); });
  const std::lock_guard lock(mutex_);
  list_.swap(dictionaries);  // those that go are freed without the lock
}

}  // namespace weir::base
