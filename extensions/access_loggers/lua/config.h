#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::access_loggers::lua {

// Registers access_loggers/lua. Immutable.
class LuaExtension final : public config::AccessLoggerExtension {
 public:
  std::string_view name() const override { return "lua"; }
  std::string_view configType() const override {
    return "weir.extensions.access_loggers.lua.v1.Lua";
  }
  std::shared_ptr<const http::AccessLoggerFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::access_loggers::lua
