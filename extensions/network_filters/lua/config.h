#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::network_filters::lua {

// Registers network_filters/lua. Immutable.
class LuaExtension final : public config::NetworkFilterExtension {
 public:
  std::string_view name() const override { return "lua"; }
  std::string_view configType() const override {
    return "weir.extensions.network_filters.lua.v1.Lua";
  }
  std::shared_ptr<const network::NetworkFilterFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::network_filters::lua
