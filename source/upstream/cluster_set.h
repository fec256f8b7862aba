#pragma once

#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "source/base/local_ref.h"
#include "source/base/random.h"
#include "source/base/service_map.h"
#include "source/base/string_map.h"
#include "source/network/io_context.h"
#include "source/upstream/cluster.h"

namespace weir::upstream {

// The clusters of one worker by name; one of the services that extensions are bound to.
// Worker-confined.
class ClusterSet {
 public:
  // As for WorkerCluster; `services` outlives it.
  explicit ClusterSet(base::ServiceMap& services);
  // Adds, updates and drops so that exactly `clusters` are there. `hosts`: their routing states, in
  // the same order; none: what the configurations say.
  void apply(const std::vector<std::shared_ptr<const ClusterConfig>>& clusters,
             const std::vector<std::shared_ptr<const HostSet>>& hosts = {});
  // Nothing when there is no cluster of that name.
  void updateHosts(std::string_view cluster, std::shared_ptr<const HostSet> hosts);
  // Empty when there is none of that name.
  base::LocalRef<WorkerCluster> find(std::string_view name) const;
  // Changes with every apply(): what was found before may be gone then.
  uint64_t generation() const { return generation_; }
  network::IoContext& io() { return io_; }
  // In no order.
  template <class F>
  void forEach(F&& visit) const {
    for (const auto& [name, cluster] : clusters_) visit(*cluster);
  }
  void drain();

 private:
  base::ServiceMap& services_;
  network::IoContext& io_;
  base::Random random_;
  uint64_t generation_ = 1;
  base::StringMap<base::LocalRef<WorkerCluster>> clusters_;
};

}  // namespace weir::upstream
