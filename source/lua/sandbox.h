#pragma once

#include <string_view>

struct lua_State;

namespace weir::lua {

class State;

// What a script may reach: text, tables, mathematics, clocks, packages of its own folders. No
// files, processes, environment, bytecode, FFI, debug library or compiler settings.
//
// Runs in a C function of the new state when all libraries are open and the modules are installed:
// leaves `harden` on the stack, a trusted function that takes a compiled function, and returns it
// with the JIT compiler switched off for those of its functions that jump back or call in tail
// position (unless ScriptConfig::compile_loops). Compiled code is then straight, always comes back
// to the interpreter, and so can be ended when its budget is used up: the hook that does that is
// not looked at by compiled code.
void closeSandbox(lua_State* L, State& state);

// The text of what require(name) names, or why not: for trusted Lua (text, chunk name | nil,
// error).
int readPackage(lua_State* L);

}  // namespace weir::lua
