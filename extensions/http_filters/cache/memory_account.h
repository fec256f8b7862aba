#pragma once

#include <atomic>
#include <cstdint>

namespace weir::extensions::http_filters::cache {

// Bytes that a store keeps alive: what it holds, what comes in, and what has been evicted but is
// still being sent. Never over its limit. Thread-safe.
class MemoryAccount {
 public:
  explicit MemoryAccount(uint64_t limit) : limit_(limit) {}

  // False: they do not fit; nothing has changed.
  bool reserve(uint64_t bytes) {
    uint64_t used = used_.load(std::memory_order_relaxed);
    do {
      if (bytes > limit() || used > limit() - bytes) return false;
    } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
    return true;
  }
  void giveBack(uint64_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
  uint64_t used() const { return used_.load(std::memory_order_relaxed); }
  uint64_t limit() const { return limit_.load(std::memory_order_relaxed); }
  // What is over a smaller one goes as it is evicted.
  void setLimit(uint64_t limit) { limit_.store(limit, std::memory_order_relaxed); }

 private:
  std::atomic<uint64_t> used_{0};
  std::atomic<uint64_t> limit_;
};

}  // namespace weir::extensions::http_filters::cache
