#include "source/upstream/cluster_set.h"

#include <utility>

namespace weir::upstream {

ClusterSet::ClusterSet(base::ServiceMap& services)
    : services_(services), io_(services.get<network::IoContext>()) {}

void ClusterSet::apply(const std::vector<std::shared_ptr<const ClusterConfig>>& clusters,
                       const std::vector<std::shared_ptr<const HostSet>>& hosts) {
  ++generation_;
  base::StringMap<base::LocalRef<WorkerCluster>> before = std::move(clusters_);
  clusters_.clear();
  for (size_t i = 0; i < clusters.size(); ++i) {
    const std::shared_ptr<const ClusterConfig>& config = clusters[i];
    const std::shared_ptr<const HostSet> current = i < hosts.size() ? hosts[i] : nullptr;
    const auto found = before.find(config->name);
    if (found == before.end()) {
      clusters_.emplace(config->name,
                        base::makeLocal<WorkerCluster>(services_, random_, config, current));
      continue;
    }
    found->second->update(config, current);
    clusters_.emplace(config->name, std::move(found->second));
    before.erase(found);
  }
  for (auto& [name, cluster] : before) cluster->remove();
}

void ClusterSet::updateHosts(std::string_view cluster, std::shared_ptr<const HostSet> hosts) {
  const auto found = clusters_.find(cluster);
  if (found != clusters_.end()) found->second->updateHosts(std::move(hosts));
}

base::LocalRef<WorkerCluster> ClusterSet::find(std::string_view name) const {
  const auto found = clusters_.find(name);
  return found == clusters_.end() ? base::LocalRef<WorkerCluster>() : found->second;
}

void ClusterSet::drain() {
  for (const auto& [name, cluster] : clusters_) cluster->drain();
}

}  // namespace weir::upstream
