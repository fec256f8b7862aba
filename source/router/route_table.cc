#include "source/router/route_table.h"

#include <utility>

#include "source/base/concat.h"
#include "source/base/string_map.h"
#include "source/http/message.h"
#include "source/router/host_index.h"
#include "source/router/path_index.h"

namespace weir::router {

struct RouteTable::State {
  std::vector<VirtualHost> hosts;
  HostIndex host_index;
  std::vector<PathIndex> path_indices;  // as in hosts
  std::vector<std::string> clusters;
  bool sets_filters = false;
};

const http::RouteFilter* RouteEntry::filter(uint32_t position) const {
  for (const http::RouteFilter& filter : filters) {
    if (filter.position == position) return &filter;
  }
  return nullptr;
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

}  // namespace

RouteTable::RouteTable() = default;
RouteTable::~RouteTable() = default;

absl::StatusOr<std::shared_ptr<const RouteTable>> RouteTable::compile(
    std::vector<VirtualHost> hosts) {
  auto state = std::make_unique<State>();
  ClusterNumbers numbers;
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
      if (route.kind == RouteEntry::Kind::kCluster) {
        route.cluster.cluster_index = numbers.of(route.cluster.cluster);
      }
    }
    absl::StatusOr<PathIndex> paths = PathIndex::build(host.routes);
    if (!paths.ok()) return inHost(host, paths.status());
    state->path_indices.push_back(*std::move(paths));
  }
  state->hosts = std::move(hosts);
  state->clusters = numbers.takeNames();
  std::shared_ptr<RouteTable> table(new RouteTable());
  table->state_ = std::move(state);
  return table;
}

const http::Route* RouteTable::resolve(const http::RequestHead& head,
                                       const http::StreamInfo&) const {
  // "*" (OPTIONS) and no path at all (CONNECT) are about the host: its root decides.
  const bool has_path = head.path.starts_with('/');
  return match(head.authority, has_path ? head.pathWithoutQuery() : "/");
}

const RouteEntry* RouteTable::match(std::string_view authority, std::string_view path) const {
  const uint32_t host = state_->host_index.find(authority);
  if (host == HostIndex::kNone) return nullptr;
  const uint32_t route = state_->path_indices[host].match(path);
  return route == PathIndex::kNone ? nullptr : &state_->hosts[host].routes[route];
}

bool RouteTable::setsFilters() const {
  return state_->sets_filters;
}

const std::vector<std::string>& RouteTable::clusters() const {
  return state_->clusters;
}

}  // namespace weir::router
