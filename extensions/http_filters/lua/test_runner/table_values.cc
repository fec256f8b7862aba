#include "extensions/http_filters/lua/test_runner/table_values.h"

#include <utility>

namespace weir::extensions::http_filters::lua::test_runner {

std::string textAt(lua_State* L, int index) {
  size_t size = 0;
  const char* const text = lua_tolstring(L, index, &size);
  return text == nullptr ? std::string() : std::string(text, size);
}

std::string textIn(lua_State* L, int table, const char* name) {
  lua_getfield(L, table, name);
  std::string text = textAt(L, -1);
  lua_pop(L, 1);
  return text;
}

bool flagIn(lua_State* L, int table, const char* name) {
  lua_getfield(L, table, name);
  const bool flag = lua_toboolean(L, -1) != 0;
  lua_pop(L, 1);
  return flag;
}

std::vector<std::string> textsAt(lua_State* L, int table) {
  std::vector<std::string> texts;
  const size_t count = lua_istable(L, table) ? lua_objlen(L, table) : 0;
  for (size_t i = 1; i <= count; ++i) {
    lua_rawgeti(L, table, static_cast<int>(i));
    texts.push_back(textAt(L, -1));
    lua_pop(L, 1);
  }
  return texts;
}

std::vector<std::string> textsIn(lua_State* L, int table, const char* name) {
  lua_getfield(L, table, name);
  std::vector<std::string> texts = textsAt(L, lua_gettop(L));
  lua_pop(L, 1);
  return texts;
}

FieldList fieldsAt(lua_State* L, int table) {
  FieldList fields;
  std::vector<std::string> texts = textsAt(L, table);
  for (size_t i = 0; i + 1 < texts.size(); i += 2) {
    fields.emplace_back(std::move(texts[i]), std::move(texts[i + 1]));
  }
  return fields;
}

FieldList fieldsIn(lua_State* L, int table, const char* name) {
  lua_getfield(L, table, name);
  FieldList fields = fieldsAt(L, lua_gettop(L));
  lua_pop(L, 1);
  return fields;
}

void pushText(lua_State* L, std::string_view text) {
  lua_pushlstring(L, text.data(), text.size());
}

void setText(lua_State* L, const char* name, std::string_view text) {
  pushText(L, text);
  lua_setfield(L, -2, name);
}

void setFlag(lua_State* L, const char* name, bool flag) {
  lua_pushboolean(L, flag ? 1 : 0);
  lua_setfield(L, -2, name);
}

void setFields(lua_State* L, const char* name, const FieldList& fields) {
  lua_newtable(L);
  int i = 0;
  for (const auto& [field, value] : fields) {
    pushText(L, field);
    lua_rawseti(L, -2, ++i);
    pushText(L, value);
    lua_rawseti(L, -2, ++i);
  }
  lua_setfield(L, -2, name);
}

}  // namespace weir::extensions::http_filters::lua::test_runner
