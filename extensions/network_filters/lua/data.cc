#include <algorithm>

#include "extensions/network_filters/lua/bindings.h"
#include "source/lua/facts.h"

// `data`.
namespace weir::extensions::network_filters::lua {

const weir::lua::HandleType kDataType{"data object", "call"};

namespace {

using weir::lua::checkText;

// What scripts may make of the data of one call.
constexpr size_t kMaxBytes = size_t{1} << 20;

buffer::Buffer& checkData(lua_State* L) {
  buffer::Buffer* const data = checkFilter(L, 1, kDataType).data();
  if (data == nullptr) {
    weir::lua::raiseMisuse(L, kDataType.name, "used outside of on_data() and on_write()");
  }
  return *data;
}

int length(lua_State* L) {
  weir::lua::pushNumber(L, checkData(L).size());
  return 1;
}

// getBytes([index [, length]]), from 0
int getBytes(lua_State* L) {
  buffer::Buffer& data = checkData(L);
  const size_t size = data.size();
  const lua_Number from = luaL_optnumber(L, 2, 0);
  if (!(from >= 0 && from <= static_cast<lua_Number>(size))) {
    luaL_argerror(L, 2, "there are not so many bytes");
  }
  const auto begin = static_cast<size_t>(from);
  const lua_Number wanted = luaL_optnumber(L, 3, static_cast<lua_Number>(size - begin));
  if (!(wanted >= 0 && wanted <= static_cast<lua_Number>(size - begin))) {
    luaL_argerror(L, 3, "there are not so many bytes");
  }
  const auto count = static_cast<size_t>(wanted);
  weir::lua::pushText(L, data.linearize(begin + count).substr(begin, count));
  return 1;
}

void checkRoom(lua_State* L, size_t bytes) {
  if (bytes > kMaxBytes) weir::lua::raise(L, "data has at most 1 MiB");
}

int setBytes(lua_State* L) {
  buffer::Buffer& data = checkData(L);
  const std::string_view bytes = checkText(L, 2);
  checkRoom(L, bytes.size());
  data.clear();
  data.append(bytes);
  return 0;
}

int append(lua_State* L) {
  buffer::Buffer& data = checkData(L);
  const std::string_view bytes = checkText(L, 2);
  checkRoom(L, data.size() + bytes.size());
  data.append(bytes);
  return 0;
}

int prepend(lua_State* L) {
  buffer::Buffer& data = checkData(L);
  const std::string_view bytes = checkText(L, 2);
  checkRoom(L, data.size() + bytes.size());
  data.prepend(bytes);
  return 0;
}

// drain([count]): all
int drain(lua_State* L) {
  buffer::Buffer& data = checkData(L);
  const auto size = static_cast<lua_Number>(data.size());
  const lua_Number count = luaL_optnumber(L, 2, size);
  if (!(count >= 0 && count <= size)) luaL_argerror(L, 2, "there are not so many bytes");
  data.drain(static_cast<size_t>(count));
  return 0;
}

int endStream(lua_State* L) {
  checkData(L);
  lua_pushboolean(L, checkFilter(L, 1, kDataType).endStream());
  return 1;
}

constexpr luaL_Reg kMethods[] = {
    {"length", &length},   {"getBytes", &getBytes}, {"setBytes", &setBytes},   {"append", &append},
    {"prepend", &prepend}, {"drain", &drain},       {"endStream", &endStream}, {nullptr, nullptr},
};
constexpr luaL_Reg kMeta[] = {{"__len", &length}, {nullptr, nullptr}};

}  // namespace

void defineData(lua_State* L, weir::lua::State& state) {
  weir::lua::defineHandle(L, state, kDataType, kMethods, kMeta);
}

}  // namespace weir::extensions::network_filters::lua
