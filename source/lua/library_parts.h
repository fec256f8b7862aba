#pragma once

struct lua_State;

namespace weir::lua {

class State;

// The parts of the table `weir`, which is on top of the stack: each adds its own.
void installLog(lua_State* L);     // weir.log
void installClocks(lua_State* L);  // weir.now, weir.time, weir.worker

}  // namespace weir::lua
