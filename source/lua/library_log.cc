#include "source/base/log.h"
#include "source/base/time.h"
#include "source/lua/binding.h"
#include "source/lua/library_data.h"
#include "source/lua/library_parts.h"

// weir.log, and the clocks.
namespace weir::lua {
namespace {

template <base::log::Level level>
int write(lua_State* L) {
  const std::string_view text = checkText(L, 1);
  stateOf(L).log(level, text);
  return 0;
}

constexpr luaL_Reg kLog[] = {{"trace", &write<base::log::Level::kTrace>},
                             {"debug", &write<base::log::Level::kDebug>},
                             {"info", &write<base::log::Level::kInfo>},
                             {"warn", &write<base::log::Level::kWarning>},
                             {"error", &write<base::log::Level::kError>},
                             {"critical", &write<base::log::Level::kError>},
                             {nullptr, nullptr}};

double seconds(std::chrono::nanoseconds time) {
  return std::chrono::duration<double>(time).count();
}

// Seconds of the clock that only goes forward, as of this turn of the loop.
int now(lua_State* L) {
  const State& state = stateOf(L);
  lua_pushnumber(L, state.trial() ? 0 : seconds(state.host().dispatcher->now().time_since_epoch()));
  return 1;
}

// Seconds since 1970, as of this turn of the loop.
int time(lua_State* L) {
  const State& state = stateOf(L);
  const auto now = state.trial() ? base::wallClock() : state.host().dispatcher->systemNow();
  lua_pushnumber(L, seconds(now.time_since_epoch()));
  return 1;
}

// What the closure was made with.
int constant(lua_State* L) {
  lua_pushvalue(L, lua_upvalueindex(1));
  return 1;
}

}  // namespace

void installWorker(lua_State* L, State& state) {
  const base::WorkerPlace place = workerPlace(state);
  lua_newtable(L);
  lua_pushnumber(L, place.index);
  lua_pushcclosure(L, &constant, 1);
  lua_setfield(L, -2, "id");
  lua_pushnumber(L, place.count);
  lua_pushcclosure(L, &constant, 1);
  lua_setfield(L, -2, "count");
  lua_setfield(L, -2, "worker");
}

void installLog(lua_State* L) {
  lua_newtable(L);
  for (const luaL_Reg* entry = kLog; entry->name != nullptr; ++entry) {
    lua_pushcfunction(L, entry->func);
    lua_setfield(L, -2, entry->name);
  }
  lua_setfield(L, -2, "log");
}

void installClocks(lua_State* L) {
  lua_pushcfunction(L, &now);
  lua_setfield(L, -2, "now");
  lua_pushcfunction(L, &time);
  lua_setfield(L, -2, "time");
}

}  // namespace weir::lua
