#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "source/base/intrusive_list.h"

namespace weir::extensions::http_filters::cache {

// What is asked for again soon after it was evicted: fingerprints of the last ones, in a table of
// fixed size. Of two in one place the later stays. Worker-confined, or under a lock.
class GhostList {
 public:
  static constexpr size_t kSlots = 4096;  // 8 bytes each

  GhostList() : slots_(kSlots) {}
  // `most`: how many count.
  void add(uint64_t hash);
  // Whether it was among the last `most`; forgets it.
  bool take(uint64_t hash, uint32_t most);

 private:
  struct Slot {
    uint32_t fingerprint = 0;
    uint32_t sequence = 0;  // 0: empty
  };
  Slot& slotOf(uint64_t hash) { return slots_[hash % kSlots]; }

  std::vector<Slot> slots_;
  uint32_t sequence_ = 0;
};

// Something that is evicted as a whole. Worker-confined, or under a lock.
class Evictable : public base::ListNode<> {
 public:
  // Somebody has used it.
  void touch() {
    if (uses_ < kMostUses) ++uses_;
  }
  uint64_t hash() const { return hash_; }
  uint64_t weight() const { return weight_; }

 protected:
  Evictable(uint64_t hash, uint64_t weight) : hash_(hash), weight_(weight) {}
  ~Evictable() = default;

 private:
  friend class EvictionQueue;
  static constexpr uint8_t kMostUses = 3;

  const uint64_t hash_;
  const uint64_t weight_;  // bytes
  uint8_t uses_ = 0;
  bool main_ = false;
};

// What goes first: S3-FIFO (Yang, Zhang, Qiu, Yue, Rashmi: "FIFO queues are all you need for cache
// eviction", SOSP 2023). Newcomers stand in a small queue, a tenth of the bytes; only what is used
// there more than once, or comes back soon after it fell out, gets into the main queue, where uses
// give further rounds. So a flood of what is asked for once passes through the tenth and leaves the
// rest alone. Worker-confined, or under a lock.
class EvictionQueue {
 public:
  void add(Evictable& item);
  // Taken out, for another reason than next().
  void remove(Evictable& item);
  // Whom to evict, taken out already; null: there is nobody.
  Evictable* next();

  uint64_t bytes() const { return small_bytes_ + main_bytes_; }
  size_t count() const { return small_count_ + main_count_; }

 private:
  void pushMain(Evictable& item);
  void popped(Evictable& item);
  Evictable* nextOfSmall();
  Evictable* nextOfMain();

  base::IntrusiveList<Evictable> small_;  // the oldest in front
  base::IntrusiveList<Evictable> main_;
  uint64_t small_bytes_ = 0;
  uint64_t main_bytes_ = 0;
  size_t small_count_ = 0;
  size_t main_count_ = 0;
  GhostList ghosts_;
};

}  // namespace weir::extensions::http_filters::cache
