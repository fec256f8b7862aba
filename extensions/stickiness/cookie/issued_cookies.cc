#include "extensions/stickiness/cookie/issued_cookies.h"

#include <algorithm>

namespace weir::extensions::stickiness::cookie {

using std::chrono::seconds;

IssuedCookies::IssuedCookies(seconds lifetime, event::MonotonicTime now)
    : began_(now), slot_(std::max<int64_t>(lifetime.count() / (kSlots - 2), 1)) {}

IssuedCookies::~IssuedCookies() {
  for (const auto& [uid, endpoint] : endpoints_) {
    endpoint.usage->pinned.fetch_sub(static_cast<uint32_t>(endpoint.count),
                                     std::memory_order_relaxed);
  }
}

uint64_t IssuedCookies::slotOf(event::MonotonicTime time) const {
  return static_cast<uint64_t>(std::max(time - began_, event::MonotonicTime::duration(0)) / slot_);
}

void IssuedCookies::issued(uint64_t uid, const std::shared_ptr<upstream::EndpointUsage>& usage,
                           seconds lifetime, event::MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  advance(now);
  const uint64_t slot = std::clamp(slotOf(now + lifetime), current_, current_ + kSlots - 1);
  Endpoint& endpoint = endpoints_[uid];
  if (endpoint.usage == nullptr) endpoint.usage = usage;
  ++endpoint.slots[slot % kSlots];
  ++endpoint.count;
  endpoint.usage->pinned.fetch_add(1, std::memory_order_relaxed);
}

void IssuedCookies::replaced(uint64_t uid, seconds left, event::MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  advance(now);
  const auto found = endpoints_.find(uid);
  const uint64_t slot = slotOf(now + left);
  if (found == endpoints_.end() || slot < current_ || slot >= current_ + kSlots) return;
  Endpoint& endpoint = found->second;
  // Another node's, perhaps.
  if (endpoint.slots[slot % kSlots] == 0) return;
  --endpoint.slots[slot % kSlots];
  --endpoint.count;
  endpoint.usage->pinned.fetch_sub(1, std::memory_order_relaxed);
}

void IssuedCookies::advance(event::MonotonicTime now) {
  const uint64_t target = slotOf(now);
  if (target <= current_) return;
  for (uint64_t passed = 0; current_ < target && passed < kSlots; ++current_, ++passed) {
    for (auto& [uid, endpoint] : endpoints_) {
      uint32_t& over = endpoint.slots[current_ % kSlots];
      endpoint.count -= over;
      endpoint.usage->pinned.fetch_sub(over, std::memory_order_relaxed);
      expired_ += over;
      over = 0;
    }
  }
  current_ = target;
  absl::erase_if(endpoints_, [](const auto& entry) { return entry.second.count == 0; });
}

void IssuedCookies::expire(event::MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  advance(now);
}

upstream::StickyMemory::Totals IssuedCookies::totals() const {
  const std::lock_guard lock(mutex_);
  Totals totals;
  for (const auto& [uid, endpoint] : endpoints_) totals.entries += endpoint.count;
  totals.bytes = endpoints_.capacity() * sizeof(*endpoints_.begin());
  totals.expired = expired_;
  return totals;
}

}  // namespace weir::extensions::stickiness::cookie
