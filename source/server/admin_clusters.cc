#include "source/server/admin_clusters.h"

#include <chrono>
#include <unordered_map>

#include "source/server/admin_json.h"
#include "source/server/server.h"
#include "source/upstream/cluster.h"
#include "source/upstream/endpoint_health.h"

namespace weir::server {
namespace {

using Json = nlohmann::json;
using upstream::ClusterConfig;
using upstream::Health;
using upstream::HostGroup;
using upstream::HostSet;

Json usageOf(const upstream::EndpointUsage& usage) {
  const upstream::EndpointUsage::Totals totals = usage.totals();
  Json responses = Json::object();
  constexpr const char* kClasses[] = {"1xx", "2xx", "3xx", "4xx", "5xx"};
  for (int i = 0; i < 5; ++i) responses[kClasses[i]] = totals.responses_by_class[i];
  return {{"requests", totals.requests},
          {"responses", std::move(responses)},
          {"mean_response_us", totals.completed == 0 ? 0 : totals.response_us / totals.completed},
          {"connections", totals.connections},
          {"connect_failures", totals.connect_failures},
          {"resets", totals.resets},
          {"active_requests", totals.active_requests},
          {"active_connections", totals.active_connections}};
}

// What is known of the members, and of those that depart; by id.
struct Known {
  std::unordered_map<std::string_view, control::ObservedMember> members;
  std::unordered_map<std::string_view, control::Drains::Shown> drains;
  std::vector<control::Drains::Shown> removed;
};

Known knownOf(Server& server, const std::string& cluster) {
  Known known;
  for (control::ObservedMember& member : server.routing().members(cluster)) {
    const std::string_view id = member.endpoint->id;
    known.members.emplace(id, std::move(member));
  }
  for (control::Drains::Shown& drain : server.routing().drains().shown(cluster)) {
    const std::string_view id = drain.endpoint->id;
    if (drain.removed) {
      known.removed.push_back(std::move(drain));
    } else {
      known.drains.emplace(id, std::move(drain));
    }
  }
  return known;
}

Json drainOf(const control::Drains::Shown& drain) {
  return {{"drained", drain.drained},
          {"connections", drain.connections},
          {"requests", drain.requests},
          {"left_ms", drain.left.count()}};
}

void addKnown(const Known& known, const std::string& id, Json& shown) {
  const auto member = known.members.find(id);
  if (member != known.members.end()) {
    shown["state"] = upstream::stateName(member->second.state);
    shown["checked"] = upstream::healthName(member->second.checked);
    shown["ejected"] = member->second.ejected;
    shown["revision"] = member->second.revision;
  }
  const auto drain = known.drains.find(id);
  if (drain != known.drains.end()) shown["drain"] = drainOf(drain->second);
}

Json endpointOf(const HostSet& hosts, uint32_t index, const ClusterConfig& cluster,
                const Known& known, event::MonotonicTime now) {
  const HostSet::Host& host = hosts.hosts[index];
  const upstream::Endpoint& endpoint = *host.endpoint;
  const bool eligible = hosts.group_of[index] != HostSet::kNoGroup;
  Json shown = {{"id", endpoint.id},
                {"address", endpoint.address.toString()},
                {"weight", endpoint.weight},
                {"priority", endpoint.priority},
                {"health", upstream::healthName(host.health)},
                {"eligible", eligible}};
  if (eligible) shown["group"] = hosts.group_of[index];
  if (!endpoint.locality.empty()) shown["locality"] = endpoint.locality;
  if (!endpoint.metadata.empty()) shown["metadata"] = endpoint.metadata;
  for (const network::Address& address : endpoint.more_addresses) {
    shown["more_addresses"].push_back(address.toString());
  }
  const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(now - host.serving_since);
  if (host.serving_since != event::MonotonicTime() && age < cluster.slow_start.window) {
    shown["slow_start_left_ms"] = (cluster.slow_start.window - age).count();
  }
  const auto usage = cluster.usage->findEndpoint(endpoint.id);
  if (usage != nullptr) {
    shown["usage"] = usageOf(*usage);
    if (cluster.stickiness != nullptr) {
      shown["pinned"] = usage->pinned.load(std::memory_order_relaxed);
    }
  }
  addKnown(known, endpoint.id, shown);
  return shown;
}

Json groupOf(const HostSet& hosts, const HostGroup& group, const ClusterConfig& cluster) {
  const HostSet::Host& first = hosts.hosts[group.hosts.front()];
  Json shown = {{"priority", first.endpoint->priority},
                {"share_percent", group.share * 100.0 / HostSet::kWhole},
                {"degraded", !group.panic && first.health == Health::kDegraded},
                {"panic", group.panic},
                {"endpoints", group.hosts.size()}};
  const bool by_locality = cluster.policy.locality_mode == upstream::LocalityMode::kWeighted ||
                           (cluster.policy.locality_mode == upstream::LocalityMode::kPreferOwn &&
                            hosts.hosts.size() >= cluster.policy.prefer_own_from);
  if (by_locality) shown["locality"] = first.endpoint->locality;
  return shown;
}

Json clusterOf(const ClusterConfig& cluster, const HostSet& hosts, const Known& known,
               event::MonotonicTime now) {
  static_cast<void>(cluster.usage->stickyTotals(now));  // what is over is not pinned any more
  Json endpoints = Json::array();
  for (uint32_t i = 0; i < hosts.hosts.size(); ++i) {
    endpoints.push_back(endpointOf(hosts, i, cluster, known, now));
  }
  Json groups = Json::array();
  bool panic = false;
  for (const HostGroup& group : hosts.groups) {
    groups.push_back(groupOf(hosts, group, cluster));
    panic = panic || group.panic;
  }
  Json shown = {{"name", cluster.name},
                {"load_balancing", cluster.load_balancer->name()},
                {"version", hosts.version},
                {"panic", panic},
                {"connections", cluster.usage->connections.load(std::memory_order_relaxed)},
                {"max_connections", cluster.max_connections},
                {"pending_requests", cluster.usage->pending.load(std::memory_order_relaxed)},
                {"groups", std::move(groups)},
                {"endpoints", std::move(endpoints)}};
  for (const control::Drains::Shown& drain : known.removed) {
    Json gone = drainOf(drain);
    gone["id"] = drain.endpoint->id;
    gone["address"] = drain.endpoint->address.toString();
    shown["removed"].push_back(std::move(gone));
  }
  if (!cluster.clusters.empty()) shown["clusters"] = cluster.clusters;
  if (hosts.groups.empty()) shown["why_none"] = hosts.none_reason;
  return shown;
}

}  // namespace

AdminReply showClusters(Server& server, const AdminRequest&) {
  const event::MonotonicTime now = server.dispatcher().now();
  Json all = Json::array();
  for (const auto& cluster : server.snapshot().clusters) {
    const auto hosts = server.routing().hosts(cluster->name);
    if (hosts == nullptr) continue;
    all.push_back(clusterOf(*cluster, *hosts, knownOf(server, cluster->name), now));
  }
  return adminJson({{"clusters", std::move(all)}});
}

}  // namespace weir::server
