#pragma once

#include <string_view>

#include "source/upstream/cluster_config.h"
#include "source/upstream/endpoint.h"

namespace weir::upstream {

// Pure: what an endpoint is, by all that is known of it. The operator's word comes first, then what
// traffic has met (`ejected`), then what checks say: kUnknown, kHealthy, kDegraded or kUnhealthy.
Health combinedHealth(OperatorState state, Health checked, bool ejected);

// What checks say of an endpoint that they have not looked at: kHealthy when there are none.
inline Health uncheckedHealth(const ClusterConfig& cluster) {
  return cluster.health_checks.empty() ? Health::kHealthy : Health::kUnknown;
}

// It has traffic in ordinary times.
bool serves(Health health);

// "healthy"
std::string_view healthName(Health health);
// "enabled"
std::string_view stateName(OperatorState state);

}  // namespace weir::upstream
