#include "nlohmann/json.hpp"

#include "source/explain/explanation.h"

namespace weir::explain {
namespace {

using Json = nlohmann::ordered_json;

Json jsonOf(const std::vector<Option>& options) {
  Json all = Json::array();
  for (const Option& option : options) {
    all.push_back({{"name", option.name}, {"chosen", option.chosen}, {"why", option.why}});
  }
  return all;
}

Json jsonOf(const EndpointView& endpoint) {
  Json json = {{"id", endpoint.id},
               {"address", endpoint.address},
               {"weight", endpoint.weight},
               {"priority", endpoint.priority},
               {"health", endpoint.health},
               {"eligible", endpoint.group_share.has_value()},
               {"in_flight", endpoint.in_flight},
               {"full", endpoint.full}};
  if (!endpoint.locality.empty()) json["locality"] = endpoint.locality;
  if (endpoint.group_share) json["group_share_percent"] = *endpoint.group_share;
  if (endpoint.score) json["score"] = *endpoint.score;
  if (!endpoint.state.empty()) json["state"] = endpoint.state;
  if (!endpoint.checked.empty()) json["checked"] = endpoint.checked;
  if (endpoint.ejected) json["ejected"] = *endpoint.ejected;
  return json;
}

Json jsonOf(const ClusterView& cluster) {
  Json json = {{"name", cluster.name}};
  if (!cluster.problem.empty()) json["problem"] = cluster.problem;
  if (!cluster.load_balancing.empty()) json["load_balancing"] = cluster.load_balancing;
  if (!cluster.stands_for.empty()) json["stands_for"] = cluster.stands_for;
  if (!cluster.endpoints.empty()) json["panic"] = cluster.panic;
  if (!cluster.stickiness.empty()) {
    json["stickiness"] = {{"kind", cluster.stickiness}, {"outcome", cluster.sticky_outcome}};
  }
  if (!cluster.rule.empty()) json["rule"] = cluster.rule;
  if (!cluster.score.empty()) json["score_means"] = cluster.score;
  Json endpoints = Json::array();
  for (const EndpointView& endpoint : cluster.endpoints) endpoints.push_back(jsonOf(endpoint));
  json["endpoints"] = std::move(endpoints);
  json["pick"] = cluster.pick.empty() ? Json() : Json(cluster.pick);
  json["pick_why"] = cluster.pick_why;
  return json;
}

Json routesOf(const Explanation& from) {
  Json all = Json::array();
  for (const RouteView& route : from.routes) {
    Json json = {{"position", route.position}, {"name", route.name}, {"match", route.match}};
    json["matches"] = route.why.empty();
    if (!route.why.empty()) json["why"] = route.why;
    all.push_back(std::move(json));
  }
  return all;
}

}  // namespace

std::string toJson(const Explanation& from) {
  Json json;
  json["outcome"] = from.outcome;
  if (!from.problem.empty()) json["problem"] = from.problem;
  json["comes_to_nothing"] = from.comesToNothing();
  if (from.status) json["status"] = *from.status;
  json["listeners"] = jsonOf(from.listeners);
  json["filter_chains"] = jsonOf(from.filter_chains);
  json["network_filters"] = from.network_filters;
  if (!from.method.empty()) {
    json["request"] = {{"method", from.method},
                       {"scheme", from.scheme},
                       {"authority", from.authority},
                       {"path", from.path},
                       {"client", from.client}};
    json["virtual_host"] = from.virtual_host.empty() ? Json() : Json(from.virtual_host);
    json["domain"] = {{"text", from.domain}, {"why", from.domain_why}};
    json["routes"] = routesOf(from);
    Json filters = Json::array();
    for (const FilterView& filter : from.filters) {
      filters.push_back(
          {{"name", filter.name}, {"extension", filter.extension}, {"state", filter.state}});
    }
    json["filters"] = std::move(filters);
  }
  if (!from.route.empty()) json["route"] = from.route;
  Json action = Json::array();
  for (const auto& [name, value] : from.action)
    action.push_back({{"name", name}, {"value", value}});
  json["action"] = std::move(action);
  Json targets = Json::array();
  for (const TargetView& target : from.targets) {
    targets.push_back(
        {{"cluster", target.cluster}, {"weight", target.weight}, {"percent", target.percent}});
  }
  json["targets"] = std::move(targets);
  Json clusters = Json::array();
  for (const ClusterView& cluster : from.clusters) clusters.push_back(jsonOf(cluster));
  json["clusters"] = std::move(clusters);
  json["notes"] = from.notes;
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace weir::explain
