#include "source/upstream/endpoint.h"

#include <utility>

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

}  // namespace

std::shared_ptr<const HostSet> eligible(uint64_t version, std::vector<HostSet::Host> hosts) {
  auto set = std::make_shared<HostSet>();
  set->version = version;
  for (uint32_t i = 0; i < hosts.size(); ++i) {
    if (mayBePicked(hosts[i])) set->eligible.push_back(i);
  }
  set->hosts = std::move(hosts);
  return set;
}

}  // namespace weir::upstream
