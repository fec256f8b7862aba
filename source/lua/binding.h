#pragma once

#include <cstdint>
#include <string_view>

#include <luajit-2.1/lua.hpp>

#include "source/lua/coroutine.h"
#include "source/lua/state.h"

// For C functions that Lua calls. Only source/lua and extensions/*/lua include this.
//
// The rule of every binding: a Lua error leaves a C function without coming back. LuaJIT unwinds
// frames on x86-64, but whether destructors run depends on how things were compiled, so no object
// with a destructor (std::string, vector, LocalRef, lock) may be alive at any call that can raise:
// luaL_check*, raise(), lua_push*string, lua_newtable, lua_newuserdata, lua_settable, lua_call, and
// checkHandle(). Read and check arguments first, then work in C++ inside braces of its own, then
// push. No cdata may ever reach a script: it could read and write any memory with it.
namespace weir::lua {

// The State that `L`, main thread or coroutine, belongs to.
State& stateOf(lua_State* L);

// As luaL_error, without formatting: prepends the script's file and line.
[[noreturn]] void raise(lua_State* L, std::string_view message);
// Of kind kMisuse.
[[noreturn]] void raiseMisuse(lua_State* L, const char* what, const char* why);

inline void pushText(lua_State* L, std::string_view text) {
  lua_pushlstring(L, text.data(), text.size());
}
// table[name] = function, for the table on top of the stack.
inline void setFunction(lua_State* L, const char* name, lua_CFunction function) {
  lua_pushcfunction(L, function);
  lua_setfield(L, -2, name);
}
inline std::string_view checkText(lua_State* L, int index) {
  size_t size = 0;
  const char* text = luaL_checklstring(L, index, &size);
  return {text, size};
}

// What a handle is called in messages. One static object per kind; its address is the kind.
struct HandleType {
  const char* name;   // "header object"
  const char* owner;  // whose end ends it: "stream"
};

// A userdata that stands for a C++ object, which may die first. Layout is fixed: preludes may read
// it by FFI as struct { const void* type; void* object; void* scope; uint64_t generation; }.
struct Handle {
  const HandleType* type;
  void* object;
  const Scope* scope;  // null: lasting
  uint64_t generation;
};

// In Module::install(): makes the metatable of a kind with `methods` as __index, and
// `metamethods` (may be null); scripts cannot see or change it. Both lists end with {nullptr,
// nullptr}.
void defineHandle(lua_State* L, State& state, const HandleType& type, const luaL_Reg* methods,
                  const luaL_Reg* metamethods = nullptr);
// The same for an object that outlives the state: usable everywhere in it.
void pushLastingHandle(lua_State* L, const HandleType& type, void* object);
// Pushes a new handle, alive until `scope` ends. May raise (memory).
void pushHandle(lua_State* L, const HandleType& type, void* object, const Scope& scope);
// The object at `index`; raises when it is something else, when its scope has ended, or when
// another coroutine than its own runs.
template <class T>
T& checkHandle(lua_State* L, int index, const HandleType& type);
// Raises unless `L` itself, not a coroutine of the script's own, is the thread of the scope: before
// lua_yield.
void checkMayYield(lua_State* L);

void* checkHandleObject(lua_State* L, int index, const HandleType& type);
template <class T>
T& checkHandle(lua_State* L, int index, const HandleType& type) {
  return *static_cast<T*>(checkHandleObject(L, index, type));
}

// In Module::install(): runs trusted Lua of ours as function(ffi, ...) with the `arguments` values
// on top of the stack, which it takes; its `results` are left. It may keep ffi in a local: calls of
// C functions by FFI do not break traces. Raises what goes wrong.
void runPrelude(lua_State* L, const char* name, std::string_view source, int arguments,
                int results);

}  // namespace weir::lua
