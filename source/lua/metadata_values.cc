#include "source/lua/metadata_values.h"

#include <variant>

namespace weir::lua {
namespace {

using http::MetadataValue;

void pushMembers(lua_State* L, const MetadataValue& value) {
  const bool list = value.kind == MetadataValue::Kind::kList;
  const int count = static_cast<int>(value.count);
  lua_createtable(L, list ? count : 0, list ? 0 : count);
  int index = 0;
  for (const http::MetadataField& member : value.members()) {
    if (!list) pushText(L, member.key);
    pushValue(L, member.value);
    list ? lua_rawseti(L, -2, ++index) : lua_rawset(L, -3);
  }
}

}  // namespace

void pushValue(lua_State* L, const MetadataValue& value) {
  luaL_checkstack(L, 4, "metadata");
  switch (value.kind) {
    case MetadataValue::Kind::kNull:
      return lua_pushnil(L);
    case MetadataValue::Kind::kBool:
      return lua_pushboolean(L, value.flag ? 1 : 0);
    case MetadataValue::Kind::kNumber:
      return lua_pushnumber(L, value.number);
    case MetadataValue::Kind::kText:
      return pushText(L, value.text);
    case MetadataValue::Kind::kList:
    case MetadataValue::Kind::kStruct:
      return pushMembers(L, value);
  }
}

void pushValue(lua_State* L, const http::DynamicMetadata::Value& value) {
  if (const auto* const text = std::get_if<std::string_view>(&value)) return pushText(L, *text);
  if (const auto* const number = std::get_if<double>(&value)) return lua_pushnumber(L, *number);
  if (const auto* const flag = std::get_if<bool>(&value)) return lua_pushboolean(L, *flag);
  pushValue(L, *std::get<const MetadataValue*>(value));
}

}  // namespace weir::lua
