#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <utility>

#include "absl/container/flat_hash_map.h"

namespace weir::extensions::http_filters {

// A value that is replaced while workers use it: a list read from a file, keys that were fetched.
// Thread-safe.
template <class T>
class SharedSlot {
 public:
  void set(std::shared_ptr<const T> value) {
    const std::lock_guard lock(mutex_);
    value_ = std::move(value);
    version_.fetch_add(1, std::memory_order_release);
  }
  // Null: none was set.
  std::shared_ptr<const T> get() const {
    const std::lock_guard lock(mutex_);
    return value_;
  }
  // Another one after each set().
  uint64_t version() const { return version_.load(std::memory_order_acquire); }

 private:
  mutable std::mutex mutex_;  // guards value_
  std::shared_ptr<const T> value_;
  std::atomic<uint64_t> version_{0};
};

// What one worker has seen of slots: looking again costs no lock and no shared counter as long as
// nothing changed. The slots outlive it. Worker-confined.
template <class T>
class SlotReader {
 public:
  // Null: none was set. Stays while the caller's event lasts.
  const T* read(const SharedSlot<T>& slot) {
    Seen& seen = seen_[&slot];
    const uint64_t version = slot.version();
    if (seen.version != version) {
      seen.value = slot.get();
      seen.version = version;
    }
    return seen.value.get();
  }
  // The same to keep.
  const std::shared_ptr<const T>& share(const SharedSlot<T>& slot) {
    read(slot);
    return seen_[&slot].value;
  }

 private:
  struct Seen {
    uint64_t version = 0;
    std::shared_ptr<const T> value = {};
  };
  absl::flat_hash_map<const SharedSlot<T>*, Seen> seen_;
};

}  // namespace weir::extensions::http_filters
