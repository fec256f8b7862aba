#include "extensions/access_loggers/lua/config.h"

#include "api/weir/extensions/access_loggers/lua/v1/lua.pb.h"
#include "extensions/access_loggers/common/log_path.h"
#include "extensions/access_loggers/lua/bindings.h"
#include "extensions/access_loggers/lua/lua.h"
#include "source/config/lua_script.h"

namespace weir::extensions::access_loggers::lua {

std::shared_ptr<const http::AccessLoggerFactory> LuaExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& from = static_cast<const v1::Lua&>(config);
  auto script = config::compileLuaScript(from.script(),
                                         {.default_name = "access_loggers/lua",
                                          .entry_points = {"on_log"},
                                          .modules = {logModule()},
                                          .fails_streams = false},
                                         at.field("script"), context);
  std::string path;
  bool path_ok = true;
  if (!from.path().empty()) {
    path = at.field("path").resolvePath(from.path());
    path_ok = checkLogPath(path, at.field("path"));
  }
  if (script == nullptr || !path_ok) return nullptr;
  return std::make_shared<LuaLoggerFactory>(std::move(script), std::move(path));
}

}  // namespace weir::extensions::access_loggers::lua
