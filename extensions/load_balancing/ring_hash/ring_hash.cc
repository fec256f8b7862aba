#include "extensions/load_balancing/ring_hash/ring_hash.h"

#include "source/upstream/hash_policy.h"

namespace weir::extensions::load_balancing::ring_hash {

using upstream::Pick;

void RingHash::onGroup(const upstream::HostSet& hosts, const upstream::HostGroup& group,
                       const upstream::HostLoads& loads) {
  bound_.adopt(hosts, group, loads);
  ring_ = std::dynamic_pointer_cast<const RingTable>(group.table);
  // Prepared for what this cluster was configured with before.
  if (ring_ == nullptr) ring_ = std::make_shared<const RingTable>(hosts, group, options_);
}

uint32_t RingHash::ownerOf(const upstream::PickContext& context) const {
  const uint64_t key = context.hash.value_or(0);
  if (!bound_.open(context)) {
    const common::LoadBound::Room room(bound_, context);
    if (const auto host = ring_->ownerAmong(key, room)) return *host;
  }
  return ring_->owner(key);
}

std::optional<uint64_t> RingHashFactory::ownHash(const upstream::PickContext& context) const {
  return upstream::hashOfClient(context);
}

std::shared_ptr<const upstream::BalancerTable> RingHashFactory::prepareGroup(
    const upstream::HostSet& hosts, const upstream::HostGroup& group) const {
  return std::make_shared<const RingTable>(hosts, group, options_);
}

std::unique_ptr<upstream::Algorithm> RingHashFactory::createAlgorithm(
    const upstream::BalancerContext&) const {
  return std::make_unique<RingHash>(options_, bounded_load_percent_);
}

}  // namespace weir::extensions::load_balancing::ring_hash
