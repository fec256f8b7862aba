#include "source/config/route_compiler.h"

#include <algorithm>
#include <map>
#include <utility>

#include "api/weir/config/v1/route.pb.h"
#include "source/base/ascii.h"
#include "source/base/concat.h"
#include "source/base/regex.h"
#include "source/config/domain.h"
#include "source/config/fields.h"
#include "source/config/hash_keys.h"
#include "source/config/metadata_compiler.h"
#include "source/config/retry_compiler.h"
#include "source/http/semantics.h"

namespace weir::config {
namespace {

using std::chrono::milliseconds;

constexpr size_t kMaxBodyBytes = 64 * 1024;

// A path that a request could have: what is matched has no query.
void checkPath(std::string_view path, const Cursor& at) {
  if (!path.starts_with('/')) {
    at.error("a path begins with \"/\"",
             base::concat("write \"", path.starts_with('*') ? "/" : base::concat("/", path), "\""));
  } else if (path.find_first_of("?#") != std::string_view::npos) {
    at.error("would never match: the query is not part of what is matched",
             base::concat("write \"", path.substr(0, path.find_first_of("?#")), "\""));
  } else if (!http::isTarget(path)) {
    at.error("would never match: a path has no spaces or control characters",
             "write them percent-encoded");
  }
}

void checkRegex(const std::string& pattern, const Cursor& at) {
  const auto regex = base::Regex::compile(pattern);
  if (!regex.ok()) report(regex.status(), at);
}

router::PathMatch compileMatch(const v1::RouteMatch& from, const Cursor& at) {
  using Kind = router::PathMatch::Kind;
  switch (from.by_case()) {
    case v1::RouteMatch::kPath:
      checkPath(from.path(), at.field("path"));
      return {Kind::kExact, from.path()};
    case v1::RouteMatch::kPrefix:
      checkPath(from.prefix(), at.field("prefix"));
      return {Kind::kPrefix, from.prefix()};
    case v1::RouteMatch::kSegmentPrefix:
      checkPath(from.segment_prefix(), at.field("segment_prefix"));
      return {Kind::kSegmentPrefix, from.segment_prefix()};
    case v1::RouteMatch::kRegex:
      checkRegex(from.regex(), at.field("regex"));
      return {Kind::kRegex, from.regex()};
    case v1::RouteMatch::BY_NOT_SET:
      break;
  }
  return {Kind::kPrefix, "/"};
}

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
  if (!sorted.empty() && !compiler.mayMatchMetadata(from.cluster())) {
    at.field("metadata_match")
        .error(base::concat("load balancing of cluster \"", from.cluster(),
                            "\" does not look at metadata"),
               "give it load_balancing/subset, or remove metadata_match");
  }
  return {sorted.begin(), sorted.end()};
}

router::ClusterAction compileCluster(const v1::RouteAction& from, const Cursor& at,
                                     const Compiler& compiler) {
  router::ClusterAction action;
  compiler.checkCluster(from.cluster(), at.field("cluster"));
  action.cluster = from.cluster();
  action.timeout = readDuration(from.has_timeout() ? &from.timeout() : nullptr, action.timeout,
                                {milliseconds(0)}, at.field("timeout"));
  action.idle_timeout =
      readDuration(from.has_idle_timeout() ? &from.idle_timeout() : nullptr, action.idle_timeout,
                   {milliseconds(1)}, at.field("idle_timeout"));
  action.grpc_timeout = compileGrpcTimeout(from.grpc_timeout(), at.field("grpc_timeout"));
  if (from.has_retry())
    action.retry = compileRetry(from.retry(), action.timeout, at.field("retry"));
  action.priority =
      static_cast<uint8_t>(readNumber(from.priority(), {0, 255}, at.field("priority")));
  action.hash_policy = compileHashKeys(from.hash_keys(), at);
  if (action.hash_policy != nullptr && !compiler.mayHash(action.cluster)) {
    at.field("hash_keys")
        .error(base::concat("load balancing of cluster \"", action.cluster, "\" hashes nothing"),
               "give it load_balancing/ring_hash or load_balancing/maglev, or remove hash_keys");
  }
  action.metadata_match = compileMetadataMatch(from, at, compiler);
  return action;
}

router::RedirectAction compileRedirect(const v1::Redirect& from, const Cursor& at) {
  router::RedirectAction action;
  if (from.status() != 0) {
    static constexpr uint32_t kStatuses[] = {301, 302, 303, 307, 308};
    if (std::find(std::begin(kStatuses), std::end(kStatuses), from.status()) ==
        std::end(kStatuses)) {
      at.field("status").error(base::concat(from.status(), " is not the status of a redirect"),
                               "use 301, 302, 303, 307 or 308");
    }
    action.status = static_cast<uint16_t>(from.status());
  }
  if (!from.scheme().empty()) {
    action.scheme = from.scheme();
    if (from.scheme() != "http" && from.scheme() != "https") {
      at.field("scheme").error(base::concat("there is no redirect to \"", from.scheme(), "\""),
                               "use \"http\" or \"https\"");
    }
  }
  if (!from.host().empty()) {
    action.host = from.host();
    if (!http::isAuthority(from.host())) {
      at.field("host").error(base::concat("\"", from.host(), "\" is not a host"),
                             "write \"host\" or \"host:port\"");
    }
  }
  if (!from.path().empty()) {
    action.path = from.path();
    if (!from.path().starts_with('/') || !http::isTarget(from.path())) {
      at.field("path").error(
          base::concat("\"", from.path(), "\" is not a path"),
          "begin it with \"/\" and percent-encode spaces and control characters");
    }
  }
  action.strip_query = from.strip_query();
  if (!action.scheme && !action.host && !action.path && !action.strip_query) {
    at.error("would send every request back to where it came from",
             "give scheme, host, path or strip_query");
  }
  return action;
}

router::DirectResponseAction compileDirectResponse(const v1::DirectResponse& from,
                                                   const Cursor& at) {
  router::DirectResponseAction action;
  if (from.status() == 0) {
    at.field("status").error("is required", "use 200 to 599");
  } else {
    action.status =
        static_cast<uint16_t>(readNumber(from.status(), {200, 599}, at.field("status")));
  }
  const Cursor source = at.field(from.has_body_file() ? "body_file" : "body");
  action.body =
      from.has_body_file() ? readFile(from.body_file(), kMaxBodyBytes, source) : from.body();
  if (action.body.size() > kMaxBodyBytes) {
    source.error("is larger than 64 KiB", "serve large bodies from an origin");
  }
  if (!action.body.empty() && http::statusHasNoBody(action.status)) {
    source.error(base::concat("a response with status ", action.status, " has no body"),
                 "leave it out or use another status");
  }
  if (!from.content_type().empty()) {
    action.content_type = from.content_type();
    if (!http::isFieldValue(from.content_type())) {
      at.field("content_type").error("has control characters", "write a media type: \"text/html\"");
    }
  }
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
  entry.match = compileMatch(from.match(), at.field("match"));
  switch (from.action_case()) {
    case v1::Route::kRoute:
      entry.kind = router::RouteEntry::Kind::kCluster;
      entry.cluster = compileCluster(from.route(), at.field("route"), compiler);
      break;
    case v1::Route::kRedirect:
      entry.kind = router::RouteEntry::Kind::kRedirect;
      entry.redirect = compileRedirect(from.redirect(), at.field("redirect"));
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
    defaults.host_metadata = compileMetadata(from[i].metadata(), here.field("metadata"));
    for (int r = 0; r < from[i].routes_size(); ++r) {
      host.routes.push_back(compileRoute(from[i].routes(r), defaults, here.at("routes", r), scope));
    }
  }
  return hosts;
}

}  // namespace weir::config
