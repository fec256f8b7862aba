#include "extensions/network_filters/lua/config.h"

#include "api/weir/extensions/network_filters/lua/v1/lua.pb.h"
#include "extensions/network_filters/lua/lua.h"
#include "source/config/lua_script.h"

namespace weir::extensions::network_filters::lua {

std::shared_ptr<const network::NetworkFilterFactory> LuaExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::Lua&>(config);
  auto script = config::compileLuaScript(from.script(),
                                         {.default_name = "network_filters/lua",
                                          .entry_points = entryPoints(),
                                          .modules = {connectionModule()}},
                                         at.field("script"), context);
  if (script == nullptr) return nullptr;
  return std::make_shared<LuaFilterFactory>(std::move(script));
}

}  // namespace weir::extensions::network_filters::lua
