#include <array>

#include "extensions/http_filters/lua/bindings.h"

// What all scripts of the filter get, put together.
namespace weir::extensions::http_filters::lua {

namespace {

using weir::lua::Handle;

constexpr std::array<const char*, 4> kEntryPoints = {"envoy_on_request", "on_request",
                                                     "envoy_on_response", "on_response"};

constexpr luaL_Reg kHandleMeta[] = {{"__eq", &sameObject}, {nullptr, nullptr}};

// pairs(object): a handle's own, else as ever (the first upvalue).
int pairsOf(lua_State* L) {
  if (lua_type(L, 1) == LUA_TUSERDATA && luaL_getmetafield(L, 1, "__pairs") != 0) {
    lua_pushvalue(L, 1);
    lua_call(L, 1, 3);
    return 3;
  }
  lua_settop(L, 1);
  lua_pushvalue(L, lua_upvalueindex(1));
  lua_insert(L, 1);
  lua_call(L, 1, 3);
  return 3;
}

}  // namespace

std::vector<std::string> entryPointNames() {
  return {kEntryPoints.begin(), kEntryPoints.end()};
}

weir::lua::Function entryPoint(const weir::lua::State& state, Direction direction) {
  const size_t first = direction == Direction::kRequest ? 0 : 2;
  const weir::lua::Function function = state.entryPoint(first);
  return function ? function : state.entryPoint(first + 1);
}

LuaModule::LuaModule() {
  addMessageMethods(methods_);
  addCallMethods(methods_);
  addReplyMethods(methods_);
  addTextMethods(methods_);
  addMetadataMethods(methods_);
  addFactMethods(methods_);
  methods_.push_back({nullptr, nullptr});
}

void LuaModule::install(lua_State* L, weir::lua::State& state) const {
  defineHandle(L, state, kStreamType, methods_.data(), kHandleMeta);
  installFields(L, state);
  installBody(L, state);
  installMetadata(L, state);
  installFacts(L, state);
  installText(L, state);
  installPairs(L);
}

int sameObject(lua_State* L) {
  const auto* const a = static_cast<const Handle*>(lua_touserdata(L, 1));
  const auto* const b = static_cast<const Handle*>(lua_touserdata(L, 2));
  const bool same = a != nullptr && b != nullptr && a->type == b->type && a->object == b->object &&
                    a->scope == b->scope && a->generation == b->generation;
  lua_pushboolean(L, same ? 1 : 0);
  return 1;
}

void installPairs(lua_State* L) {
  lua_getglobal(L, "pairs");
  lua_pushcclosure(L, &pairsOf, 1);
  lua_setglobal(L, "pairs");
}

}  // namespace weir::extensions::http_filters::lua
