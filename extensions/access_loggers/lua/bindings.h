#pragma once

#include <memory>
#include <string>

#include "source/http/format.h"
#include "source/lua/module.h"

struct lua_State;

namespace weir::extensions::access_loggers::lua {

// What a logger's script sees of the exchange that is being logged; the context of its states.
// Worker-confined.
struct LogContext {
  const http::LogEntry* entry = nullptr;  // null outside of on_log()
  std::string room;                       // kept, so that its memory is
};

// `info`.
std::shared_ptr<const weir::lua::Module> logModule();
// Pushes `info`.
void pushInfo(lua_State* L);

}  // namespace weir::extensions::access_loggers::lua
