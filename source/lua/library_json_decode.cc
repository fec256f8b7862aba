#include <charconv>
#include <string>

#include "source/base/utf8.h"
#include "source/lua/binding.h"
#include "source/lua/json.h"

// JSON (RFC 8259, strict) to Lua values, straight onto Lua's stack.
namespace weir::lua {
namespace {

// Of a number that no double can hold: whether it is too near to 0.
bool tiny(std::string_view number) {
  const size_t exponent = number.find_first_of("eE");
  if (exponent != std::string_view::npos) return number[exponent + 1] == '-';
  if (number.front() == '-') number.remove_prefix(1);
  return number.substr(0, 2) == "0.";
}

bool isDigit(char c) {
  return c >= '0' && c <= '9';
}

// Of one json.decode(). Returns false, with `wrong` set, for what is no JSON; raises when there is
// no memory. No destructor. Worker-confined.
class Decoder {
 public:
  Decoder(lua_State* L, State& state, std::string_view text) : L_(L), state_(state), text_(text) {}

  bool document() {
    space();
    if (!value(0)) return false;
    space();
    return at_ == text_.size() || fail("more behind its end");
  }
  const char* wrong() const { return wrong_; }
  size_t position() const { return at_ + 1; }

 private:
  bool fail(const char* wrong) {
    wrong_ = wrong;
    return false;
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char c) {
    if (peek() != c || at_ == text_.size()) return false;
    ++at_;
    return true;
  }
  void space() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || text_[at_] == '\t' || text_[at_] == '\n' || text_[at_] == '\r')) {
      ++at_;
    }
  }
  bool word(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return fail("no value");
    at_ += word.size();
    return true;
  }

  // Pushes one value.
  bool value(int depth) {
    switch (peek()) {
      case '{':
        return container(depth, '}');
      case '[':
        return container(depth, ']');
      case '"':
        return string();
      case 't':
        if (!word("true")) return false;
        lua_pushboolean(L_, 1);
        return true;
      case 'f':
        if (!word("false")) return false;
        lua_pushboolean(L_, 0);
        return true;
      case 'n':
        if (!word("null")) return false;
        lua_pushlightuserdata(L_, nullptr);
        return true;
      default:
        return number();
    }
  }

  bool container(int depth, char end) {
    if (depth >= kMaxJsonDepth) return fail("nested too deeply");
    luaL_checkstack(L_, 6, "json");
    ++at_;
    lua_newtable(L_);
    if (end == ']') {
      lua_rawgeti(L_, LUA_REGISTRYINDEX, state_.arrayMark().reference);
      lua_setmetatable(L_, -2);
    }
    space();
    if (take(end)) return true;
    for (int index = 1;; ++index) {
      space();
      if (end == '}') {
        if (peek() != '"') return fail("no name");
        if (!string()) return false;
        space();
        if (!take(':')) return fail("no ':' behind a name");
        space();
      }
      if (!value(depth + 1)) return false;
      if (end == '}') {
        lua_rawset(L_, -3);
      } else {
        lua_rawseti(L_, -2, index);
      }
      space();
      if (take(end)) return true;
      if (!take(',')) return fail("neither ',' nor an end");
    }
  }

  bool string() {
    const size_t begin = ++at_;
    while (at_ < text_.size() && text_[at_] != '"' && text_[at_] != '\\') {
      if (!character()) return false;
    }
    if (peek() == '"') {
      pushText(L_, text_.substr(begin, at_++ - begin));
      return true;
    }
    // With escapes: put together in the state's scratch.
    std::string& out = state_.scratch();
    out.assign(text_.substr(begin, at_ - begin));
    while (at_ < text_.size() && text_[at_] != '"') {
      const size_t from = at_;
      if (text_[at_] == '\\') {
        if (!escape(out)) return false;
        continue;
      }
      if (!character()) return false;
      out += text_.substr(from, at_ - from);
    }
    if (!take('"')) return fail("a text without end");
    pushText(L_, out);
    return true;
  }
  bool character() {
    if (static_cast<unsigned char>(text_[at_]) < 0x20) return fail("a control character in a text");
    const size_t length = base::utf8Length(text_.substr(at_));
    if (length == 0) return fail("a text that is no UTF-8");
    at_ += length;
    return true;
  }
  bool escape(std::string& out) {
    static constexpr std::string_view kFrom = "\"\\/bfnrt";
    static constexpr std::string_view kTo = "\"\\/\b\f\n\r\t";
    ++at_;
    if (peek() == 'u') {
      uint32_t code = 0;
      if (!hex(code)) return false;
      if (code >= 0xdc00 && code < 0xe000) return fail("half a character");
      if (code >= 0xd800 && code < 0xdc00) {
        uint32_t low = 0;
        if (!take('\\') || peek() != 'u' || !hex(low) || low < 0xdc00 || low > 0xdfff) {
          return fail("half a character");
        }
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      }
      base::appendUtf8(code, out);
      return true;
    }
    const size_t which = at_ < text_.size() ? kFrom.find(text_[at_]) : std::string_view::npos;
    if (which == std::string_view::npos) return fail("an escape that there is not");
    out += kTo[which];
    ++at_;
    return true;
  }
  // At the u.
  bool hex(uint32_t& code) {
    ++at_;
    if (text_.size() - at_ < 4) return fail("\\u without four digits");
    const char* const begin = text_.data() + at_;
    const auto [end, error] = std::from_chars(begin, begin + 4, code, 16);
    if (error != std::errc() || end != begin + 4) return fail("\\u without four digits");
    at_ += 4;
    return true;
  }

  bool number() {
    const size_t begin = at_;
    take('-');
    if (!take('0') && !digits()) return fail("no value");
    if (take('.') && !digits()) return fail("no digit behind a point");
    if (peek() == 'e' || peek() == 'E') {
      ++at_;
      if (!take('+')) take('-');
      if (!digits()) return fail("no digit in an exponent");
    }
    double number = 0;
    const auto [end, error] = std::from_chars(text_.data() + begin, text_.data() + at_, number);
    if (error == std::errc::result_out_of_range) {
      // What is too small for a number is 0; what is too large is none.
      if (!tiny(text_.substr(begin, at_ - begin))) return fail("a number that is too large");
      number = 0;
    }
    lua_pushnumber(L_, number);
    return true;
  }
  bool digits() {
    const size_t begin = at_;
    while (isDigit(peek())) ++at_;
    return at_ != begin;
  }

  lua_State* const L_;
  State& state_;
  const std::string_view text_;
  size_t at_ = 0;
  const char* wrong_ = nullptr;
};

}  // namespace

int decodeJson(lua_State* L) {
  const std::string_view text = checkText(L, 1);
  Decoder decoder(L, stateOf(L), text);
  if (decoder.document()) return 1;
  lua_settop(L, 1);
  lua_pushnil(L);
  lua_pushfstring(L, "json: %s at byte %d", decoder.wrong(), static_cast<int>(decoder.position()));
  return 2;
}

}  // namespace weir::lua
