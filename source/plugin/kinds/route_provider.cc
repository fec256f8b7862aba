#include "source/plugin/kinds/route_provider.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>

#include "source/base/concat.h"
#include "source/base/string_map.h"
#include "source/config/extensions.h"
#include "source/http/semantics.h"
#include "source/plugin/guard.h"
#include "source/plugin/handles.h"
#include "source/plugin/kinds/all.h"
#include "source/plugin/loop.h"
#include "source/router/route_table.h"

namespace weir::plugin {
namespace {

using router::RouteEntry;
using SharedRoute = std::shared_ptr<const RouteEntry>;

constexpr size_t kMostNameBytes = 256;
constexpr size_t kMostPathBytes = 64 * 1024;
// Routes are kept for the next request with the same choice; so many.
constexpr size_t kMostRoutes = 1024;
constexpr std::chrono::milliseconds kLongest = std::chrono::hours(24 * 30);

std::chrono::milliseconds durationOf(uint64_t ms) {
  return std::chrono::milliseconds(std::min(ms, static_cast<uint64_t>(kLongest.count())));
}

// Empty, or what is wrong with it.
std::string_view problemOf(const weir_route_choice& choice) {
  const std::string_view host = view(choice.host_rewrite);
  const std::string_view path = view(choice.path_rewrite);
  if (view(choice.cluster).empty()) return "it names no cluster";
  if (choice.cluster.size > kMostNameBytes) return "the cluster's name is too long";
  if (view(choice.name).size() > kMostNameBytes) return "the route's name is too long";
  if (host.size() > kMostNameBytes) return "host_rewrite is too long";
  if (!host.empty() && !http::isAuthority(host)) return "host_rewrite is no host";
  if (path.size() > kMostPathBytes) return "path_rewrite is too long";
  if (!path.empty() && (path.front() != '/' || !http::isTarget(path))) {
    return "path_rewrite is no path that begins with \"/\"";
  }
  return {};
}

// Worker-confined.
class PluginRouteProvider final : public http::WorkerRouteProvider {
 public:
  PluginRouteProvider(const Kind& kind, std::shared_ptr<const PluginConfig> config,
                      base::ServiceMap& services)
      : resolve_(readKind<weir_route_provider>(kind.raw()).resolve),
        loop_(kind, std::move(config), services),
        failure_(makeFailure()) {}

  http::ProvidedRoute resolve(http::RequestHead& head, http::StreamInfo& info,
                              const http::RouteResolver& table) override;

 private:
  static SharedRoute makeFailure();
  http::ProvidedRoute fail(std::string_view what);
  SharedRoute routeFor(const weir_route_choice& choice);
  static void rewrite(const weir_route_choice& choice, http::RequestHead& head);

  uint32_t (*const resolve_)(void* worker, const weir_headers* request, const weir_info* info,
                             weir_route_choice* out);
  Loop loop_;
  const SharedRoute failure_;  // answers 500
  // By what was chosen, so that a request allocates nothing.
  base::StringMap<SharedRoute> routes_;
  std::string key_;  // kept, so that its memory is
};

SharedRoute PluginRouteProvider::makeFailure() {
  auto route = std::make_shared<RouteEntry>();
  route->route_name = "plugin_failure";
  route->kind = RouteEntry::Kind::kDirectResponse;
  route->direct.status = 500;
  return route;
}

http::ProvidedRoute PluginRouteProvider::fail(std::string_view what) {
  loop_.thread().error("resolve", what);
  return {failure_.get(), failure_};
}

http::ProvidedRoute PluginRouteProvider::resolve(http::RequestHead& head, http::StreamInfo& info,
                                                 const http::RouteResolver& table) {
  if (loop_.failed()) return {failure_.get(), failure_};
  weir_route_choice choice{};
  choice.size = sizeof choice;
  choice.timeout_ms = WEIR_DEFAULT_MS;
  choice.idle_timeout_ms = WEIR_DEFAULT_MS;
  const weir_headers* const request = handleOf(head);
  const uint32_t answer = guarded(loop_.thread(), "resolve", resolve_, loop_.worker(), request,
                                  handleOf(std::as_const(info)), &choice);
  switch (answer) {
    case WEIR_ROUTE_TABLE:
      return {table.resolve(head, info), {}};
    case WEIR_ROUTE_NONE:
      return {};
    case WEIR_ROUTE_FAIL:
      return fail("the plugin has failed for a request");
    case WEIR_ROUTE_CLUSTER:
      break;
    default:
      return fail(base::concat("says ", answer, ", which is none of WEIR_ROUTE_…"));
  }
  if (const std::string_view problem = problemOf(choice); !problem.empty()) return fail(problem);
  SharedRoute route = routeFor(choice);
  rewrite(choice, head);
  const RouteEntry* const chosen = route.get();
  return {chosen, std::move(route)};
}

SharedRoute PluginRouteProvider::routeFor(const weir_route_choice& choice) {
  const uint64_t numbers[] = {choice.timeout_ms, choice.idle_timeout_ms,
                              view(choice.cluster).size()};
  key_.assign(reinterpret_cast<const char*>(numbers), sizeof numbers);
  key_.append(view(choice.cluster));
  key_.append(view(choice.name));
  if (const auto found = routes_.find(std::string_view(key_)); found != routes_.end()) {
    return found->second;
  }
  auto route = std::make_shared<RouteEntry>();
  route->route_name = view(choice.name);
  route->cluster.cluster = view(choice.cluster);
  if (choice.timeout_ms != WEIR_DEFAULT_MS) route->cluster.timeout = durationOf(choice.timeout_ms);
  if (choice.idle_timeout_ms != WEIR_DEFAULT_MS) {
    route->cluster.idle_timeout = durationOf(choice.idle_timeout_ms);
  }
  if (routes_.size() >= kMostRoutes) routes_.clear();
  routes_.emplace(key_, route);
  return route;
}

void PluginRouteProvider::rewrite(const weir_route_choice& choice, http::RequestHead& head) {
  const std::string_view host = view(choice.host_rewrite);
  const std::string_view path = view(choice.path_rewrite);
  if (!host.empty()) {
    head.authority = head.arena.copy(host);
    if (head.headers.has(http::HeaderId::kHost)) {
      head.headers.setView(http::HeaderId::kHost, head.authority);
    }
  }
  if (!path.empty() && !head.isConnect()) head.path = head.arena.copy(path);
}

// Immutable.
class PluginRoutingExtension final : public PluginExtension<config::RoutingExtension> {
 public:
  using PluginExtension::PluginExtension;
  std::shared_ptr<const http::RouteProviderFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext&) const override {
    auto compiled = compilePluginConfig(kind(), config, at);
    if (compiled == nullptr) return nullptr;
    return std::make_shared<PluginRouteProviderFactory>(kind(), std::move(compiled));
  }
};

std::string check(const void* raw) {
  return readKind<weir_route_provider>(raw).resolve == nullptr ? "resolve is missing" : "";
}

}  // namespace

std::unique_ptr<http::WorkerRouteProvider> PluginRouteProviderFactory::bind(
    base::ServiceMap& services) const {
  return std::make_unique<PluginRouteProvider>(kind_, config_, services);
}

constinit const KindType kRouteProviderType{
    .type = WEIR_ROUTE_PROVIDER,
    .category = config::RoutingExtension::kCategory,
    .least_size = offsetof(weir_route_provider, resolve) + sizeof(weir_route_provider::resolve),
    .check = check,
    .make = [](const Kind& kind) -> std::unique_ptr<base::Extension> {
      return std::make_unique<PluginRoutingExtension>(kind);
    },
};

}  // namespace weir::plugin
