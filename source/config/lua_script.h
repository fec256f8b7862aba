#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/config/diagnostics.h"
#include "source/config/extensions.h"
#include "source/lua/script.h"

namespace weir::config::v1 {
class LuaScript;
}

namespace weir::config {

// What the extension that runs a script says of it. Value.
struct LuaScriptUse {
  std::string_view default_name;          // the extension's
  std::vector<std::string> entry_points;  // as in lua::ScriptConfig
  std::vector<std::shared_ptr<const lua::Module>> modules;
  // False: no stream fails with the script, so `on_error` says nothing and is refused.
  bool fails_streams = true;
};

// Loads the script of a LuaScript field and adds a main part that loads it again when its files
// change. Null after reporting what is wrong: in the configuration, or in the script (file:line).
std::shared_ptr<lua::Script> compileLuaScript(const v1::LuaScript& from, LuaScriptUse use,
                                              const Cursor& at, CompileContext& context);

}  // namespace weir::config
