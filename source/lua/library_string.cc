#include <algorithm>

#include "source/lua/binding.h"
#include "source/lua/library_parts.h"
#include "source/lua/pattern.h"

// string.find, match, gmatch and gsub, whose patterns can be interrupted.
namespace weir::lua {
namespace {

constexpr std::string_view kSpecial = "^$*+?.([%-";

// Where to begin, as the argument at `index` says it: from 0, at most one behind the end.
size_t begins(lua_State* L, int index, size_t size) {
  const auto first = static_cast<ptrdiff_t>(luaL_optinteger(L, index, 1));
  const auto length = static_cast<ptrdiff_t>(size);
  if (first < 0) return static_cast<size_t>(std::max<ptrdiff_t>(0, length + first));
  if (first == 0) return 0;
  return static_cast<size_t>(std::min(first - 1, length));
}

int search(lua_State* L, bool find) {
  const std::string_view subject = checkText(L, 1);
  std::string_view pattern = checkText(L, 2);
  size_t at = begins(L, 3, subject.size());
  if (find &&
      (lua_toboolean(L, 4) != 0 || pattern.find_first_of(kSpecial) == std::string_view::npos)) {
    const size_t found = subject.find(pattern, at);
    if (found == std::string_view::npos) {
      lua_pushnil(L);
      return 1;
    }
    lua_pushnumber(L, static_cast<double>(found + 1));
    lua_pushnumber(L, static_cast<double>(found + pattern.size()));
    return 2;
  }
  const bool anchored = !pattern.empty() && pattern.front() == '^';
  if (anchored) pattern.remove_prefix(1);
  Matcher matcher(L, subject, pattern);
  for (; at <= subject.size(); ++at) {
    const size_t end = matcher.matchAt(at);
    if (end != Matcher::kNone) {
      if (!find) return matcher.pushCaptures(at, end, true);
      lua_pushnumber(L, static_cast<double>(at + 1));
      lua_pushnumber(L, static_cast<double>(end));
      return 2 + matcher.pushCaptures(at, end, false);
    }
    if (anchored) break;
  }
  lua_pushnil(L);
  return 1;
}

int find(lua_State* L) {
  return search(L, true);
}
int match(lua_State* L) {
  return search(L, false);
}

// Upvalues: subject, pattern, where to go on.
int nextMatch(lua_State* L) {
  const std::string_view subject = checkText(L, lua_upvalueindex(1));
  Matcher matcher(L, subject, checkText(L, lua_upvalueindex(2)));
  auto at = static_cast<size_t>(lua_tonumber(L, lua_upvalueindex(3)));
  for (; at <= subject.size(); ++at) {
    const size_t end = matcher.matchAt(at);
    if (end == Matcher::kNone) continue;
    lua_pushnumber(L, static_cast<double>(end == at ? end + 1 : end));
    lua_replace(L, lua_upvalueindex(3));
    return matcher.pushCaptures(at, end, true);
  }
  return 0;
}

int gmatch(lua_State* L) {
  checkText(L, 1);
  checkText(L, 2);
  lua_settop(L, 2);
  lua_pushnumber(L, 0);
  lua_pushcclosure(L, &nextMatch, 3);
  return 1;
}

// The text at 3, with its %0 to %9.
void addText(lua_State* L, Matcher& matcher, size_t begin, size_t end, luaL_Buffer& to) {
  size_t size = 0;
  const char* const text = lua_tolstring(L, 3, &size);
  for (size_t i = 0; i < size; ++i) {
    if (text[i] != '%') {
      luaL_addchar(&to, text[i]);
      continue;
    }
    const char c = ++i < size ? text[i] : '\0';
    if (c >= '0' && c <= '9') {
      if (c == '0') {
        const std::string_view subject = checkText(L, 1);
        luaL_addlstring(&to, subject.data() + begin, end - begin);
      } else {
        matcher.pushCapture(c - '1', begin, end);
        luaL_addvalue(&to);
      }
    } else {
      luaL_addchar(&to, c);
    }
  }
}

// What stands for one match: as the argument at 3, of type `kind`, says.
void addReplacement(lua_State* L, int kind, Matcher& matcher, size_t begin, size_t end,
                    luaL_Buffer& to) {
  if (kind == LUA_TFUNCTION) {
    lua_pushvalue(L, 3);
    const int count = matcher.pushCaptures(begin, end, true);
    lua_call(L, count, 1);
  } else if (kind == LUA_TTABLE) {
    matcher.pushCapture(0, begin, end);
    lua_gettable(L, 3);
  } else {
    return addText(L, matcher, begin, end, to);
  }
  if (lua_toboolean(L, -1) == 0) {
    lua_pop(L, 1);
    const std::string_view subject = checkText(L, 1);
    luaL_addlstring(&to, subject.data() + begin, end - begin);
    return;
  }
  if (lua_isstring(L, -1) == 0) {
    lua_pushfstring(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
    raise(L, lua_tostring(L, -1));
  }
  luaL_addvalue(&to);
}

int gsub(lua_State* L) {
  const std::string_view subject = checkText(L, 1);
  std::string_view pattern = checkText(L, 2);
  const int kind = lua_type(L, 3);
  if (kind != LUA_TNUMBER && kind != LUA_TSTRING && kind != LUA_TFUNCTION && kind != LUA_TTABLE) {
    luaL_typerror(L, 3, "string/function/table");
  }
  const lua_Integer most = luaL_optinteger(L, 4, static_cast<lua_Integer>(subject.size() + 1));
  const bool anchored = !pattern.empty() && pattern.front() == '^';
  if (anchored) pattern.remove_prefix(1);
  lua_settop(L, 3);
  Matcher matcher(L, subject, pattern);
  luaL_Buffer out;
  luaL_buffinit(L, &out);
  size_t at = 0;
  lua_Integer count = 0;
  while (count < most) {
    const size_t end = matcher.matchAt(at);
    if (end != Matcher::kNone) {
      ++count;
      addReplacement(L, kind, matcher, at, end, out);
    }
    if (end != Matcher::kNone && end > at) {
      at = end;
    } else if (at < subject.size()) {
      luaL_addchar(&out, subject[at]);
      ++at;
    } else {
      break;
    }
    if (anchored) break;
  }
  luaL_addlstring(&out, subject.data() + at, subject.size() - at);
  luaL_pushresult(&out);
  lua_pushinteger(L, count);
  return 2;
}

}  // namespace

void installPatterns(lua_State* L) {
  lua_getglobal(L, "string");
  setFunction(L, "find", &find);
  setFunction(L, "match", &match);
  setFunction(L, "gmatch", &gmatch);
  setFunction(L, "gsub", &gsub);
  lua_pushnil(L);
  lua_setfield(L, -2, "gfind");
  lua_pop(L, 1);
}

}  // namespace weir::lua
