#include "extensions/http_filters/common/token_buckets.h"

#include <algorithm>
#include <bit>

#include "source/base/hash.h"

namespace weir::extensions::http_filters {
namespace {

constexpr size_t kMostLocks = 256;
constexpr size_t kLeastKeys = 64;
// Threads look at the clock once in a turn of their loops.
constexpr Nanoseconds kClockSkew = 10'000'000'000;

// A token of a bucket that would be full at `full_at`; moves that on when there is one.
TokenAnswer takeFrom(Nanoseconds& full_at, const TokenRate& rate, Nanoseconds now) {
  const Nanoseconds tolerance = rate.tolerance();
  // Another rate may have left more debt than this one allows: then the bucket is just empty. With
  // the same rate it is never that much, however old this thread's clock is.
  const Nanoseconds start = std::clamp(full_at, now, now + tolerance + rate.interval + kClockSkew);
  TokenAnswer answer;
  answer.taken = start - now <= tolerance;
  full_at = answer.taken ? start + rate.interval : start;
  const Nanoseconds behind = full_at - now;
  answer.until_full = behind;
  answer.until_next = std::max<Nanoseconds>(0, behind - tolerance);
  const Nanoseconds room = tolerance + rate.interval - behind;
  answer.left = room <= 0 ? 0 : static_cast<uint32_t>(room / rate.interval);
  return answer;
}

}  // namespace

TokenAnswer TokenBucket::take(const TokenRate& rate, Nanoseconds now) {
  Nanoseconds before = full_at_.load(std::memory_order_relaxed);
  for (;;) {
    Nanoseconds after = before;
    const TokenAnswer answer = takeFrom(after, rate, now);
    if (after == before) return answer;
    if (full_at_.compare_exchange_weak(before, after, std::memory_order_relaxed)) return answer;
  }
}

void TokenBucket::giveBack(const TokenRate& rate) {
  full_at_.fetch_sub(rate.interval, std::memory_order_relaxed);
}

TokenBuckets::TokenBuckets(size_t keys, base::HashKey secret)
    : secret_(secret),
      other_secret_{base::mix64(secret.low + 1), base::mix64(secret.high + 2)},
      sets_(std::bit_ceil(std::max(keys, kLeastKeys)) / kWays),
      lock_count_(std::min(sets_.size(), kMostLocks)),
      locks_(std::make_unique<Lock[]>(lock_count_)) {}

TokenBuckets::Name TokenBuckets::nameOf(std::string_view key) const {
  return {base::keyedHash(key, secret_) | 1, base::keyedHash(key, other_secret_)};
}

TokenBuckets::Found TokenBuckets::place(Set& set, const Name& name, Nanoseconds now) {
  Place* first = nullptr;  // to be full, or nobody's
  for (Place& place : set.places) {
    if (place.name == name) return {&place, false};
    if (first == nullptr || place.full_at < first->full_at) first = &place;
  }
  const bool displaced = first->full_at > now;
  if (displaced) set.debt = std::max(set.debt, first->full_at);
  *first = {name, set.debt};
  return {first, displaced};
}

TokenAnswer TokenBuckets::take(std::string_view key, const TokenRate& rate, Nanoseconds now) {
  const Name name = nameOf(key);
  const std::lock_guard lock(lockOf(name));
  const Found found = place(setOf(name), name, now);
  TokenAnswer answer = takeFrom(found.place->full_at, rate, now);
  answer.displaced = found.displaced;
  return answer;
}

void TokenBuckets::giveBack(std::string_view key, const TokenRate& rate) {
  const Name name = nameOf(key);
  const std::lock_guard lock(lockOf(name));
  Set& set = setOf(name);
  for (Place& place : set.places) {
    if (place.name != name) continue;
    place.full_at = std::max(place.full_at - rate.interval, set.debt);
    return;
  }
}

}  // namespace weir::extensions::http_filters
