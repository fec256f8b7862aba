#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/upstream/eligibility.h"
#include "source/upstream/grouped_balancer.h"

namespace weir::upstream {

// Endpoints "e0", "e1", … with these weights, all healthy.
inline std::shared_ptr<const HostSet> hostsOf(const std::vector<uint32_t>& weights) {
  std::vector<HostSet::Host> hosts;
  for (uint32_t weight : weights) {
    auto endpoint = std::make_shared<Endpoint>();
    endpoint->id = "e" + std::to_string(hosts.size());
    endpoint->weight = weight;
    hosts.push_back({std::move(endpoint), Health::kHealthy});
  }
  return eligible(1, std::move(hosts));
}

// In-flight counts that a test sets.
class FakeLoads final : public HostLoads {
 public:
  explicit FakeLoads(size_t hosts) : counts(hosts) {}
  uint32_t inFlight(uint32_t host) const override { return counts[host]; }
  std::vector<uint32_t> counts;
};

// Gives an algorithm the first group of `hosts`, or an empty one.
inline void adopt(Algorithm& algorithm, const HostSet& hosts, const HostLoads& loads) {
  static const HostGroup none;
  algorithm.onGroup(hosts, hosts.groups.empty() ? none : hosts.groups.front(), loads);
}

}  // namespace weir::upstream
