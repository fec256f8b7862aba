#include "extensions/http_filters/cache/eviction.h"

#include <algorithm>

namespace weir::extensions::http_filters::cache {

namespace {
uint32_t fingerprintOf(uint64_t hash) {
  return static_cast<uint32_t>(hash >> 32);
}
}  // namespace

void GhostList::add(uint64_t hash) {
  if (++sequence_ == 0) sequence_ = 1;
  slotOf(hash) = {fingerprintOf(hash), sequence_};
}

bool GhostList::take(uint64_t hash, uint32_t most) {
  Slot& slot = slotOf(hash);
  if (slot.sequence == 0 || slot.fingerprint != fingerprintOf(hash)) return false;
  const bool recent = sequence_ - slot.sequence < most;
  slot = {};
  return recent;
}

void EvictionQueue::add(Evictable& item) {
  // As many ghosts count as the main queue has members.
  const auto most = static_cast<uint32_t>(std::clamp<size_t>(main_count_, 64, GhostList::kSlots));
  if (ghosts_.take(item.hash_, most)) return pushMain(item);
  item.main_ = false;
  small_.pushBack(item);
  small_bytes_ += item.weight_;
  ++small_count_;
}

void EvictionQueue::pushMain(Evictable& item) {
  item.main_ = true;
  main_.pushBack(item);
  main_bytes_ += item.weight_;
  ++main_count_;
}

void EvictionQueue::popped(Evictable& item) {
  (item.main_ ? main_bytes_ : small_bytes_) -= item.weight_;
  --(item.main_ ? main_count_ : small_count_);
}

void EvictionQueue::remove(Evictable& item) {
  popped(item);
  item.unlink();
}

Evictable* EvictionQueue::next() {
  const bool small_is_full = small_bytes_ * 10 >= bytes();
  if (small_is_full || main_.empty()) {
    if (Evictable* const item = nextOfSmall()) return item;
  }
  if (Evictable* const item = nextOfMain()) return item;
  return nextOfSmall();
}

Evictable* EvictionQueue::nextOfSmall() {
  while (Evictable* const item = small_.popFront()) {
    popped(*item);
    if (item->uses_ > 1) {
      item->uses_ = 0;
      pushMain(*item);
      continue;
    }
    ghosts_.add(item->hash_);
    return item;
  }
  return nullptr;
}

// Each round takes a use away, so it ends.
Evictable* EvictionQueue::nextOfMain() {
  while (Evictable* const item = main_.popFront()) {
    popped(*item);
    if (item->uses_ == 0) return item;
    --item->uses_;
    pushMain(*item);
  }
  return nullptr;
}

}  // namespace weir::extensions::http_filters::cache
