#include <array>
#include <cstdint>

#include "source/lua/binding.h"
#include "source/lua/json.h"
#include "source/lua/library_parts.h"

// weir.base64 and weir.json.
namespace weir::lua {
namespace {

constexpr char kAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr char kUrlAlphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

// base64.encode(text [, url]): with "+/" and padding, or for URLs with "-_" and none.
int encodeBase64(lua_State* L) {
  const std::string_view text = checkText(L, 1);
  const bool url = lua_toboolean(L, 2) != 0;
  const char* const alphabet = url ? kUrlAlphabet : kAlphabet;
  std::string& out = stateOf(L).scratch();
  const auto byte = [text](size_t i) -> uint32_t {
    return i < text.size() ? static_cast<unsigned char>(text[i]) : 0;
  };
  for (size_t i = 0; i < text.size(); i += 3) {
    const uint32_t bits = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    out += alphabet[bits >> 18];
    out += alphabet[(bits >> 12) & 63];
    if (i + 1 < text.size()) out += alphabet[(bits >> 6) & 63];
    if (i + 2 < text.size()) out += alphabet[bits & 63];
  }
  while (!url && out.size() % 4 != 0) out += '=';
  pushText(L, out);
  return 1;
}

int valueOf(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  if (c == '+' || c == '-') return 62;
  if (c == '/' || c == '_') return 63;
  return -1;
}

// base64.decode(text): both alphabets, padding or none; nil for what is not base64.
int decodeBase64(lua_State* L) {
  std::string_view text = checkText(L, 1);
  std::string& out = stateOf(L).scratch();
  if (text.size() % 4 == 0 && !text.empty() && text.back() == '=') {
    text.remove_suffix(1);
    if (text.back() == '=') text.remove_suffix(1);
  }
  uint32_t bits = 0;
  int count = 0;
  bool good = text.size() % 4 != 1;
  for (const char c : text) {
    const int value = valueOf(c);
    if (value < 0) {
      good = false;
      break;
    }
    bits = bits << 6 | static_cast<uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out += static_cast<char>(bits >> count & 0xff);
    }
  }
  // Bits that are left over are zero in what an encoder wrote.
  if (good && (bits & ((1U << count) - 1)) != 0) good = false;
  if (!good) {
    lua_pushnil(L);
    return 1;
  }
  pushText(L, out);
  return 1;
}

// json.array(table): is written as an array even when it is empty.
int markArray(lua_State* L) {
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  lua_rawgeti(L, LUA_REGISTRYINDEX, stateOf(L).arrayMark().reference);
  lua_setmetatable(L, 1);
  return 1;
}

}  // namespace

void installText(lua_State* L, State& state) {
  lua_newtable(L);
  setFunction(L, "encode", &encodeBase64);
  setFunction(L, "decode", &decodeBase64);
  lua_setfield(L, -2, "base64");

  lua_newtable(L);
  lua_pushboolean(L, 0);
  lua_setfield(L, -2, "__metatable");
  state.setArrayMark(state.keep(L));
  lua_newtable(L);
  setFunction(L, "encode", &encodeJson);
  setFunction(L, "decode", &decodeJson);
  setFunction(L, "array", &markArray);
  lua_pushlightuserdata(L, nullptr);
  lua_setfield(L, -2, "null");
  lua_setfield(L, -2, "json");
}

}  // namespace weir::lua
