#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string_view>
#include <vector>

#include "source/base/keyed_hash.h"

namespace weir::extensions::http_filters {

// Nanoseconds of the monotonic clock, or between two points of it.
using Nanoseconds = int64_t;

// A token bucket: `burst` tokens at most, one more each `interval`. In any span of time no more
// pass than burst + span / interval. Value.
struct TokenRate {
  Nanoseconds interval = 1;
  uint32_t burst = 1;
  // How far a bucket may be behind that still has a token.
  Nanoseconds tolerance() const { return interval * (Nanoseconds{burst} - 1); }
};

// What asking a bucket came to. Value.
struct TokenAnswer {
  bool taken = false;
  uint32_t left = 0;           // tokens, afterwards
  Nanoseconds until_next = 0;  // until there is a token; 0: there is
  Nanoseconds until_full = 0;
  bool displaced = false;  // somebody else's bucket had to go for this one
};

// One bucket in one word: the time at which it will be full again (the generic cell rate algorithm,
// ITU-T I.371). A new one is full. Thread-safe, without locks.
class TokenBucket {
 public:
  TokenAnswer take(const TokenRate& rate, Nanoseconds now);
  // A token that was taken was not needed.
  void giveBack(const TokenRate& rate);

 private:
  std::atomic<Nanoseconds> full_at_{0};
};

// Buckets by key in a table of fixed size, exact over all threads: however many keys there are, and
// whatever they do, none of them gets more than its rate.
//
// A key is known by 128 bits of hash with a secret of this table. It has its place in one set of
// kWays. A bucket that is full says nothing, so its place is free. When a set has no free place,
// the bucket that will be full first goes, and what it lacked is kept as the set's debt: whoever is
// new in the set, and the one that had to go when it comes back, begins with no more than that one
// had. (The argument is that of Space-Saving: Metwally, Agrawal, El Abbadi, ICDT 2005. The debt is
// never less than what any bucket of the set had that went.) So a flood of keys may cost others
// some of their burst, which is counted, but makes nobody's bucket full. Thread-safe: a short lock
// for each of up to 256 parts of the table.
class TokenBuckets {
 public:
  static constexpr size_t kWays = 8;

  // `keys`: how many it keeps, rounded up to a power of two; at least 64.
  TokenBuckets(size_t keys, base::HashKey secret);
  TokenBuckets(const TokenBuckets&) = delete;
  TokenBuckets& operator=(const TokenBuckets&) = delete;

  // `now` may be a little older than that of other threads.
  TokenAnswer take(std::string_view key, const TokenRate& rate, Nanoseconds now);
  // A token that was taken was not needed. Nothing when the key has gone.
  void giveBack(std::string_view key, const TokenRate& rate);
  size_t capacity() const { return sets_.size() * kWays; }

 private:
  struct Name {
    uint64_t low = 0;  // 0: nobody
    uint64_t high = 0;
    bool operator==(const Name&) const = default;
  };
  struct Place {
    Name name;
    Nanoseconds full_at = 0;
  };
  struct Set {
    std::array<Place, kWays> places;
    Nanoseconds debt = 0;  // the latest time at which a bucket that had to go would have been full
  };
  struct alignas(64) Lock {
    std::mutex mutex;
  };
  struct Found {
    Place* place;
    bool displaced;
  };

  Name nameOf(std::string_view key) const;
  Set& setOf(const Name& name) { return sets_[name.high & (sets_.size() - 1)]; }
  std::mutex& lockOf(const Name& name) {
    return locks_[name.high & (sets_.size() - 1) & (lock_count_ - 1)].mutex;
  }
  static Found place(Set& set, const Name& name, Nanoseconds now);

  const base::HashKey secret_;
  const base::HashKey other_secret_;
  std::vector<Set> sets_;
  size_t lock_count_;
  std::unique_ptr<Lock[]> locks_;
};

}  // namespace weir::extensions::http_filters
