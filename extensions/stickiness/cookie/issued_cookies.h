#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>

#include "absl/container/flat_hash_map.h"

#include "source/event/dispatcher.h"
#include "source/upstream/endpoint_usage.h"
#include "source/upstream/sticky_memory.h"

namespace weir::extensions::stickiness::cookie {

// How many cookies are out there that were issued here and have not expired, by endpoint: an
// estimate of the clients that belong to it. It is too high by those who have thrown theirs away,
// and knows nothing of what other nodes have issued. Touched when a cookie is issued. Thread-safe.
class IssuedCookies final : public upstream::StickyMemory {
 public:
  // Cookies are good for at most `lifetime`.
  IssuedCookies(std::chrono::seconds lifetime, event::MonotonicTime now);
  ~IssuedCookies() override;

  void issued(uint64_t uid, const std::shared_ptr<upstream::EndpointUsage>& usage,
              std::chrono::seconds lifetime, event::MonotonicTime now);
  // One that was to expire in `left` was replaced.
  void replaced(uint64_t uid, std::chrono::seconds left, event::MonotonicTime now);

  void expire(event::MonotonicTime now) override;
  Totals totals() const override;

 private:
  static constexpr uint64_t kSlots = 34;  // a lifetime, with the ends of it
  // Cookies by when they expire.
  struct Endpoint {
    std::shared_ptr<upstream::EndpointUsage> usage;
    std::array<uint32_t, kSlots> slots = {};
    uint64_t count = 0;
  };

  uint64_t slotOf(event::MonotonicTime time) const;
  void advance(event::MonotonicTime now);

  const event::MonotonicTime began_;
  const std::chrono::seconds slot_;
  mutable std::mutex mutex_;                           // guards the rest
  uint64_t current_ = 0;                               // slot of what expires now
  absl::flat_hash_map<uint64_t, Endpoint> endpoints_;  // by uid
  uint64_t expired_ = 0;
};

}  // namespace weir::extensions::stickiness::cookie
