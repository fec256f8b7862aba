#include "extensions/load_balancing/lua/config.h"

#include "api/weir/extensions/load_balancing/lua/v1/lua.pb.h"
#include "extensions/load_balancing/lua/lua.h"
#include "source/base/concat.h"
#include "source/config/compiler.h"
#include "source/config/lua_script.h"

namespace weir::extensions::load_balancing::lua {

std::shared_ptr<const upstream::LoadBalancerFactory> LuaExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::Lua&>(config);
  LuaBalancerConfig made;
  made.uses_hash = from.uses_hash();
  made.script = config::compileLuaScript(from.script(),
                                         {.default_name = "load_balancing/lua",
                                          .entry_points = {"choose"},
                                          .modules = {balancerModule()},
                                          .fails_streams = false},
                                         at.field("script"), context);
  made.fallback_factory = context.compiler.loadBalancing(
      from.has_fallback() ? &from.fallback() : nullptr, at.field("fallback"), context);
  if (made.script == nullptr || made.fallback_factory == nullptr) return nullptr;
  made.fallback = dynamic_cast<const upstream::AlgorithmFactory*>(made.fallback_factory.get());
  if (made.fallback == nullptr) {
    at.field("fallback")
        .error(
            base::concat(made.fallback_factory->name(), " does not choose among equals"),
            "use round_robin, least_request or another algorithm, and put this one inside of it");
    return nullptr;
  }
  const stats::Labels labels{{"cluster", std::string(context.cluster_name)}};
  made.stats.chosen = context.stats.counter("lua_balancer_chosen_total",
                                            "Endpoints that a cluster's script chose.", labels);
  made.stats.fallback = context.stats.counter(
      "lua_balancer_fallback_total",
      "Endpoints that its fallback chose, as the script chose none that could be taken.", labels);
  return std::make_shared<LuaFactory>(std::move(made));
}

}  // namespace weir::extensions::load_balancing::lua
