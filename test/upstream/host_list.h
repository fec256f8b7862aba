#pragma once

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/upstream/endpoint.h"

namespace weir::upstream {

// Endpoints as a test describes them: those without an id are "e0", "e1", … by their place.
class HostList {
 public:
  HostList& add(Endpoint endpoint, Health health = Health::kHealthy) {
    if (endpoint.id.empty()) endpoint.id = "e" + std::to_string(hosts_.size());
    hosts_.push_back({std::make_shared<const Endpoint>(std::move(endpoint)), health});
    return *this;
  }
  void set(const std::string& id, Health health) {
    for (HostSet::Host& host : hosts_) {
      if (host.endpoint->id == id) host.health = health;
    }
  }
  const std::vector<HostSet::Host>& list() const { return hosts_; }

 private:
  std::vector<HostSet::Host> hosts_;
};

}  // namespace weir::upstream
