#include "source/config/route_compiler.h"

#include <algorithm>
#include <map>
#include <utility>

#include "api/weir/config/v1/route.pb.h"
#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/config/cluster_targets_compiler.h"
#include "source/config/domain.h"
#include "source/config/fields.h"
#include "source/config/hash_keys.h"
#include "source/config/metadata_compiler.h"
#include "source/config/resilience_compiler.h"
#include "source/config/route_action_compiler.h"
#include "source/config/route_match_compiler.h"
#include "source/http/semantics.h"

namespace weir::config {
namespace {

using std::chrono::milliseconds;

router::GrpcTimeoutPolicy compileGrpcTimeout(const v1::GrpcTimeout& from, const Cursor& at) {
  router::GrpcTimeoutPolicy policy;
  policy.respected = !from.ignore_header();
  policy.max = readDuration(from.has_max() ? &from.max() : nullptr, policy.max, {milliseconds(1)},
                            at.field("max"));
  if (from.ignore_header() && from.has_max()) {
    at.field("max").error("has no effect beside ignore_header", "give only one of them");
  }
  return policy;
}

std::vector<std::pair<std::string, std::string>> compileMetadataMatch(const v1::RouteAction& from,
                                                                      const Cursor& at,
                                                                      const Compiler& compiler) {
  const std::map<std::string, std::string> sorted(from.metadata_match().begin(),
                                                  from.metadata_match().end());
  if (!sorted.empty() && !from.cluster().empty() && !compiler.mayMatchMetadata(from.cluster())) {
    at.field("metadata_match")
        .error(base::concat("load balancing of cluster \"", from.cluster(),
                            "\" does not look at metadata"),
               "give it load_balancing/subset, or remove metadata_match");
  }
  return {sorted.begin(), sorted.end()};
}

// Some cluster that it may come to has a use for them; which one a request names nobody knows.
void checkHashKeys(const v1::RouteAction& from, const Cursor& at, const Compiler& compiler) {
  const std::vector<std::string> clusters = clustersOf(from);
  const auto hashes = [&](const std::string& name) { return compiler.mayHash(name); };
  if (clusters.empty() || std::any_of(clusters.begin(), clusters.end(), hashes)) return;
  at.field("hash_keys")
      .error(base::concat("load balancing of cluster \"", clusters.front(), "\" hashes nothing"),
             "give it load_balancing/ring_hash or load_balancing/maglev, or remove hash_keys");
}

router::ClusterAction compileCluster(const v1::RouteAction& from, const Cursor& at,
                                     const Compiler& compiler) {
  router::ClusterAction action;
  action.cluster = from.cluster();
  action.timeout = readDuration(from.has_timeout() ? &from.timeout() : nullptr, action.timeout,
                                {milliseconds(0)}, at.field("timeout"));
  action.idle_timeout =
      readDuration(from.has_idle_timeout() ? &from.idle_timeout() : nullptr, action.idle_timeout,
                   {milliseconds(1)}, at.field("idle_timeout"));
  action.grpc_timeout = compileGrpcTimeout(from.grpc_timeout(), at.field("grpc_timeout"));
  action.priority =
      static_cast<uint8_t>(readNumber(from.priority(), {0, 255}, at.field("priority")));
  action.hash_policy = compileHashKeys(from.hash_keys(), at);
  if (action.hash_policy != nullptr) checkHashKeys(from, at, compiler);
  action.metadata_match = compileMetadataMatch(from, at, compiler);
  return action;
}

using RouteFilters = google::protobuf::RepeatedPtrField<v1::RouteFilter>;

std::vector<http::RouteFilter> compileFilters(const RouteFilters& from, const Cursor& at,
                                              const RouteScope& scope) {
  std::vector<http::RouteFilter> settings;
  std::map<std::string, int> names;
  for (int i = 0; i < from.size(); ++i) {
    const Cursor here = at.at("filters", i);
    checkUnique(from[i].name(), i, names, "filter", here.field("name"));
    auto one = scope.context.compiler.routeFilter(from[i], scope.filters, here, scope.context);
    if (one) settings.push_back(*std::move(one));
  }
  return settings;
}

// Of a route: what it says itself, and for other filters what its virtual host says.
std::vector<http::RouteFilter> combined(std::vector<http::RouteFilter> route,
                                        const std::vector<http::RouteFilter>& host) {
  const size_t own = route.size();
  for (const http::RouteFilter& filter : host) {
    const bool said = std::any_of(
        route.begin(), route.begin() + static_cast<std::ptrdiff_t>(own),
        [&](const http::RouteFilter& other) { return other.position == filter.position; });
    if (!said) route.push_back(filter);
  }
  return route;
}

router::RouteEntry compileRoute(const v1::Route& from, const router::RouteEntry& defaults,
                                const Cursor& at, const RouteScope& scope) {
  const Compiler& compiler = scope.context.compiler;
  router::RouteEntry entry = defaults;
  entry.route_name = from.name();
  entry.filters = combined(compileFilters(from.filters(), at, scope), defaults.filters);
  entry.own_metadata = compileMetadata(from.metadata(), at.field("metadata"));
  entry.match = compilePathMatch(from.match(), at.field("match"));
  entry.conditions = compileRouteConditions(from.match(), at.field("match"));
  switch (from.action_case()) {
    case v1::Route::kRoute:
      entry.kind = router::RouteEntry::Kind::kCluster;
      entry.targets = compileClusterTargets(from.route(), at.field("route"), compiler);
      entry.cluster = compileCluster(from.route(), at.field("route"), compiler);
      compileResilience(from.route(), defaults.cluster.retry, compiler, at.field("route"),
                        entry.cluster);
      break;
    case v1::Route::kRedirect:
      entry.kind = router::RouteEntry::Kind::kRedirect;
      entry.redirect = compileRedirect(from.redirect(), entry.match, at.field("redirect"));
      break;
    case v1::Route::kDirectResponse:
      entry.kind = router::RouteEntry::Kind::kDirectResponse;
      entry.direct = compileDirectResponse(from.direct_response(), at.field("direct_response"));
      break;
    case v1::Route::ACTION_NOT_SET:
      at.field("route").error("the route has no action",
                              "give one of route, redirect, direct_response");
      break;
  }
  entry.actions = compileRouteActions(from, *defaults.actions, entry, at);
  return entry;
}

void compileDomains(const v1::VirtualHost& from, int host, const Cursor& at,
                    std::map<std::string, std::string>& owners, router::VirtualHost& out) {
  if (from.domains_size() == 0) {
    at.field("domains").error("a virtual host needs a domain", "write domains: \"*\" for any");
  }
  for (int i = 0; i < from.domains_size(); ++i) {
    const Cursor here = at.at("domains", i);
    const absl::Status status = checkDomain(from.domains(i));
    if (!status.ok()) {
      report(status, here);
      continue;
    }
    const std::string owner = from.name().empty() ? base::concat("number ", host + 1)
                                                  : base::concat("\"", from.name(), "\"");
    const auto [other, added] = owners.emplace(base::lowered(from.domains(i)), owner);
    if (!added) {
      here.error(base::concat("\"", from.domains(i), "\" belongs to virtual host ", other->second,
                              " already"),
                 "a domain can be in one place only");
    }
    out.domains.push_back(from.domains(i));
  }
}

}  // namespace

std::vector<router::VirtualHost> compileVirtualHosts(
    const google::protobuf::RepeatedPtrField<v1::VirtualHost>& from, const Cursor& at,
    const RouteScope& scope) {
  std::vector<router::VirtualHost> hosts;
  if (from.empty() && scope.required) {
    at.field("virtual_hosts")
        .error("at least one virtual host is required",
               "add virtual_hosts { name: \"all\" domains: \"*\" … }");
  }
  std::map<std::string, int> names;
  std::map<std::string, std::string> owners;
  for (int i = 0; i < from.size(); ++i) {
    const Cursor here = at.at("virtual_hosts", i);
    router::VirtualHost& host = hosts.emplace_back();
    host.name = from[i].name();
    require(host.name, here.field("name"), "it stands in access logs");
    checkUnique(host.name, i, names, "virtual host", here.field("name"));
    compileDomains(from[i], i, here, owners, host);
    if (from[i].routes().empty()) {
      here.field("routes").error("a virtual host needs a route",
                                 "add routes { route { cluster: \"…\" } }");
    }
    router::RouteEntry defaults;
    defaults.virtual_host = host.name;
    defaults.filters = compileFilters(from[i].filters(), here, scope);
    defaults.actions =
        std::make_shared<const router::RouteActions>(compileHostActions(from[i], here));
    defaults.cluster.retry = compileRetryDefault(from[i], here);
    defaults.host_metadata = compileMetadata(from[i].metadata(), here.field("metadata"));
    for (int r = 0; r < from[i].routes_size(); ++r) {
      host.routes.push_back(compileRoute(from[i].routes(r), defaults, here.at("routes", r), scope));
    }
  }
  return hosts;
}

}  // namespace weir::config
