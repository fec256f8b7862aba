#pragma once

#include "extensions/network_filters/lua/filter.h"
#include "source/http/stream_error.h"
#include "source/lua/binding.h"

// The parts of `conn` and `data`.
namespace weir::extensions::network_filters::lua {

extern const weir::lua::HandleType kDataType;
const weir::lua::HandleType& connectionType();

// Pushes a handle that names a filter by its number, and works in whatever function of the script,
// until the connection is closed.
void pushNumbered(lua_State* L, const weir::lua::HandleType& type, uint64_t number);
// The filter of the handle at `index`; raises when it is something else or closed.
LuaFilter& checkFilter(lua_State* L, int index, const weir::lua::HandleType& type);
inline LuaFilter& checkConnection(lua_State* L) {
  return checkFilter(L, 1, connectionType());
}

// conn:httpCall(), and what it returns.
int httpCall(lua_State* L);
int pushAnswer(lua_State* L, const router::HttpCallAnswer& answer, std::string_view body);
int pushFailure(lua_State* L, const http::StreamError& error);

void defineData(lua_State* L, weir::lua::State& state);

}  // namespace weir::extensions::network_filters::lua
