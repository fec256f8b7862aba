#include "extensions/routing/lua/lua.h"

#include <cstdint>
#include <optional>
#include <string>

#include "extensions/routing/lua/bindings.h"
#include "extensions/routing/lua/result_reader.h"
#include "source/base/concat.h"
#include "source/base/string_map.h"
#include "source/lua/facts.h"
#include "source/lua/worker_script.h"
#include "source/router/route_table.h"

namespace weir::extensions::routing::lua {
namespace {

using router::RouteEntry;
using SharedRoute = std::shared_ptr<const RouteEntry>;

SharedRoute failedRoute() {
  auto route = std::make_shared<RouteEntry>();
  route->route_name = "script_failed";
  route->kind = RouteEntry::Kind::kDirectResponse;
  route->direct.status = 500;
  return route;
}

// What a script has said. Value; kept by the provider, so that nothing with a destructor is alive
// where Lua errors are raised.
struct Answer {
  enum class Kind : uint8_t { kTable, kNone, kMade };
  Kind kind = Kind::kTable;
  const http::Route* found = nullptr;  // of kTable, when it was looked up already
  SharedRoute made;
};

// Worker-confined.
class LuaRouteProvider final : public http::WorkerRouteProvider {
 public:
  LuaRouteProvider(std::shared_ptr<weir::lua::Script> script, size_t max_routes,
                   base::ServiceMap& services)
      : max_routes_(max_routes),
        clusters_(services.get<upstream::ClusterSet>()),
        script_(std::move(script), services, &context_) {
    context_.clusters = &clusters_;
  }

  http::ProvidedRoute resolve(http::RequestHead& head, http::StreamInfo& info,
                              const http::RouteResolver& table) override;

 private:
  void take(lua_State* L, int results);
  void takeName(lua_State* L);
  void takeTable(lua_State* L);
  void makeRoute(lua_State* L);
  const SharedRoute* known(std::string_view key);
  void remember(std::string_view key);

  const size_t max_routes_;
  upstream::ClusterSet& clusters_;
  RoutingContext context_;
  weir::lua::WorkerScript script_;
  const SharedRoute failed_ = failedRoute();
  // By what the script returned: routes whose cluster is there.
  base::StringMap<SharedRoute> routes_;
  uint64_t routes_of_ = 0;  // ClusterSet::generation()
  Answer answer_;
  TableReader reader_;
  std::string key_;      // kept, so that its memory is
  std::string problem_;  // likewise
};

http::ProvidedRoute LuaRouteProvider::resolve(http::RequestHead& head, http::StreamInfo& info,
                                              const http::RouteResolver& table) {
  weir::lua::State* const state = script_.state();
  bool failed = state == nullptr && !script_.bypassed();
  answer_ = {};
  if (state != nullptr) {
    const RoutingContext outer =
        std::exchange(context_, RoutingContext{&head, &info, &table, nullptr, &clusters_});
    failed = state
                 ->call(state->entryPoint(0), &pushArguments,
                        [this](lua_State* L, int results) { take(L, results); })
                 .failed();
    context_ = outer;
  }
  if (failed) {
    if (script_.config().on_error == weir::lua::OnError::kFail) return {failed_.get(), failed_};
    answer_ = {};
  }
  switch (answer_.kind) {
    case Answer::Kind::kTable:
      return {answer_.found != nullptr ? answer_.found : table.resolve(head, info)};
    case Answer::Kind::kNone:
      return {};
    case Answer::Kind::kMade:
      break;
  }
  const http::Route* const route = answer_.made.get();
  return {route, std::move(answer_.made)};
}

void LuaRouteProvider::take(lua_State* L, int results) {
  if (results == 0 || lua_isnil(L, 1)) return;
  lua_settop(L, 1);
  switch (lua_type(L, 1)) {
    case LUA_TSTRING:
      return takeName(L);
    case LUA_TTABLE:
      return takeTable(L);
    case LUA_TUSERDATA:
      if (!isFound(L, 1)) break;
      answer_.found = context_.found;
      return;
    case LUA_TBOOLEAN:
      if (lua_toboolean(L, 1) != 0) break;
      answer_.kind = Answer::Kind::kNone;
      return;
    default:
      break;
  }
  problem_ = base::concat("returned a ", luaL_typename(L, 1),
                          "; it has to be a cluster's name, a table, a route or nil");
  weir::lua::raiseResult(L, "route", problem_.c_str());
}

// A name as key cannot be a table's fingerprint, which begins with a parenthesis.
void LuaRouteProvider::takeName(lua_State* L) {
  size_t size = 0;
  const char* const name = lua_tolstring(L, 1, &size);
  key_.assign(1, 's').append(name, size);
  answer_.kind = Answer::Kind::kMade;
  if (const SharedRoute* const route = known(key_)) {
    answer_.made = *route;
    return;
  }
  makeRoute(L);
  remember(key_);
}

void LuaRouteProvider::takeTable(lua_State* L) {
  const auto hash = readHash(L);
  key_.clear();
  const bool comparable = appendFingerprint(L, "hash", key_);
  answer_.kind = Answer::Kind::kMade;
  const SharedRoute* const route = comparable ? known(key_) : nullptr;
  if (route != nullptr) {
    answer_.made = *route;
  } else {
    makeRoute(L);
    if (comparable) remember(key_);
  }
  if (!hash || answer_.made->kind != RouteEntry::Kind::kCluster) return;
  auto hashed = std::make_shared<RouteEntry>(*answer_.made);
  hashed->cluster.hash = hash;
  answer_.made = std::move(hashed);
}

// Of the name or table on top; raises when that cannot be.
void LuaRouteProvider::makeRoute(lua_State* L) {
  problem_.clear();
  {
    auto route = std::make_shared<RouteEntry>();
    reader_.clear();
    const bool named = lua_type(L, -1) == LUA_TSTRING;
    if (named ? !reader_.text(L, route->cluster.cluster) : !readResult(L, reader_, *route)) {
      problem_ = reader_.problem();
    } else if (route->kind == RouteEntry::Kind::kCluster &&
               !clusters_.find(route->cluster.cluster)) {
      problem_ = base::concat("returned \"", route->cluster.cluster.substr(0, 128),
                              "\", which is no cluster");
    }
    if (problem_.empty()) answer_.made = std::move(route);
  }
  if (!problem_.empty()) weir::lua::raiseResult(L, "route", problem_.c_str());
}

const SharedRoute* LuaRouteProvider::known(std::string_view key) {
  // Clusters may have gone.
  if (routes_of_ != clusters_.generation()) {
    routes_of_ = clusters_.generation();
    routes_.clear();
  }
  const auto found = routes_.find(key);
  return found != routes_.end() ? &found->second : nullptr;
}

void LuaRouteProvider::remember(std::string_view key) {
  if (routes_.size() >= max_routes_) routes_.clear();
  routes_.emplace(std::string(key), answer_.made);
}

}  // namespace

std::unique_ptr<http::WorkerRouteProvider> LuaRouteFactory::bind(base::ServiceMap& services) const {
  return std::make_unique<LuaRouteProvider>(script_, max_routes_, services);
}

}  // namespace weir::extensions::routing::lua
