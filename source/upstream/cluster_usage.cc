#include <algorithm>
#include <utility>

#include "source/upstream/cluster.h"

namespace weir::upstream {

bool ClusterUsage::tryAdd(Count& count, uint32_t limit) {
  uint32_t current = count.load(std::memory_order_relaxed);
  while (current < limit) {
    if (count.compare_exchange_weak(current, current + 1, std::memory_order_relaxed)) return true;
  }
  return false;
}

std::shared_ptr<ClusterUsage::Count> ClusterUsage::endpointConnections(const std::string& id) {
  const std::lock_guard lock(mutex_);
  std::weak_ptr<Count>& slot = endpoints_[id];
  std::shared_ptr<Count> count = slot.lock();
  if (count == nullptr) {
    count = std::make_shared<Count>(0);
    slot = count;
    absl::erase_if(endpoints_, [](const auto& entry) { return entry.second.expired(); });
  }
  return count;
}

void ClusterUsage::join(std::shared_ptr<Member> member) {
  const std::lock_guard lock(mutex_);
  members_.push_back(std::move(member));
}

void ClusterUsage::leave(const Member& member) {
  const std::lock_guard lock(mutex_);
  std::erase_if(members_, [&](const auto& other) { return other.get() == &member; });
}

void ClusterUsage::askForRoom(const Member& asking) {
  const std::lock_guard lock(mutex_);
  for (const std::shared_ptr<Member>& member : members_) {
    if (member.get() == &asking || member->asked.exchange(true)) continue;
    member->dispatcher.post([member] {
      member->asked = false;
      if (member->cluster != nullptr) member->cluster->closeOneIdle();
    });
  }
}

}  // namespace weir::upstream
