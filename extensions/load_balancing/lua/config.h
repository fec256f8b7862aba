#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::load_balancing::lua {

// Registers load_balancing/lua. Immutable.
class LuaExtension final : public config::LoadBalancingExtension {
 public:
  std::string_view name() const override { return "lua"; }
  std::string_view configType() const override {
    return "weir.extensions.load_balancing.lua.v1.Lua";
  }
  std::shared_ptr<const upstream::LoadBalancerFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::load_balancing::lua
