#include "source/lua/binding.h"

namespace weir::lua {

State& stateOf(lua_State* L) {
  void* memory = nullptr;
  lua_getallocf(L, &memory);
  return static_cast<Memory*>(memory)->owner();
}

void raise(lua_State* L, std::string_view message) {
  luaL_where(L, 1);
  pushText(L, message);
  lua_concat(L, 2);
  lua_error(L);
  __builtin_unreachable();
}

void raiseMisuse(lua_State* L, const char* what, const char* why) {
  luaL_where(L, 1);
  lua_pushfstring(L, "%s %s", what, why);
  lua_concat(L, 2);
  stateOf(L).noteMisuse(lua_tostring(L, -1));
  lua_error(L);
  __builtin_unreachable();
}

void defineHandle(lua_State* L, State& state, const HandleType& type, const luaL_Reg* methods,
                  const luaL_Reg* metamethods) {
  lua_newtable(L);
  lua_newtable(L);
  for (; methods->name != nullptr; ++methods) {
    lua_pushcfunction(L, methods->func);
    lua_setfield(L, -2, methods->name);
  }
  lua_setfield(L, -2, "__index");
  for (; metamethods != nullptr && metamethods->name != nullptr; ++metamethods) {
    lua_pushcfunction(L, metamethods->func);
    lua_setfield(L, -2, metamethods->name);
  }
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  state.addMetatable(type, luaL_ref(L, LUA_REGISTRYINDEX));
}

void pushHandle(lua_State* L, const HandleType& type, void* object, const Scope& scope) {
  auto* const handle = static_cast<Handle*>(lua_newuserdata(L, sizeof(Handle)));
  *handle = {&type, object, &scope, scope.generation()};
  lua_rawgeti(L, LUA_REGISTRYINDEX, stateOf(L).metatable(type));
  lua_setmetatable(L, -2);
}

void pushLastingHandle(lua_State* L, const HandleType& type, void* object) {
  auto* const handle = static_cast<Handle*>(lua_newuserdata(L, sizeof(Handle)));
  *handle = {&type, object, nullptr, 0};
  lua_rawgeti(L, LUA_REGISTRYINDEX, stateOf(L).metatable(type));
  lua_setmetatable(L, -2);
}

void* checkHandleObject(lua_State* L, int index, const HandleType& type) {
  // Scripts cannot make userdata, so every one is a Handle.
  const auto* const handle = lua_type(L, index) == LUA_TUSERDATA
                                 ? static_cast<const Handle*>(lua_touserdata(L, index))
                                 : nullptr;
  if (handle == nullptr || handle->type != &type) luaL_typerror(L, index, type.name);
  if (handle->scope == nullptr) return handle->object;
  if (handle->generation != handle->scope->generation()) {
    luaL_where(L, 1);
    lua_pushfstring(L, "%s used after its %s ended", type.name, type.owner);
    lua_concat(L, 2);
    stateOf(L).noteMisuse(lua_tostring(L, -1));
    lua_error(L);
  }
  if (stateOf(L).currentScope() != handle->scope) {
    raiseMisuse(L, type.name, "used outside of its coroutine");
  }
  return handle->object;
}

void checkMayYield(lua_State* L) {
  State& state = stateOf(L);
  if (!state.isStreamThread(L)) {
    raiseMisuse(L, "a call that waits", "was made in a coroutine of the script's own");
  }
  state.allowYield();
}

void runPrelude(lua_State* L, const char* name, std::string_view source, int arguments,
                int results) {
  if (luaL_loadbuffer(L, source.data(), source.size(), name) != 0) lua_error(L);
  lua_getglobal(L, "require");
  lua_pushliteral(L, "ffi");
  lua_call(L, 1, 1);
  lua_insert(L, -2 - arguments);  // ffi below the arguments
  lua_insert(L, -2 - arguments);  // and the function below that
  lua_call(L, arguments + 1, results);
}

}  // namespace weir::lua
