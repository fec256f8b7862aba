#include "source/lua/facts.h"

#include <algorithm>
#include <cstdio>
#include <cstring>

namespace weir::lua {
namespace {

constexpr int kGroupBits = 16;

// Upvalues: the table of methods and of facts' numbers by name, the kind.
int readField(lua_State* L) {
  lua_pushvalue(L, 2);
  lua_rawget(L, lua_upvalueindex(1));
  if (lua_type(L, -1) == LUA_TFUNCTION) return 1;
  const auto& type = *static_cast<const FactType*>(lua_touserdata(L, lua_upvalueindex(2)));
  if (lua_type(L, -1) != LUA_TNUMBER) {
    const char* const name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "?";
    return luaL_error(L, "a %s has no \"%s\"", type.handle.name, name);
  }
  const auto number = static_cast<uint32_t>(lua_tointeger(L, -1));
  const void* object = type.object(L, 1);
  const FactGroup& group = type.groups[number >> kGroupBits];
  if (group.part != nullptr) object = group.part(object);
  if (object == nullptr) {
    lua_pushnil(L);
  } else {
    group.facts[number & ((1U << kGroupBits) - 1)].push(L, object);
  }
  return 1;
}

}  // namespace

void defineFacts(lua_State* L, State& state, const FactType& type, const luaL_Reg* metamethods) {
  static constexpr luaL_Reg kNone[] = {{nullptr, nullptr}};
  defineHandle(L, state, type.handle, kNone, metamethods);
  lua_rawgeti(L, LUA_REGISTRYINDEX, state.metatable(type.handle));
  lua_newtable(L);
  for (size_t g = 0; g < type.groups.size(); ++g) {
    for (size_t f = 0; f < type.groups[g].facts.size(); ++f) {
      lua_pushinteger(L, static_cast<lua_Integer>(g << kGroupBits | f));
      lua_setfield(L, -2, type.groups[g].facts[f].name);
    }
  }
  for (const luaL_Reg* method = type.methods; method->name != nullptr; ++method) {
    lua_pushcfunction(L, method->func);
    lua_setfield(L, -2, method->name);
  }
  lua_pushlightuserdata(L, const_cast<FactType*>(&type));
  lua_pushcclosure(L, &readField, 2);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

void installContextHandle(lua_State* L, State& state, const HandleType& type) {
  lua_pushlightuserdata(L, const_cast<HandleType*>(&type));
  pushHandle(L, type, state.host().context, state.callScope());
  lua_rawset(L, LUA_REGISTRYINDEX);
}

void pushContextHandle(lua_State* L, const HandleType& type) {
  lua_pushlightuserdata(L, const_cast<HandleType*>(&type));
  lua_rawget(L, LUA_REGISTRYINDEX);
}

void raiseResult(lua_State* L, const char* function, const char* problem) {
  lua_pushfstring(L, "%s: %s() %s", stateOf(L).script().config().name.c_str(), function, problem);
  lua_error(L);
  __builtin_unreachable();
}

void pushTextOrNil(lua_State* L, std::string_view text) {
  text.empty() ? lua_pushnil(L) : pushText(L, text);
}

void pushAddress(lua_State* L, const network::Address* address) {
  if (address == nullptr || address->family() == network::Address::Family::kNone) {
    return lua_pushnil(L);
  }
  char text[160];
  size_t size = 0;
  {
    const std::string whole = address->toString();
    size = std::min(whole.size(), sizeof text);
    std::memcpy(text, whole.data(), size);
  }
  pushText(L, {text, size});
}

void pushIp(lua_State* L, const network::Address* address) {
  if (address == nullptr || !address->isIp()) return lua_pushnil(L);
  char text[64];
  pushText(L, {text, address->formatIp(text)});
}

void pushPort(lua_State* L, const network::Address* address) {
  if (address == nullptr || !address->isIp()) return lua_pushnil(L);
  lua_pushinteger(L, address->port());
}

void pushTexts(lua_State* L, const std::vector<std::string>& texts) {
  lua_createtable(L, static_cast<int>(texts.size()), 0);
  for (size_t i = 0; i < texts.size(); ++i) {
    pushText(L, texts[i]);
    lua_rawseti(L, -2, static_cast<int>(i + 1));
  }
}

void pushTime(lua_State* L, std::chrono::system_clock::time_point time) {
  lua_pushnumber(L, std::chrono::duration<double>(time.time_since_epoch()).count());
}

}  // namespace weir::lua
