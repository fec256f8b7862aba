#include "extensions/load_balancing/common/alias_table.h"

#include <algorithm>
#include <functional>
#include <limits>

namespace weir::extensions::load_balancing::common {

AliasTable::AliasTable(const upstream::HostSet& hosts, const upstream::HostGroup& group)
    : count_(group.hosts.size()) {
  std::vector<uint64_t> weights;
  weights.reserve(count_);
  uint64_t sum = 0;
  for (const uint32_t host : group.hosts) {
    weights.push_back(hosts.hosts[host].endpoint->weight);
    sum += weights.back();
  }
  const bool equal =
      std::adjacent_find(weights.begin(), weights.end(), std::not_equal_to<>()) == weights.end();
  if (!equal) fill(weights, sum);
}

std::shared_ptr<const AliasTable> AliasTable::of(const upstream::HostSet& hosts,
                                                 const upstream::HostGroup& group) {
  auto prepared = std::dynamic_pointer_cast<const AliasTable>(group.table);
  return prepared ? prepared : std::make_shared<const AliasTable>(hosts, group);
}

// A slot has room for `sum`; a host brings count * weight. Those with less than a slot are filled
// up by those with more.
void AliasTable::fill(const std::vector<uint64_t>& weights, uint64_t sum) {
  slots_.resize(count_);
  std::vector<uint64_t> left(count_);
  std::vector<uint32_t> poor;
  std::vector<uint32_t> rich;
  for (uint32_t i = 0; i < count_; ++i) {
    left[i] = weights[i] * count_;
    slots_[i] = {std::numeric_limits<uint32_t>::max(), i};
    (left[i] < sum ? poor : rich).push_back(i);
  }
  while (!poor.empty() && !rich.empty()) {
    const uint32_t from = rich.back();
    const uint32_t to = poor.back();
    poor.pop_back();
    const auto own = static_cast<uint64_t>((static_cast<unsigned __int128>(left[to]) << 32) / sum);
    slots_[to] = {static_cast<uint32_t>(own), from};
    left[from] -= sum - left[to];
    if (left[from] >= sum) continue;
    rich.pop_back();
    poor.push_back(from);
  }
}

}  // namespace weir::extensions::load_balancing::common
