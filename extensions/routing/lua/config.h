#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::routing::lua {

// Registers routing/lua. Immutable.
class LuaExtension final : public config::RoutingExtension {
 public:
  std::string_view name() const override { return "lua"; }
  std::string_view configType() const override { return "weir.extensions.routing.lua.v1.Lua"; }
  std::shared_ptr<const http::RouteProviderFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::routing::lua
