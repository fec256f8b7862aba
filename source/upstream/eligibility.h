#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "source/upstream/endpoint.h"

namespace weir::upstream {

class LoadBalancerFactory;

// How picks are shared out among localities of one priority.
enum class LocalityMode : uint8_t {
  kNone,      // locality does not matter
  kWeighted,  // by EligibilityPolicy::locality_weights, less what is not healthy
  kPreferOwn  // this node's own locality as far as it has the capacity, the rest by capacity
};

// What a cluster's operator has said about which endpoints are picked. Immutable.
struct EligibilityPolicy {
  // An endpoint in a hundred that is down is made up for by the others until the healthy ones are
  // fewer than 100 / overprovisioning of all: then the next priority gets its part.
  uint32_t overprovisioning_percent = 140;
  // Below so many in a hundred healthy ones, all are used, whatever their health; 0: never.
  uint32_t panic_percent = 50;
  LocalityMode locality_mode = LocalityMode::kNone;
  std::map<std::string, uint32_t, std::less<>> locality_weights = {};  // those not named have 1
  std::string own_locality = {};
  // kPreferOwn with fewer endpoints than this is kNone.
  uint32_t prefer_own_from = 6;
  // An endpoint of which nothing is known yet is not picked, in panic neither.
  bool unknown_waits = false;

  bool operator==(const EligibilityPolicy&) const = default;
};

// Pure: which endpoints may be picked, in which groups and shares. Endpoints that are draining,
// disabled or of weight 0 never are; unhealthy ones are in panic; degraded ones when the healthy
// ones of all priorities are not enough. Fills in Host::uid.
std::shared_ptr<HostSet> eligible(uint64_t version, std::vector<HostSet::Host> hosts,
                                  const EligibilityPolicy& policy = {});

// Whether both have the same endpoints in the same state, and let pick them in the same way;
// whatever their versions are, and what was prepared for balancers.
bool sameChoice(const HostSet& a, const HostSet& b);

// The same, with what `balancer` prepares for its workers.
std::shared_ptr<const HostSet> makeHostSet(uint64_t version, std::vector<HostSet::Host> hosts,
                                           const EligibilityPolicy& policy,
                                           const LoadBalancerFactory& balancer);

}  // namespace weir::upstream
