#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

struct lua_State;

namespace weir::lua {

// Lua's patterns (reference manual of Lua 5.1, 5.4.1, with LuaJIT's %f, %g and zero bytes), matched
// by backtracking as Lua does, but looking at the call's budget while it does: a pattern that takes
// too long ends like any other code. Raises what is wrong with a pattern. No destructor, so a Lua
// error may leave it at any place. Worker-confined.
class Matcher {
 public:
  static constexpr size_t kNone = ~size_t{0};
  static constexpr int kMaxCaptures = 32;

  Matcher(lua_State* L, std::string_view subject, std::string_view pattern)
      : L_(L), subject_(subject), pattern_(pattern) {}

  // Matches the whole pattern at `begin` of the subject: where the match ends, or kNone.
  size_t matchAt(size_t begin);
  int captures() const { return count_; }
  // Pushes the captures of the last match, or the whole match where there are none and `whole`;
  // returns how many.
  int pushCaptures(size_t begin, size_t end, bool whole);
  // Capture `index` from 0; 0 is the whole match where there are none.
  void pushCapture(int index, size_t begin, size_t end);

 private:
  static constexpr size_t kOpen = kNone;
  static constexpr size_t kPosition = kNone - 1;
  static constexpr int kMaxDepth = 200;
  struct Capture {
    size_t begin;
    size_t length;
  };

  size_t match(size_t at, size_t part);
  size_t item(size_t at, size_t part);
  size_t openCapture(size_t at, size_t part, size_t length);
  size_t closeCapture(size_t at, size_t part);
  size_t balanced(size_t at, size_t part);
  bool frontier(size_t at, size_t part, size_t end);
  size_t repeated(size_t at, char digit);
  size_t greedy(size_t at, size_t part, size_t end);
  size_t lazy(size_t at, size_t part, size_t end);
  size_t elementEnd(size_t part);
  bool single(size_t at, size_t part, size_t end) const;
  bool inSet(unsigned char c, size_t part, size_t end) const;
  char pattern(size_t index) const { return index < pattern_.size() ? pattern_[index] : '\0'; }
  unsigned char subject(size_t index) const {
    return index < subject_.size() ? static_cast<unsigned char>(subject_[index]) : 0;
  }
  void step();

  lua_State* const L_;
  const std::string_view subject_;
  const std::string_view pattern_;
  int count_ = 0;
  int depth_ = 0;
  uint32_t steps_ = 0;
  Capture captures_[kMaxCaptures];
};

}  // namespace weir::lua
