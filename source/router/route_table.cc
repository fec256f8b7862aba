#include "source/router/route_table.h"

#include <utility>

#include "source/base/concat.h"
#include "source/base/hash.h"
#include "source/base/string_map.h"
#include "source/http/message.h"
#include "source/http/path_template.h"
#include "source/router/cluster_targets.h"
#include "source/router/explain_host.h"
#include "source/router/host_index.h"
#include "source/router/route_actions.h"
#include "source/router/route_conditions.h"
#include "source/router/route_index.h"

namespace weir::router {

struct RouteTable::State {
  std::vector<VirtualHost> hosts;
  HostIndex host_index;
  std::vector<RouteIndex> route_indices;  // as in hosts
  std::vector<std::string> clusters;
  bool sets_filters = false;
  bool sets_limits = false;
};

const http::RouteFilter* RouteEntry::filter(uint32_t position) const {
  for (const http::RouteFilter& filter : filters) {
    if (filter.position == position) return &filter;
  }
  return nullptr;
}

const http::ExchangeRules* RouteEntry::exchangeRules() const {
  return actions == nullptr ? nullptr : &actions->exchange;
}

namespace {

absl::Status inHost(const VirtualHost& host, const absl::Status& status) {
  return absl::Status(status.code(),
                      base::concat("virtual host \"", host.name, "\": ", status.message()));
}

// Numbers the clusters by first use.
class ClusterNumbers {
 public:
  uint32_t of(const std::string& name) {
    const auto [entry, added] = numbers_.emplace(name, static_cast<uint32_t>(names_.size()));
    if (added) names_.push_back(name);
    return entry->second;
  }
  std::vector<std::string> takeNames() { return std::move(names_); }

 private:
  base::StringMap<uint32_t> numbers_;
  std::vector<std::string> names_;
};

// What routes that choose their cluster have made of them.
void numberTargets(RouteEntry& route, uint64_t salt, ClusterNumbers& numbers) {
  auto targets = std::make_shared<ClusterTargets>(*route.targets);
  targets->salt = salt;
  for (ClusterTargets::Weighted& weighted : targets->weighted) {
    weighted.action = route.cluster;
    weighted.action.cluster = weighted.cluster;
    weighted.action.cluster_index = numbers.of(weighted.cluster);
    weighted.action.metadata_match = weighted.metadata_match;
    weighted.hash = base::hash64(weighted.cluster);
  }
  route.targets = std::move(targets);
}

// `salt`: of the route's place, so that each draws for itself.
absl::Status prepare(RouteEntry& route, uint64_t salt, ClusterNumbers& numbers) {
  if (route.match.kind == PathMatch::Kind::kTemplate) {
    auto parsed = http::PathTemplate::parse(route.match.text, route.match.ignore_case);
    if (!parsed.ok()) return parsed.status();
    route.path_template = std::make_shared<const http::PathTemplate>(*std::move(parsed));
  }
  if (route.conditions != nullptr && route.conditions->fraction) {
    auto conditions = std::make_shared<RouteConditions>(*route.conditions);
    conditions->salt = salt;
    route.conditions = std::move(conditions);
  }
  if (route.kind != RouteEntry::Kind::kCluster) return absl::OkStatus();
  if (route.targets != nullptr) {
    numberTargets(route, base::mix64(salt), numbers);
  } else {
    route.cluster.cluster_index = numbers.of(route.cluster.cluster);
  }
  return absl::OkStatus();
}

}  // namespace

RouteTable::RouteTable() = default;
RouteTable::~RouteTable() = default;

absl::StatusOr<std::shared_ptr<const RouteTable>> RouteTable::compile(
    std::vector<VirtualHost> hosts) {
  auto state = std::make_unique<State>();
  ClusterNumbers numbers;
  uint64_t routes = 0;
  for (uint32_t i = 0; i < hosts.size(); ++i) {
    VirtualHost& host = hosts[i];
    for (const std::string& domain : host.domains) {
      if (absl::Status added = state->host_index.add(domain, i); !added.ok()) {
        return inHost(host, added);
      }
    }
    for (RouteEntry& route : host.routes) {
      route.virtual_host = host.name;
      state->sets_filters |= !route.filters.empty();
      state->sets_limits |= route.actions != nullptr && route.actions->exchange.limited();
      const absl::Status prepared = prepare(route, base::mix64(++routes), numbers);
      if (!prepared.ok()) return inHost(host, prepared);
    }
    absl::StatusOr<RouteIndex> index = RouteIndex::build(host.routes);
    if (!index.ok()) return inHost(host, index.status());
    state->route_indices.push_back(*std::move(index));
  }
  state->hosts = std::move(hosts);
  state->clusters = numbers.takeNames();
  std::shared_ptr<RouteTable> table(new RouteTable());
  table->state_ = std::move(state);
  return table;
}

namespace {

// "*" (OPTIONS) and no path at all (CONNECT) are about the host: its root decides.
std::string_view routedPath(const http::RequestHead& head) {
  return head.path.starts_with('/') ? head.pathWithoutQuery() : "/";
}

}  // namespace

const http::Route* RouteTable::resolve(const http::RequestHead& head,
                                       const http::StreamInfo& info) const {
  const uint32_t host = state_->host_index.find(head.authority);
  if (host == HostIndex::kNone) return nullptr;
  const std::vector<RouteEntry>& routes = state_->hosts[host].routes;
  const uint32_t route = state_->route_indices[host].match(routes, routedPath(head), head, info);
  return route == RouteIndex::kNone ? nullptr : &routes[route];
}

const RouteEntry* RouteTable::match(std::string_view authority, std::string_view path) const {
  const uint32_t host = state_->host_index.find(authority);
  if (host == HostIndex::kNone) return nullptr;
  const uint32_t route = state_->route_indices[host].match(path);
  return route == RouteIndex::kNone ? nullptr : &state_->hosts[host].routes[route];
}

RouteExplanation RouteTable::explain(const http::RequestHead& head,
                                     const http::StreamInfo& info) const {
  const uint32_t host = state_->host_index.find(head.authority);
  if (host == HostIndex::kNone) return {};
  return explainHost(state_->hosts[host], routedPath(head), head, info);
}

bool RouteTable::setsFilters() const {
  return state_->sets_filters;
}

bool RouteTable::setsLimits() const {
  return state_->sets_limits;
}

const std::vector<std::string>& RouteTable::clusters() const {
  return state_->clusters;
}

}  // namespace weir::router
