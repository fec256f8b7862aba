#include <algorithm>
#include <chrono>

#include "extensions/http_filters/lua/facts.h"

// sleep().
namespace weir::extensions::http_filters::lua {
namespace {

using weir::lua::raise;

constexpr double kMaxSleepMs = 3600.0 * 1000;

int sleepFor(lua_State* L) {
  LuaStream& stream = checkStream(L);
  const lua_Number time = luaL_checknumber(L, 2);
  if (!(time >= 0)) raise(L, "sleep() takes milliseconds >= 0");
  weir::lua::checkMayYield(L);
  stream.wakeAfter(
      std::chrono::milliseconds(static_cast<int64_t>(std::min<double>(time, kMaxSleepMs))));
  return lua_yield(L, 0);
}

}  // namespace

void addTimingMethods(Methods& methods) {
  methods.push_back({"sleep", &sleepFor});
}

}  // namespace weir::extensions::http_filters::lua
