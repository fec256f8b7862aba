#include "extensions/routing/lua/table_reader.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>

#include <luajit-2.1/lua.hpp>

#include "source/base/concat.h"

namespace weir::extensions::routing::lua {
namespace {

constexpr size_t kMaxFingerprint = 4096;
constexpr int kMaxDepth = 3;
constexpr double kMostSeconds = 24 * 3600;

// Of a LUA_TSTRING only: the conversion of others changes them.
std::string_view textAt(lua_State* L, int index) {
  size_t size = 0;
  const char* const text = lua_tolstring(L, index, &size);
  return {text, size};
}

std::string numberText(double number) {
  char text[32];
  std::snprintf(text, sizeof text, "%.14g", number);
  return text;
}

void appendBytes(char kind, std::string_view bytes, std::string& out) {
  const auto size = static_cast<uint32_t>(bytes.size());
  char head[1 + sizeof size] = {kind};
  std::memcpy(head + 1, &size, sizeof size);
  out.append(head, sizeof head);
  out.append(bytes);
}

bool append(lua_State* L, int index, int depth, std::string_view except, std::string& out) {
  if (out.size() > kMaxFingerprint) return false;
  switch (lua_type(L, index)) {
    case LUA_TSTRING:
      if (lua_objlen(L, index) > kMaxFingerprint) return false;
      appendBytes('s', textAt(L, index), out);
      return true;
    case LUA_TNUMBER: {
      const double number = lua_tonumber(L, index);
      char bytes[sizeof number];
      std::memcpy(bytes, &number, sizeof number);
      appendBytes('n', {bytes, sizeof bytes}, out);
      return true;
    }
    case LUA_TBOOLEAN:
      out.push_back(lua_toboolean(L, index) != 0 ? 'y' : 'f');
      return true;
    case LUA_TTABLE:
      break;
    default:
      return false;
  }
  if (depth == kMaxDepth) return false;
  const int table = lua_gettop(L) + 1 + index;  // `index` is -1 or -2
  out.push_back('(');
  lua_pushnil(L);
  while (lua_next(L, table) != 0) {
    const bool skipped =
        depth == 0 && !except.empty() && lua_type(L, -2) == LUA_TSTRING && textAt(L, -2) == except;
    if (!skipped && (!append(L, -2, depth + 1, {}, out) || !append(L, -1, depth + 1, {}, out))) {
      lua_pop(L, 2);
      return false;
    }
    lua_pop(L, 1);
  }
  out.push_back(')');
  return true;
}

}  // namespace

bool appendFingerprint(lua_State* L, std::string_view except, std::string& out) {
  return append(L, -1, 0, except, out);
}

bool TableReader::refuse(std::string_view problem) {
  if (problem_.empty()) {
    problem_ = path_.empty() ? base::concat("returned a table that ", problem)
                             : base::concat("returned a table whose ", path_, " ", problem);
  }
  return false;
}

bool TableReader::refuseType(lua_State* L, std::string_view wanted) {
  return refuse(base::concat("is a ", lua_typename(L, lua_type(L, -1)), "; it has to be ", wanted));
}

bool TableReader::walk(lua_State* L, std::span<const Option> options, void* target) {
  if (lua_type(L, -1) != LUA_TTABLE) return refuseType(L, "a table");
  const int table = lua_gettop(L);
  const size_t outside = path_.size();
  bool good = true;
  lua_pushnil(L);
  while (good && lua_next(L, table) != 0) {
    if (lua_type(L, -2) != LUA_TSTRING) {
      good = refuse("has a key that is not a name");
    } else {
      const std::string_view name = textAt(L, -2);
      const auto option = std::find_if(options.begin(), options.end(),
                                       [name](const Option& each) { return each.name == name; });
      if (option == options.end()) {
        good = refuse(base::concat("has \"", name.substr(0, 64), "\", which means nothing"));
      } else {
        if (outside > 0) path_.push_back('.');
        path_.append(name);
        good = option->read(*this, L, target);
        path_.resize(outside);
      }
    }
    lua_pop(L, 1);
  }
  lua_settop(L, table);
  return good;
}

bool TableReader::walkList(lua_State* L,
                           bool (*read)(TableReader& reader, lua_State* L, void* target),
                           void* target) {
  if (lua_type(L, -1) != LUA_TTABLE) return refuseType(L, "a list");
  const int table = lua_gettop(L);
  const size_t count = lua_objlen(L, -1);
  if (count > kMaxPairs) return refuse("has too many values");
  bool good = true;
  for (size_t i = 1; good && i <= count; ++i) {
    lua_rawgeti(L, table, static_cast<int>(i));
    good = read(*this, L, target);
    lua_pop(L, 1);
  }
  return good;
}

bool TableReader::text(lua_State* L, std::string& to) {
  if (lua_type(L, -1) != LUA_TSTRING) return refuseType(L, "a string");
  to = textAt(L, -1);
  return true;
}

bool TableReader::flag(lua_State* L, bool& to) {
  if (lua_type(L, -1) != LUA_TBOOLEAN) return refuseType(L, "true or false");
  to = lua_toboolean(L, -1) != 0;
  return true;
}

bool TableReader::number(lua_State* L, Range range, double& to) {
  if (lua_type(L, -1) != LUA_TNUMBER) return refuseType(L, "a number");
  to = lua_tonumber(L, -1);
  if (to >= range.least && to <= range.most) return true;
  return refuse(base::concat("is ", numberText(to), "; it has to be ", numberText(range.least),
                             " to ", numberText(range.most)));
}

bool TableReader::whole(lua_State* L, Range range, uint64_t& to) {
  double value = 0;
  if (!number(L, range, value)) return false;
  to = static_cast<uint64_t>(value);
  return std::floor(value) == value || refuse("is not a whole number");
}

bool TableReader::duration(lua_State* L, std::chrono::milliseconds least,
                           std::chrono::milliseconds& to) {
  double seconds = 0;
  if (!number(L, {std::chrono::duration<double>(least).count(), kMostSeconds}, seconds)) {
    return false;
  }
  to = std::chrono::milliseconds(static_cast<int64_t>(std::ceil(seconds * 1000 - 1e-6)));
  return true;
}

}  // namespace weir::extensions::routing::lua
