#pragma once

#include <memory>
#include <vector>

#include "source/config/diagnostics.h"
#include "source/upstream/cluster.h"

namespace weir::config::v1 {
class Cluster;
}

namespace weir::config {

// Clusters that stand for others: reports those that lead back to themselves or too deep, at the
// names that do. `clusters` are those of the file at `at`, in order.
void checkAggregates(const std::vector<std::shared_ptr<const upstream::ClusterConfig>>& clusters,
                     const Cursor& at);

// Reports what such a cluster, at `at`, says beyond its name and the others'.
void refuseSettingsOfItsOwn(const v1::Cluster& aggregate, const Cursor& at);

}  // namespace weir::config
