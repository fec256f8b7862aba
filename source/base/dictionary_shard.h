#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/base/chunked_array.h"
#include "source/base/shared_dictionary.h"

namespace weir::base {

// Bytes that a dictionary may have and has. Thread-safe.
class ByteBudget {
 public:
  bool take(uint64_t bytes) {
    uint64_t used = used_.load(std::memory_order_relaxed);
    do {
      if (used + bytes > limit()) return false;
    } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    return true;
  }
  void give(uint64_t bytes) {
    if (bytes > 0) used_.fetch_sub(bytes, std::memory_order_relaxed);
  }
  uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  uint64_t limit() const { return limit_.load(std::memory_order_relaxed); }
  void setLimit(uint64_t bytes) { limit_.store(bytes, std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> limit_{0};
  std::atomic<uint64_t> used_{0};
};

// One shard of a SharedDictionary: its entries under a lock. The table of chains grows and shrinks
// by one chain at a time (linear hashing: Litwin, 1980), entries that end are in a heap, all are in
// a list by use. Thread-safe.
class alignas(64) DictionaryShard {
 public:
  using Result = SharedDictionary::Result;
  using Moment = int64_t;  // nanoseconds of the monotonic clock
  static constexpr Moment kNever = std::numeric_limits<Moment>::max();

  enum class Mode : uint8_t { kSet, kAdd, kReplace, kIncrement, kLifetime };
  // What is to be written, and what became of it.
  struct Write {
    std::string_view key;
    uint32_t hash;
    Mode mode;
    SharedDictionary::Value value = 0.0;  // for kIncrement, where there is none
    double by = 0;                        // for kIncrement
    bool creates = true;                  // where there is none
    Moment ends = kNever;
    Moment now;

    double number = 0;    // after kIncrement, what it is now
    uint64_t credit = 0;  // bytes that were taken from the budget for it and not used yet
    bool evicted = false;
  };

  DictionaryShard() = default;
  ~DictionaryShard();
  DictionaryShard(const DictionaryShard&) = delete;
  DictionaryShard& operator=(const DictionaryShard&) = delete;
  // First of all.
  void use(ByteBudget& budget) { budget_ = &budget; }

  bool get(std::string_view key, uint32_t hash, Moment now, SharedDictionary::Item& item);
  // Not 0: so many bytes are wanting, nothing was done.
  uint64_t write(Write& write, Result& result);
  Result remove(std::string_view key, uint32_t hash, Moment now);
  // When it ends; nullopt: there is none.
  std::optional<Moment> endOf(std::string_view key, uint32_t hash, Moment now);
  void keys(size_t limit, Moment now, std::vector<std::string>& to);
  void clear();

  // Frees about `wanted` bytes, in one go not too many entries: those that are over, then the
  // others. What was freed, which is not given back to the budget. 0: there is nothing.
  uint64_t evict(uint64_t wanted, Moment now, bool& evicted);
  // The same of what is over alone.
  uint64_t dropExpired(Moment now);
  // Of what it holds.
  uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }
  // The first of them, as it was lately.
  Moment nextEnd() const { return next_end_.load(std::memory_order_relaxed); }
  void countRefused();
  void addTo(SharedDictionary::Totals& totals) const;

  // What the largest tables need for one more entry.
  static uint64_t mostBytesFor(size_t key_bytes, size_t text_bytes);

 private:
  struct Entry;
  struct Ending {
    Moment when;
    Entry* entry;
  };
  // All that is in it.
  struct Contents {
    ChunkedArray<Entry*, 64> chains;
    ChunkedArray<Ending, 32> endings;  // a heap, four below each
    Entry* front = nullptr;            // used last
    Entry* back = nullptr;
    uint64_t items = 0;
  };

  Entry*& chainOf(uint32_t hash);
  Entry* find(std::string_view key, uint32_t hash, Moment now);
  uint64_t bytesFor(const Write& write, const Entry* entry) const;
  void store(const Write& write, Entry* entry);
  Entry* create(const Write& write);
  void put(Entry*& entry, const Write& write);
  void use(Entry& entry);
  void linkFront(Entry& entry);
  void unlink(Entry& entry);
  void splitChain();
  void mergeChain();
  void setEnd(Entry& entry, Moment ends);
  void place(size_t at, const Ending& ending);
  void sift(size_t at, const Ending& ending);
  void removeEnding(Entry& entry);
  void erase(Entry& entry);
  bool dropFirstEnding(Moment now);
  uint64_t settle();

  mutable std::mutex mutex_;  // guards all but the atomics
  Contents in_;
  uint32_t added_ = 0;  // entries so far, modulo 2^32
  uint64_t taken_ = 0;  // bytes that this operation has allocated, and freed
  uint64_t freed_ = 0;
  ByteBudget* budget_ = nullptr;
  uint64_t hits_ = 0;
  uint64_t misses_ = 0;
  uint64_t evicted_ = 0;
  uint64_t expired_ = 0;
  uint64_t refused_ = 0;
  std::atomic<uint64_t> bytes_{0};
  std::atomic<Moment> next_end_{kNever};
};

}  // namespace weir::base
