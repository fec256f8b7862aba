#pragma once

struct lua_State;

namespace weir::lua {

class State;

// What an extension adds to each State of its scripts: metatables, functions, its prelude in Lua.
// Immutable; shared by all threads.
class Module {
 public:
  virtual ~Module() = default;
  // Runs in the new state, protected, before the sandbox closes and the script is loaded: all
  // libraries of LuaJIT are open, `ffi` by runPrelude() (binding.h). Globals that are set here are
  // the script's. May raise Lua errors: then the state is not made. Leaves the stack as it was.
  virtual void install(lua_State* L, State& state) const = 0;
};

}  // namespace weir::lua
