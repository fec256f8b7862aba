#pragma once

#include <cstdint>
#include <span>

#include "source/plugin/structs.h"
#include "source/upstream/load_balancer.h"

namespace weir::plugin {

// The endpoints that a plugin chooses among: what a weir_hosts stands for. Worker-confined.
struct Hosts {
  const upstream::HostSet* set = nullptr;
  const upstream::HostLoads* loads = nullptr;
  std::span<const uint32_t> members = {};  // indices into the set; the plugin's are those into here

  const upstream::HostSet::Host& host(uint32_t index) const { return set->hosts[members[index]]; }
};

inline weir_hosts* handleOf(Hosts& hosts) {
  return reinterpret_cast<weir_hosts*>(&hosts);
}
inline const weir_pick* handleOf(const upstream::PickContext& context) {
  return reinterpret_cast<const weir_pick*>(&context);
}

}  // namespace weir::plugin
