#include <cmath>

#include "source/lua/binding.h"
#include "source/lua/library_data.h"
#include "source/lua/library_parts.h"

// weir.timer.
namespace weir::lua {
namespace {

constexpr double kMostSeconds = 30.0 * 24 * 3600;

// (seconds, function [, {one_worker = true}]): the timer's number, or nil on the other workers.
int add(lua_State* L, bool periodic) {
  const double seconds = luaL_checknumber(L, 1);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  const double least = periodic ? 0.01 : 0;
  if (!(seconds >= least && seconds <= kMostSeconds)) {
    raise(L, periodic ? "timer.every wants 0.01 to 2592000 seconds"
                      : "timer.after wants 0 to 2592000 seconds");
  }
  State& state = stateOf(L);
  if (!lua_isnoneornil(L, 3)) {
    luaL_checktype(L, 3, LUA_TTABLE);
    lua_getfield(L, 3, "one_worker");
    if (lua_toboolean(L, -1) != 0 && workerPlace(state).index != 0) return 0;
  }
  Timers& timers = state.library().timers;
  if (timers.full()) raise(L, "a script has at most 1000 timers at a time on each worker");
  lua_pushvalue(L, 2);
  const Function function = state.keep(L);
  const auto delay = std::chrono::milliseconds(std::llround(seconds * 1000));
  lua_pushnumber(L, static_cast<double>(timers.add(function, delay, periodic)));
  return 1;
}

int after(lua_State* L) {
  return add(L, false);
}

int every(lua_State* L) {
  return add(L, true);
}

// cancel(number): whether there was one.
int cancel(lua_State* L) {
  const double number = luaL_checknumber(L, 1);
  const bool known = number >= 1 && number < 0x1p53 &&
                     stateOf(L).library().timers.cancel(static_cast<uint64_t>(number));
  lua_pushboolean(L, known ? 1 : 0);
  return 1;
}

}  // namespace

void installTimers(lua_State* L) {
  lua_newtable(L);
  setFunction(L, "after", &after);
  setFunction(L, "every", &every);
  setFunction(L, "cancel", &cancel);
  lua_setfield(L, -2, "timer");
}

}  // namespace weir::lua
