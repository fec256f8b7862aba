#pragma once

#include <memory>
#include <string_view>
#include <vector>

#include "extensions/http_filters/lua/test_runner/exchange.h"

struct lua_State;

namespace weir::extensions::http_filters::lua::test_runner {

// What one test file works with. Worker-confined.
struct Session {
  World world;
  std::vector<std::unique_ptr<Exchange>> exchanges;  // go before the scripts
};

// Pushes a table of functions on `session`, for the library only: they trust what they are given.
void pushNative(lua_State* L, Session& session);

// The library that test files see, in Lua: function(native, file) -> run.
std::string_view libraryText();

}  // namespace weir::extensions::http_filters::lua::test_runner
