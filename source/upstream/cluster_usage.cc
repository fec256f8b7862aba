#include <algorithm>
#include <utility>

#include "source/upstream/cluster.h"

namespace weir::upstream {

uint32_t ClusterUsage::addUpTo(Count& count, uint32_t most, uint32_t limit) {
  uint32_t current = count.load(std::memory_order_relaxed);
  while (current < limit) {
    const uint32_t add = std::min(most, limit - current);
    if (count.compare_exchange_weak(current, current + add, std::memory_order_relaxed)) return add;
  }
  return 0;
}

std::shared_ptr<EndpointUsage> ClusterUsage::endpoint(const std::string& id) {
  const std::lock_guard lock(mutex_);
  std::weak_ptr<EndpointUsage>& slot = endpoints_[id];
  std::shared_ptr<EndpointUsage> usage = slot.lock();
  if (usage == nullptr) {
    usage = std::make_shared<EndpointUsage>();
    slot = usage;
    if (endpoints_.size() >= forget_at_) forgetUnused();
  }
  return usage;
}

std::shared_ptr<EndpointUsage> ClusterUsage::findEndpoint(std::string_view id) const {
  const std::lock_guard lock(mutex_);
  const auto found = endpoints_.find(id);
  return found == endpoints_.end() ? nullptr : found->second.lock();
}

size_t ClusterUsage::knownEndpoints() const {
  const std::lock_guard lock(mutex_);
  return endpoints_.size();
}

// Seldom enough that it costs each new endpoint the same, however many there are.
void ClusterUsage::forgetUnused() {
  absl::erase_if(endpoints_, [](const auto& entry) { return entry.second.expired(); });
  forget_at_ = std::max<size_t>(64, 2 * endpoints_.size());
}

std::weak_ptr<StickyMemory>& ClusterUsage::stickyMemoryOf(std::string_view identity) {
  std::erase_if(sticky_, [](const auto& entry) { return entry.second.expired(); });
  for (auto& [known, memory] : sticky_) {
    if (known == identity) return memory;
  }
  return sticky_.emplace_back(identity, std::weak_ptr<StickyMemory>()).second;
}

StickyMemory::Totals ClusterUsage::stickyTotals(event::MonotonicTime now) const {
  std::vector<std::shared_ptr<StickyMemory>> memories;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [identity, memory] : sticky_) {
      if (auto held = memory.lock()) memories.push_back(std::move(held));
    }
  }
  StickyMemory::Totals sum;
  for (const std::shared_ptr<StickyMemory>& memory : memories) {
    memory->expire(now);
    const StickyMemory::Totals totals = memory->totals();
    sum.entries += totals.entries;
    sum.bytes += totals.bytes;
    sum.evicted += totals.evicted;
    sum.expired += totals.expired;
  }
  return sum;
}

void ClusterUsage::join(std::shared_ptr<Member> member) {
  const std::lock_guard lock(mutex_);
  members_.push_back(std::move(member));
}

void ClusterUsage::leave(const Member& member) {
  const std::lock_guard lock(mutex_);
  std::erase_if(members_, [&](const auto& other) { return other.get() == &member; });
}

void ClusterUsage::askForRoom(const Member& asking, bool starving) {
  const std::lock_guard lock(mutex_);
  for (const std::shared_ptr<Member>& member : members_) {
    if (member.get() == &asking) continue;
    if (starving) member->starving = true;
    if (member->asked.exchange(true)) continue;
    member->dispatcher.post([member] {
      member->asked = false;
      const bool others_starve = member->starving.exchange(false);
      if (member->cluster != nullptr) member->cluster->onAskedForRoom(others_starve);
    });
  }
}

void ClusterUsage::startWaiting(Member& member) {
  if (!member.waiting.exchange(true)) waiting_.fetch_add(1, std::memory_order_relaxed);
}

void ClusterUsage::endWaiting(Member& member) {
  if (member.waiting.exchange(false)) waiting_.fetch_sub(1, std::memory_order_relaxed);
}

void ClusterUsage::roomMade(const Member& from) {
  const std::lock_guard lock(mutex_);
  for (size_t left = members_.size(); left > 0; --left) {
    if (++next_told_ >= members_.size()) next_told_ = 0;
    const std::shared_ptr<Member>& member = members_[next_told_];
    if (!member->waiting) continue;
    if (member.get() == &from) {
      if (from.cluster != nullptr) from.cluster->queue().roomMade();
    } else if (!member->told.exchange(true)) {
      member->dispatcher.post([member] {
        member->told = false;
        if (member->cluster != nullptr) member->cluster->queue().roomMade();
      });
    }
    return;
  }
}

ClusterUsage::Active ClusterUsage::active() {
  const std::lock_guard lock(mutex_);
  Active active;
  for (const std::shared_ptr<Member>& member : members_) {
    active.requests += member->requests.value();
    active.connections += member->connections.value();
  }
  return active;
}

bool RequestQuota::takeLot(uint32_t limit) {
  lot_ = std::clamp<uint32_t>(limit / 256, 1, 64);
  held_ += ClusterUsage::addUpTo(usage_->requests, lot_, limit);
  return used_ < held_;
}

void RequestQuota::giveBack(uint32_t count) {
  usage_->requests.fetch_sub(count, std::memory_order_relaxed);
  held_ -= count;
}

void RequestQuota::moveTo(std::shared_ptr<ClusterUsage> usage) {
  usage->requests.fetch_add(held_, std::memory_order_relaxed);
  usage_->requests.fetch_sub(held_, std::memory_order_relaxed);
  usage_ = std::move(usage);
}

}  // namespace weir::upstream
