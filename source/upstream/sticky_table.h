#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "source/event/dispatcher.h"
#include "source/upstream/endpoint_usage.h"
#include "source/upstream/sticky_memory.h"

namespace weir::upstream {

// What a StickyTable may hold. Value.
struct StickyLimits {
  std::chrono::milliseconds ttl{3'600'000};  // since it was used last
  uint32_t max_entries = 1'000'000;
  uint64_t max_bytes = uint64_t{64} << 20;

  bool operator==(const StickyLimits&) const = default;
};

// Which endpoint clients belong to, by a key of theirs: bounded, in shards with a lock each. Keys
// are kept as 64-bit hashes with a seed of this table, so that an entry has the same size whatever
// the client sends.
//
// When a shard is full, what was used once since it came goes first (a segmented LRU: one fifth is
// for newcomers, who move over when they come a second time), so that a flood of clients that never
// come back does not wash out those that stay. A find takes one lock, allocates nothing, and moves
// its entry only when it has not done so for a 64th of the ttl. Times are rounded to 128 ms.
// Thread-safe.
class StickyTable final : public StickyMemory {
 public:
  // Bytes of an entry, with its part of the hash table at the worst.
  static constexpr uint64_t kBytesPerEntry = 40;

  StickyTable(const StickyLimits& limits, uint64_t seed, event::MonotonicTime now);
  ~StickyTable() override;
  StickyTable(const StickyTable&) = delete;
  StickyTable& operator=(const StickyTable&) = delete;

  // Never 0.
  uint64_t keyOf(std::string_view text) const;
  // Of numbers that were hashed before (an address); never 0.
  uint64_t keyOf(uint64_t hash) const;
  // What is there beyond smaller ones goes as others come.
  void setLimits(const StickyLimits& limits);

  struct Found {
    uint64_t uid = 0;  // 0: not bound
    // Was not confirmed for the time asked for, and counts as confirmed now: one caller is told.
    bool due = false;
  };
  // Its ttl begins anew.
  Found find(uint64_t key, event::MonotonicTime now,
             std::optional<std::chrono::milliseconds> confirm_after = std::nullopt);
  // The same without touching it; 0: not bound.
  uint64_t look(uint64_t key, event::MonotonicTime now) const;
  // Binds it, if it is bound to `expected` (0: to nobody) or to `uid`. Whom it is bound to then.
  // 0 when the limits leave no room at all. `usage`: of the endpoint, may be null.
  uint64_t bind(uint64_t key, uint64_t uid, const std::shared_ptr<EndpointUsage>& usage,
                uint64_t expected, event::MonotonicTime now);
  // Binds it in any case. False: it was bound to another one, or to nobody.
  bool put(uint64_t key, uint64_t uid, const std::shared_ptr<EndpointUsage>& usage,
           event::MonotonicTime now);
  void forget(uint64_t key);
  // It is due at the next find.
  void unconfirm(uint64_t key);

  void expire(event::MonotonicTime now) override;
  Totals totals() const override;

 private:
  using Tick = uint32_t;
  class Shard;

  Tick tickOf(event::MonotonicTime now) const;
  Shard& shardOf(uint64_t key) const;

  const uint64_t seed_;
  const event::MonotonicTime began_;
  std::atomic<Tick> ttl_{0};
  size_t shard_count_;  // a power of two
  std::unique_ptr<Shard[]> shards_;
};

}  // namespace weir::upstream
