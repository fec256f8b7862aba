#include "extensions/routing/lua/config.h"

#include "api/weir/extensions/routing/lua/v1/lua.pb.h"
#include "extensions/routing/lua/bindings.h"
#include "extensions/routing/lua/lua.h"
#include "source/config/fields.h"
#include "source/config/lua_script.h"

namespace weir::extensions::routing::lua {
namespace {

constexpr uint64_t kDefaultMaxRoutes = 1000;
constexpr uint64_t kMostRoutes = 100'000;

}  // namespace

std::shared_ptr<const http::RouteProviderFactory> LuaExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::Lua&>(config);
  const uint64_t max_routes = config::readNumberOr(from.max_routes(), kDefaultMaxRoutes,
                                                   {1, kMostRoutes}, at.field("max_routes"));
  auto script = config::compileLuaScript(
      from.script(),
      {.default_name = "routing/lua", .entry_points = {"route"}, .modules = {routingModule()}},
      at.field("script"), context);
  if (script == nullptr) return nullptr;
  return std::make_shared<LuaRouteFactory>(std::move(script), max_routes);
}

}  // namespace weir::extensions::routing::lua
