#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "source/network/address.h"

namespace weir::upstream {

// One endpoint as membership knows it. Immutable; shared by snapshots and workers.
struct Endpoint {
  std::string id;  // unique in the cluster; the address by default
  network::Address address;
  uint32_t weight = 1;    // 1 … 65535
  uint32_t priority = 0;  // 0 is the highest
  std::string locality;   // free text: region/zone
  std::map<std::string, std::string> metadata;
  uint32_t max_connections = 0;  // 0: no limit of its own
};

enum class Health : uint8_t { kUnknown, kHealthy, kDegraded, kUnhealthy, kDraining, kDisabled };

// The endpoints of a cluster and which of them may be picked, as one state. Immutable, versioned:
// the product of eligible(membership, health, policy).
struct HostSet {
  uint64_t version = 0;
  struct Host {
    std::shared_ptr<const Endpoint> endpoint;
    Health health = Health::kHealthy;
  };
  std::vector<Host> hosts;
  std::vector<uint32_t> eligible;  // indices into hosts, ascending
};

// Pure: what may be picked. Endpoints that are unhealthy, draining or disabled may not; weight 0
// may not. (Panic threshold, priorities and localities join here with their issues.)
std::shared_ptr<const HostSet> eligible(uint64_t version, std::vector<HostSet::Host> hosts);

}  // namespace weir::upstream
