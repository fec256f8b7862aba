#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "source/base/local_ref.h"
#include "source/router/route_table.h"
#include "source/upstream/cluster.h"
#include "source/upstream/cluster_set.h"

namespace weir::router {

// The clusters that a table's routes name, found on this worker once per configuration. The
// connection manager may hold on to an older table than the worker's clusters are of, so a hit is
// checked by name. Worker-confined.
class ClusterCache {
 public:
  ClusterCache(upstream::ClusterSet& clusters, size_t count) : clusters_(clusters), found_(count) {}

  // `index`: ClusterAction::cluster_index.
  base::LocalRef<upstream::WorkerCluster> find(std::string_view cluster, uint32_t index) {
    if (generation_ != clusters_.generation()) {
      found_.assign(found_.size(), nullptr);
      generation_ = clusters_.generation();
    }
    if (index >= found_.size()) return clusters_.find(cluster);
    upstream::WorkerCluster*& slot = found_[index];
    if (slot == nullptr || slot->name() != cluster) slot = clusters_.find(cluster).get();
    return base::LocalRef<upstream::WorkerCluster>(slot);
  }

 private:
  upstream::ClusterSet& clusters_;
  uint64_t generation_ = 0;
  std::vector<upstream::WorkerCluster*> found_;  // alive within one generation
};

}  // namespace weir::router
