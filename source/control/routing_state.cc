#include "source/control/routing_state.h"

#include <utility>

#include "source/base/suggest.h"
#include "source/control/cluster_routing.h"
#include "source/upstream/routing_monitor.h"

namespace weir::control {
namespace {

constexpr std::chrono::milliseconds kCheckInterval{1'000};

}  // namespace

RoutingState::RoutingState(base::ServiceMap& services, Publish publish)
    : services_(services),
      dispatcher_(services.get<event::Dispatcher>()),
      stats_(services.get<stats::Store>()),
      events_(dispatcher_),
      drains_(dispatcher_, stats_, events_),
      publication_(std::make_shared<const int>()),
      publish_(std::move(publish)),
      differs_(stats_.counter(upstream::kRoutingViolations, upstream::kRoutingViolationsHelp,
                              {{"kind", "host_set"}})),
      check_timer_(dispatcher_.createTimer([this] { checkOne(); })) {
  check_timer_->start(kCheckInterval);
}

RoutingState::~RoutingState() {
  drains_.stop();
}

std::shared_ptr<const void> RoutingState::takePublication() {
  return std::exchange(publication_, std::make_shared<const int>());
}

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

Operated RoutingState::operate(std::string_view cluster, std::string_view endpoint,
                               upstream::OperatorState state, std::optional<uint64_t> revision,
                               std::string_view cause) {
  const auto found = clusters_.find(cluster);
  if (found == clusters_.end()) {
    std::vector<std::string> names;
    for (const auto& [name, routing] : clusters_) names.push_back(name);
    return {Operated::Outcome::kNoCluster, {}, base::didYouMean(cluster, names)};
  }
  return found->second->operate(endpoint, state, revision, cause);
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

// One cluster after the other, so that it costs the same with many.
void RoutingState::checkOne() {
  check_timer_->start(kCheckInterval);
  if (to_check_.empty()) {
    for (const auto& [name, cluster] : clusters_) to_check_.push_back(name);
  }
  if (to_check_.empty()) return;
  const std::string name = std::move(to_check_.back());
  to_check_.pop_back();
  const auto found = clusters_.find(name);
  if (found == clusters_.end() || found->second->asDefined()) return;
  stats_.block(0).counter(differs_).add();
  if (!differs_log_.admit(dispatcher_.now())) return;
  base::log::error("control", "cluster \"", name,
                   "\": the published host set does not follow from its members");
}

void RoutingState::onTurnEnd() {
  auto batch = std::make_shared<HostsBatch>();
  for (const auto& [name, cluster] : clusters_) {
    if (cluster->refresh()) batch->entries.push_back({name, cluster->hosts()});
  }
  if (batch->entries.empty()) return;
  batch->publication = takePublication();
  batch->published = dispatcher_.preciseNow();
  publish_(std::move(batch));
}

}  // namespace weir::control
