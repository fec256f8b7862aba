#include "extensions/load_balancing/source_ip_hash/source_ip_hash.h"

#include <algorithm>

#include "source/base/hash.h"
#include "source/upstream/hash_policy.h"

namespace weir::extensions::load_balancing::source_ip_hash {

void SourceIpHash::onGroup(const upstream::HostSet& hosts, const upstream::HostGroup& group,
                           const upstream::HostLoads&) {
  hosts_.clear();
  ends_.clear();
  uint64_t end = 0;
  for (uint32_t host : group.hosts) {
    end += hosts.hosts[host].endpoint->weight;
    hosts_.push_back(host);
    ends_.push_back(end);
  }
}

size_t SourceIpHash::at(uint64_t hash) const {
  const uint64_t point = hash % ends_.back();
  return static_cast<size_t>(std::upper_bound(ends_.begin(), ends_.end(), point) - ends_.begin());
}

upstream::Pick SourceIpHash::pick(const upstream::PickContext& context) {
  if (hosts_.empty()) return upstream::Pick::failure("no_eligible_endpoint");
  uint64_t hash = context.hash.value_or(0);
  const size_t first = at(hash);
  size_t chosen = first;
  for (int i = 0; i < kDraws && isTried(context, hosts_[chosen]); ++i) {
    // Of zero it would be zero for ever.
    hash = base::mix64(hash + 0x9e3779b97f4a7c15);
    chosen = at(hash);
  }
  for (size_t i = 0; i < hosts_.size() && isTried(context, hosts_[chosen]); ++i) {
    chosen = (first + i) % hosts_.size();
  }
  // All have been tried: better its own again than none.
  if (isTried(context, hosts_[chosen])) chosen = first;
  return upstream::Pick::endpoint(hosts_[chosen]);
}

void SourceIpHash::forecast(const upstream::PickContext& context,
                            upstream::PickForecast& out) const {
  out.rule = "by the hash, in proportion to weights";
  if (!hosts_.empty()) out.host = hosts_[at(context.hash.value_or(0))];
}

std::optional<uint64_t> SourceIpHashFactory::ownHash(const upstream::PickContext& context) const {
  return upstream::hashOf(context.source == nullptr ? network::Address() : *context.source,
                          options_.ipv4_bits, options_.ipv6_bits);
}

}  // namespace weir::extensions::load_balancing::source_ip_hash
