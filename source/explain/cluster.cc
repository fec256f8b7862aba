// The part of Inquiry that asks clusters.

#include <algorithm>

#include "source/base/concat.h"
#include "source/explain/inquiry.h"
#include "source/upstream/endpoint_health.h"

namespace weir::explain {

using base::concat;
using upstream::HostSet;
using upstream::WorkerCluster;

namespace {

// Clusters that are looked at for one question: a route may name many, and they may stand for more.
constexpr size_t kMostClusters = 16;

EndpointView viewOf(const WorkerCluster& cluster, uint32_t index,
                    const upstream::PickForecast& forecast) {
  const HostSet& hosts = cluster.hosts();
  const HostSet::Host& host = hosts.hosts[index];
  const uint32_t group = hosts.group_of[index];
  EndpointView view;
  view.id = host.endpoint->id;
  view.address = host.endpoint->address.toString();
  view.locality = host.endpoint->locality;
  view.weight = host.endpoint->weight;
  view.priority = host.endpoint->priority;
  view.health = upstream::healthName(host.health);
  if (group != HostSet::kNoGroup) {
    view.group_share = hosts.groups[group].share * 100.0 / HostSet::kWhole;
  }
  view.in_flight = cluster.inFlight(index);
  view.full = cluster.full(index);
  if (index < forecast.scores.size()) view.score = forecast.scores[index];
  return view;
}

std::string stickyWords(const WorkerCluster& cluster, const WorkerCluster::StickyForecast& sticky) {
  if (!sticky.bound) return "the client belongs to no endpoint yet";
  if (!sticky.host) return "the client belongs to an endpoint that is not there any more";
  const std::string& id = cluster.hosts().hosts[*sticky.host].endpoint->id;
  if (sticky.goes_there) return concat("the client belongs to ", id, " and goes there");
  return concat("the client belongs to ", id, ", which cannot serve it now",
                cluster.config().sticky_policy.strict ? ": strict, so 503" : "");
}

// `sure`: the algorithm's own.
void sayPick(const WorkerCluster& cluster, const upstream::PickForecast& forecast,
             ClusterView& view) {
  const HostSet& hosts = cluster.hosts();
  if (hosts.groups.empty()) {
    view.problem = concat("no endpoint may be picked: ", hosts.none_reason);
    view.pick_why = "none: 503";
    return;
  }
  if (forecast.host) {
    view.pick = hosts.hosts[*forecast.host].endpoint->id;
    view.pick_why = "the algorithm gives this one";
    return;
  }
  std::optional<double> best;
  std::string names;
  for (const EndpointView& endpoint : view.endpoints) {
    if (!endpoint.score || !endpoint.group_share) continue;
    if (best && *endpoint.score > *best) continue;
    if (best && *endpoint.score < *best) names.clear();
    best = endpoint.score;
    names += concat(names.empty() ? "" : ", ", endpoint.id);
  }
  view.pick_why = best ? concat("chance has a part in it; the lowest score now: ", names)
                       : "as the rule says; more only the next pick knows";
}

}  // namespace

void Inquiry::askClusters(const upstream::ClusterSet& set) {
  for (const Target& target : targets_) askCluster(set, target.cluster, *target.action);
}

void Inquiry::askCluster(const upstream::ClusterSet& set, const std::string& name,
                         const router::ClusterAction& action) {
  const bool known = std::any_of(said_.clusters.begin(), said_.clusters.end(),
                                 [&](const ClusterView& view) { return view.name == name; });
  if (known || said_.clusters.size() >= kMostClusters) return;
  const size_t at = said_.clusters.size();
  said_.clusters.emplace_back().name = name;
  const base::LocalRef<WorkerCluster> cluster = set.find(name);
  if (!cluster) {
    said_.clusters[at].problem = "there is no such cluster: 503";
    return;
  }
  if (!cluster->config().clusters.empty()) {
    said_.clusters[at].stands_for = cluster->config().clusters;
    said_.clusters[at].pick_why = "the first of those it stands for that has an endpoint serves";
    for (const std::string& other : cluster->config().clusters) askCluster(set, other, action);
    return;
  }
  ClusterView view;
  view.name = name;
  view.load_balancing = cluster->config().load_balancer->name();
  if (cluster->config().endpoint_source != nullptr) {
    view.pick_why = "the endpoint is named by the connection, not chosen";
    said_.clusters[at] = std::move(view);
    return;
  }
  upstream::PickContext context;
  context.request = &request_->head;
  context.info = &request_->info;
  context.source = request_->info.downstream_remote;
  context.local = &request_->local;
  context.hash_policy = action.hash_policy.get();
  context.hash = action.hash;
  context.metadata = &action.metadata_match;
  const upstream::PickForecast forecast = cluster->forecast(context);
  view.rule = forecast.rule;
  view.score = forecast.score;
  const HostSet& hosts = cluster->hosts();
  for (const auto& group : hosts.groups) view.panic |= group.panic;
  for (uint32_t i = 0; i < hosts.hosts.size(); ++i) {
    view.endpoints.push_back(viewOf(*cluster, i, forecast));
  }
  sayPick(*cluster, forecast, view);
  if (cluster->config().stickiness != nullptr && action.sticky) {
    view.stickiness = cluster->config().stickiness->name();
    const auto sticky = cluster->forecastSticky(context);
    view.sticky_outcome = stickyWords(*cluster, sticky);
    if (sticky.goes_there) {
      view.pick = hosts.hosts[*sticky.host].endpoint->id;
      view.pick_why = "the client belongs there";
    }
  }
  said_.clusters[at] = std::move(view);
}

}  // namespace weir::explain
