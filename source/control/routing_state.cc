#include "source/control/routing_state.h"

#include <utility>

#include "source/control/cluster_routing.h"

namespace weir::control {

RoutingState::RoutingState(base::ServiceMap& services, Publish publish)
    : services_(services),
      dispatcher_(services.get<event::Dispatcher>()),
      stats_(services.get<stats::Store>()),
      events_(dispatcher_),
      publish_(std::move(publish)) {}

RoutingState::~RoutingState() = default;

RoutingState::Hosts RoutingState::follow(const Clusters& clusters) {
  base::StringMap<std::unique_ptr<ClusterRouting>> before = std::move(clusters_);
  clusters_.clear();
  Hosts hosts;
  hosts.reserve(clusters.size());
  for (const std::shared_ptr<const upstream::ClusterConfig>& config : clusters) {
    std::unique_ptr<ClusterRouting>& cluster = clusters_[config->name];
    const auto known = before.find(config->name);
    if (known == before.end()) {
      cluster = std::make_unique<ClusterRouting>(*this, config);
    } else {
      cluster = std::move(known->second);
      before.erase(known);
      cluster->follow(config);
    }
    cluster->refresh();
    hosts.push_back(cluster->hosts());
  }
  return hosts;
}

Taken RoutingState::observe(std::string_view cluster, std::string_view endpoint,
                            Observation observation) {
  const auto found = clusters_.find(cluster);
  if (found == clusters_.end()) return Taken::kUnknown;
  return found->second->observe(endpoint, std::move(observation));
}

void RoutingState::onTrouble(std::string_view cluster, std::string_view endpoint,
                             upstream::Trouble trouble) {
  const auto found = clusters_.find(cluster);
  if (found != clusters_.end()) found->second->onTrouble(endpoint, trouble);
}

std::vector<ObservedMember> RoutingState::members(std::string_view cluster) const {
  const auto found = clusters_.find(cluster);
  if (found == clusters_.end()) return {};
  return found->second->observed();
}

std::shared_ptr<const upstream::HostSet> RoutingState::hosts(std::string_view cluster) const {
  const auto found = clusters_.find(cluster);
  return found == clusters_.end() ? nullptr : found->second->hosts();
}

void RoutingState::onTurnEnd() {
  auto batch = std::make_shared<HostsBatch>();
  for (const auto& [name, cluster] : clusters_) {
    if (cluster->refresh()) batch->entries.push_back({name, cluster->hosts()});
  }
  if (batch->entries.empty()) return;
  batch->published = dispatcher_.preciseNow();
  publish_(std::move(batch));
}

}  // namespace weir::control
