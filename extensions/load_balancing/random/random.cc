#include "extensions/load_balancing/random/random.h"

namespace weir::extensions::load_balancing::random {

void RandomChoice::onGroup(const upstream::HostSet& hosts, const upstream::HostGroup& group,
                           const upstream::HostLoads&) {
  hosts_ = &hosts;
  group_ = group.hosts;
  table_ = common::AliasTable::of(hosts, group);
}

upstream::Pick RandomChoice::pick(const upstream::PickContext& context) {
  if (group_.empty()) return upstream::Pick::failure("no_eligible_endpoint");
  uint32_t host = group_[table_->draw(random_.next())];
  if (context.tried.empty()) return upstream::Pick::endpoint(host);
  for (int i = 1; i < kDraws && isTried(context, host); ++i) {
    host = group_[table_->draw(random_.next())];
  }
  return isTried(context, host) ? scan(context) : upstream::Pick::endpoint(host);
}

// One of those that were not tried, by weight (Chao's reservoir sampling); when all were, any.
upstream::Pick RandomChoice::scan(const upstream::PickContext& context) {
  uint64_t sum = 0;
  uint32_t chosen = group_[table_->draw(random_.next())];
  for (const uint32_t host : group_) {
    if (isTried(context, host)) continue;
    const uint32_t weight = hosts_->hosts[host].endpoint->weight;
    sum += weight;
    if (random_.uniform(sum) < weight) chosen = host;
  }
  return upstream::Pick::endpoint(chosen);
}

}  // namespace weir::extensions::load_balancing::random
