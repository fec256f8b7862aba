#pragma once

struct lua_State;

namespace weir::lua {

class State;

// The parts of the table `weir`, which is on top of the stack: each adds its own.
void installLog(lua_State* L);                    // weir.log
void installClocks(lua_State* L);                 // weir.now, weir.time
void installWorker(lua_State* L, State& state);   // weir.worker
void installText(lua_State* L, State& state);     // weir.base64, weir.json
void installCrypto(lua_State* L);                 // weir.crypto
void installTimers(lua_State* L);                 // weir.timer
void installShared(lua_State* L, State& state);   // weir.shared
void installMetrics(lua_State* L, State& state);  // weir.metrics

// Puts string.find, match, gmatch and gsub in the place of LuaJIT's.
void installPatterns(lua_State* L);

}  // namespace weir::lua
