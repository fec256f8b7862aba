#include "source/upstream/eligibility.h"

#include <utility>

#include "absl/container/flat_hash_set.h"

#include "source/base/hash.h"
#include "source/upstream/load_balancer.h"

namespace weir::upstream {

namespace {

bool mayBePicked(const HostSet::Host& host) {
  if (host.endpoint->weight == 0) return false;
  switch (host.health) {
    case Health::kUnknown:
    case Health::kHealthy:
    case Health::kDegraded:
      return true;
    case Health::kUnhealthy:
    case Health::kDraining:
    case Health::kDisabled:
      return false;
  }
  return false;
}

void setUids(std::vector<HostSet::Host>& hosts) {
  absl::flat_hash_set<uint64_t> used;
  used.reserve(hosts.size());
  for (HostSet::Host& host : hosts) {
    host.uid = base::hash64(host.endpoint->id) ^
               base::mix64(base::hash64(host.endpoint->address.toString()));
    while (!used.insert(host.uid).second) ++host.uid;
  }
}

}  // namespace

std::shared_ptr<HostSet> eligible(uint64_t version, std::vector<HostSet::Host> hosts,
                                  const EligibilityPolicy&) {
  auto set = std::make_shared<HostSet>();
  set->version = version;
  setUids(hosts);
  set->group_of.assign(hosts.size(), HostSet::kNoGroup);
  for (uint32_t i = 0; i < hosts.size(); ++i) {
    if (mayBePicked(hosts[i])) set->eligible.push_back(i);
  }
  set->hosts = std::move(hosts);
  if (!set->eligible.empty()) {
    set->groups.push_back({.share = HostSet::kWhole, .hosts = set->eligible});
    for (const uint32_t host : set->eligible) set->group_of[host] = 0;
  }
  return set;
}

std::shared_ptr<const HostSet> makeHostSet(uint64_t version, std::vector<HostSet::Host> hosts,
                                           const EligibilityPolicy& policy,
                                           const LoadBalancerFactory& balancer) {
  std::shared_ptr<HostSet> set = eligible(version, std::move(hosts), policy);
  balancer.prepare(*set);
  return set;
}

}  // namespace weir::upstream
