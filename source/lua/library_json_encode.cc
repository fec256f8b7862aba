#include <algorithm>
#include <charconv>
#include <cmath>
#include <string>

#include "source/base/json_text.h"
#include "source/lua/binding.h"
#include "source/lua/json.h"

// Lua values to JSON (RFC 8259). The text grows in the state's scratch, not on the C stack, as any
// call may raise.
namespace weir::lua {
namespace {

void appendNumber(std::string& out, double number) {
  char digits[32];
  const bool whole = std::abs(number) < 0x1p53 && number == std::floor(number);
  const auto end =
      whole ? std::to_chars(digits, digits + sizeof digits, static_cast<long long>(number))
            : std::to_chars(digits, digits + sizeof digits, number);
  out.append(digits, end.ptr);
}

// How a table is written.
struct Shape {
  bool array = false;
  size_t length = 0;
};

// Of the table on top of the stack.
Shape shapeOf(lua_State* L, State& state) {
  if (lua_getmetatable(L, -1) != 0) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, state.arrayMark().reference);
    const bool marked = lua_rawequal(L, -1, -2) != 0;
    lua_pop(L, 2);
    if (marked) return {true, lua_objlen(L, -1)};
  }
  size_t count = 0;
  double largest = 0;
  bool names = false;
  bool numbers = false;
  lua_pushnil(L);
  while (lua_next(L, -2) != 0) {
    ++count;
    lua_pop(L, 1);
    const double key = lua_type(L, -1) == LUA_TNUMBER ? lua_tonumber(L, -1) : 0;
    if (key >= 1 && key == std::floor(key)) {
      numbers = true;
      largest = std::max(largest, key);
    } else if (lua_type(L, -1) == LUA_TSTRING) {
      names = true;
    } else {
      raise(L, "json: a key is neither text nor a whole number above 0");
    }
  }
  if (names && numbers) raise(L, "json: a table has both texts and numbers as keys");
  if (!numbers) return {};
  if (largest > static_cast<double>(count) * 2 + 8) {
    raise(L, "json: an array has too many holes");
  }
  return {true, static_cast<size_t>(largest)};
}

// Of one json.encode(). No destructor. Worker-confined.
class Encoder {
 public:
  Encoder(lua_State* L, State& state, std::string& out)
      : L_(L), state_(state), out_(out), limit_(state.memory().limit()) {}

  // The value on top of the stack, which stays there.
  void value(int depth) {
    if (out_.size() > limit_) raise(L_, "json: the text gets larger than the script's memory");
    switch (lua_type(L_, -1)) {
      case LUA_TBOOLEAN:
        out_ += lua_toboolean(L_, -1) != 0 ? "true" : "false";
        return;
      case LUA_TNUMBER:
        return number();
      case LUA_TSTRING: {
        size_t size = 0;
        const char* const text = lua_tolstring(L_, -1, &size);
        return base::appendJsonString({text, size}, out_);
      }
      case LUA_TTABLE:
        return table(depth);
      case LUA_TLIGHTUSERDATA:  // json.null
      case LUA_TNIL:
        out_ += "null";
        return;
      default:
        lua_pushfstring(L_, "json: a %s has no JSON", luaL_typename(L_, -1));
        raise(L_, lua_tostring(L_, -1));
    }
  }

 private:
  void number() {
    const double number = lua_tonumber(L_, -1);
    if (!std::isfinite(number)) raise(L_, "json: a number is infinite or none at all");
    appendNumber(out_, number);
  }
  void table(int depth) {
    if (depth >= kMaxJsonDepth) raise(L_, "json: nested too deeply, or within itself");
    luaL_checkstack(L_, 4, "json");
    const Shape shape = shapeOf(L_, state_);
    if (shape.array) {
      array(shape.length, depth);
    } else {
      object(depth);
    }
  }
  void array(size_t length, int depth) {
    out_ += '[';
    for (size_t i = 1; i <= length; ++i) {
      if (i > 1) out_ += ',';
      lua_rawgeti(L_, -1, static_cast<int>(i));
      value(depth + 1);
      lua_pop(L_, 1);
    }
    out_ += ']';
  }
  void object(int depth) {
    out_ += '{';
    bool first = true;
    lua_pushnil(L_);
    while (lua_next(L_, -2) != 0) {
      if (!first) out_ += ',';
      first = false;
      size_t size = 0;
      const char* const name = lua_tolstring(L_, -2, &size);
      base::appendJsonString({name, size}, out_);
      out_ += ':';
      value(depth + 1);
      lua_pop(L_, 1);
    }
    out_ += '}';
  }

  lua_State* const L_;
  State& state_;
  std::string& out_;
  const size_t limit_;
};

}  // namespace

int encodeJson(lua_State* L) {
  luaL_checkany(L, 1);
  lua_settop(L, 1);
  State& state = stateOf(L);
  std::string& out = state.scratch();
  Encoder(L, state, out).value(0);
  pushText(L, out);
  return 1;
}

}  // namespace weir::lua
