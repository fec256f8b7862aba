#include <cstring>
#include <new>

#include "extensions/http_filters/lua/bindings.h"
#include "source/base/ascii.h"
#include "source/http/semantics.h"

// Tables of fields that scripts give.
namespace weir::extensions::http_filters::lua {
namespace {

using weir::lua::raise;

constexpr size_t kMaxFields = 1000;

// Visits name and value of each field in the table at `index`. With lua_next, keys must stay what
// they are, so numbers are turned to text on a copy. Raises.
template <class F>
void eachField(lua_State* L, int index, F&& visit) {
  const auto value = [&](int at) {
    if (lua_type(L, at) != LUA_TSTRING && lua_type(L, at) != LUA_TNUMBER) {
      raise(L, "the value of a header must be a string or a list of strings");
    }
    lua_pushvalue(L, at);
    size_t size = 0;
    const char* const text = lua_tolstring(L, -1, &size);
    visit(std::string_view(text, size));
    lua_pop(L, 1);
  };
  lua_pushnil(L);
  while (lua_next(L, index) != 0) {
    if (lua_type(L, -2) != LUA_TSTRING) raise(L, "the name of a header must be a string");
    const int top = lua_gettop(L);
    if (lua_type(L, top) != LUA_TTABLE) {
      value(top);
    } else {
      const size_t count = lua_objlen(L, top);
      for (size_t i = 1; i <= count && i <= kMaxFields + 1; ++i) {
        lua_rawgeti(L, top, static_cast<int>(i));
        value(top + 1);
        lua_pop(L, 1);
      }
    }
    lua_pop(L, 1);
  }
}

std::string_view keyUnder(lua_State* L, int top_of_values) {
  size_t size = 0;
  const char* const text = lua_tolstring(L, top_of_values, &size);
  return {text, size};
}

void check(lua_State* L, std::string_view name, std::string_view value) {
  const bool pseudo = !name.empty() && name.front() == ':';
  if (!http::isToken(pseudo ? name.substr(1) : name)) {
    raise(L, "the name of a header has characters that none may have");
  }
  if (!http::isFieldValue(value)) raise(L, "the value of a header has control characters");
}

}  // namespace

std::span<TableField> collectFields(lua_State* L, int index) {
  luaL_checktype(L, index, LUA_TTABLE);
  luaL_checkstack(L, 8, "headers");
  const int base = lua_gettop(L);
  size_t count = 0;
  size_t bytes = 0;
  eachField(L, index, [&](std::string_view value) {
    const std::string_view name = keyUnder(L, base + 1);
    check(L, name, value);
    bytes += name.size() + value.size();
    if (++count > kMaxFields) raise(L, "there are too many headers");
  });
  char* memory = static_cast<char*>(lua_newuserdata(L, count * sizeof(TableField) + bytes + 1));
  auto* const fields = reinterpret_cast<TableField*>(memory);
  char* text = memory + count * sizeof(TableField);
  const auto copy = [&text](std::string_view from) {
    if (!from.empty()) std::memcpy(text, from.data(), from.size());
    text += from.size();
    return std::string_view(text - from.size(), from.size());
  };
  size_t i = 0;
  eachField(L, index, [&](std::string_view value) {
    const std::string_view name = keyUnder(L, base + 2);
    new (&fields[i++]) TableField{copy(name), copy(value)};
  });
  return {fields, count};
}

}  // namespace weir::extensions::http_filters::lua
