#pragma once

struct lua_State;

namespace weir::lua {

class State;

// The table `weir`, which every script has. Runs in a C function of the new state.
void installLibrary(lua_State* L, State& state);

}  // namespace weir::lua
