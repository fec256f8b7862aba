#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "source/lua/binding.h"
#include "source/network/address.h"

// Handles whose fields are looked up when a script reads them (`info.status`), so that giving one
// to a script costs nothing. For C functions that Lua calls, as source/lua/binding.h.
namespace weir::lua {

// One field: pushes one value of `object`, nil where there is none. Value.
struct Fact {
  const char* name;
  void (*push)(lua_State* L, const void* object);
};

// Fields that one part of a handle's object has. Value.
struct FactGroup {
  std::span<const Fact> facts;
  // The part, or null: then all its fields are nil. Null function: the object itself.
  const void* (*part)(const void* object) = nullptr;
};

// A kind of handle with fields and methods. One static object per kind.
struct FactType {
  HandleType handle;
  std::span<const FactGroup> groups;
  const luaL_Reg* methods;  // ends with {nullptr, nullptr}; a method goes before a field
  // The object behind the handle at `index`; raises when there is none.
  const void* (*object)(lua_State* L, int index);
};

// In Module::install(): as defineHandle(). A field that nobody has is a script's error.
void defineFacts(lua_State* L, State& state, const FactType& type,
                 const luaL_Reg* metamethods = nullptr);

// In Module::install(), after the kind was defined: makes the one handle that stands for the
// state's context, so that a call needs no new one. Its object is StateHost::context, which says
// itself whether there is anything behind it at the moment. For functions run by State::call().
void installContextHandle(lua_State* L, State& state, const HandleType& type);
void pushContextHandle(lua_State* L, const HandleType& type);

// In State::call()'s `take`: what a function has returned is wrong. `problem`: "returned 7, but
// there are 3 endpoints".
[[noreturn]] void raiseResult(lua_State* L, const char* function, const char* problem);

// nil when empty.
void pushTextOrNil(lua_State* L, std::string_view text);
// "10.0.0.1:80", "10.0.0.1", 80; nil when null or of no family. The ip and port of unix: nil.
void pushAddress(lua_State* L, const network::Address* address);
void pushIp(lua_State* L, const network::Address* address);
void pushPort(lua_State* L, const network::Address* address);
// A table of texts.
void pushTexts(lua_State* L, const std::vector<std::string>& texts);
// Seconds since 1970.
void pushTime(lua_State* L, std::chrono::system_clock::time_point time);
inline void pushNumber(lua_State* L, uint64_t number) {
  lua_pushnumber(L, static_cast<double>(number));
}

}  // namespace weir::lua
