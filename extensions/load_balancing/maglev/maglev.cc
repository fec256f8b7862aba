#include "extensions/load_balancing/maglev/maglev.h"

#include "source/base/hash.h"
#include "source/upstream/hash_policy.h"

namespace weir::extensions::load_balancing::maglev {

using upstream::Pick;

void Maglev::onGroup(const upstream::HostSet& hosts, const upstream::HostGroup& group,
                     const upstream::HostLoads& loads) {
  bound_.adopt(hosts, group, loads);
  group_ = &group;
  table_ = std::dynamic_pointer_cast<const MaglevTable>(group.table);
  // Prepared for what this cluster was configured with before.
  if (table_ == nullptr) {
    table_ = std::make_shared<const MaglevTable>(hosts, group, options_.table_size);
  }
}

uint32_t Maglev::ownerOf(const upstream::PickContext& context) const {
  // Whoever made the hash: its leading bits count, and few values may mean few bits.
  const uint64_t key = base::mix64(context.hash.value_or(0));
  const uint32_t entry = table_->entryOf(key);
  const uint32_t owner = table_->owner(entry);
  if (bound_.open(context)) return owner;
  const common::LoadBound::Room room(bound_, context);
  if (room(owner)) return owner;
  if (const uint32_t second = table_->secondOwner(entry); room(second)) return second;
  return another(key, room).value_or(owner);
}

std::optional<uint32_t> Maglev::another(uint64_t key, const common::LoadBound::Room& room) const {
  for (uint32_t i = 1; i <= kDraws; ++i) {
    const uint64_t next = base::mix64(key + i * 0x9e3779b97f4a7c15);
    const uint32_t host = table_->owner(table_->entryOf(next));
    if (room(host)) return host;
  }
  const size_t count = group_->hosts.size();
  for (size_t i = 0; i < count; ++i) {
    const uint32_t host = group_->hosts[(key + i) % count];
    if (room(host)) return host;
  }
  return std::nullopt;
}

std::optional<uint64_t> MaglevFactory::ownHash(const upstream::PickContext& context) const {
  return upstream::hashOfClient(context);
}

std::shared_ptr<const upstream::BalancerTable> MaglevFactory::prepareGroup(
    const upstream::HostSet& hosts, const upstream::HostGroup& group) const {
  return std::make_shared<const MaglevTable>(hosts, group, options_.table_size);
}

std::unique_ptr<upstream::Algorithm> MaglevFactory::createAlgorithm(
    const upstream::BalancerContext&) const {
  return std::make_unique<Maglev>(options_);
}

}  // namespace weir::extensions::load_balancing::maglev
