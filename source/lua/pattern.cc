#include "source/lua/pattern.h"

#include <cstring>

#include "source/lua/binding.h"
#include "source/lua/watchdog.h"

namespace weir::lua {
namespace {

bool isDigit(unsigned char c) {
  return c >= '0' && c <= '9';
}
bool isLower(unsigned char c) {
  return c >= 'a' && c <= 'z';
}
bool isUpper(unsigned char c) {
  return c >= 'A' && c <= 'Z';
}
bool isGraph(unsigned char c) {
  return c > 0x20 && c < 0x7f;
}
bool isAlnum(unsigned char c) {
  return isDigit(c) || isLower(c) || isUpper(c);
}

// Whether `c` is of the class %`letter`; what is no letter of a class stands for itself.
bool inClass(unsigned char c, unsigned char letter) {
  bool is;
  switch (letter | 0x20) {
    case 'a':
      is = isLower(c) || isUpper(c);
      break;
    case 'c':
      is = c < 0x20 || c == 0x7f;
      break;
    case 'd':
      is = isDigit(c);
      break;
    case 'g':
      is = isGraph(c);
      break;
    case 'l':
      is = isLower(c);
      break;
    case 'p':
      is = isGraph(c) && !isAlnum(c);
      break;
    case 's':
      is = c == ' ' || (c >= '\t' && c <= '\r');
      break;
    case 'u':
      is = isUpper(c);
      break;
    case 'w':
      is = isAlnum(c);
      break;
    case 'x':
      is = isDigit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
      break;
    case 'z':
      is = c == 0;
      break;
    default:
      return letter == c;
  }
  if (!isLower(letter) && !isUpper(letter)) return letter == c;
  return isUpper(letter) ? !is : is;
}

}  // namespace

void Matcher::step() {
  if (++steps_ % 1024 == 0) WatchedThread::check(L_);
}

size_t Matcher::matchAt(size_t begin) {
  count_ = 0;
  depth_ = 0;
  return match(begin, 0);
}

size_t Matcher::match(size_t at, size_t part) {
  if (++depth_ > kMaxDepth) raise(L_, "pattern too complex");
  size_t result = kNone;
  while (true) {
    step();
    if (part == pattern_.size()) {
      result = at;
      break;
    }
    const char c = pattern_[part];
    if (c == '(') {
      const bool position = pattern(part + 1) == ')';
      result = position ? openCapture(at, part + 2, kPosition) : openCapture(at, part + 1, kOpen);
      break;
    }
    if (c == ')') {
      result = closeCapture(at, part + 1);
      break;
    }
    if (c == '$' && part + 1 == pattern_.size()) {
      result = at == subject_.size() ? at : kNone;
      break;
    }
    if (c == '%') {
      const char next = pattern(part + 1);
      if (next == 'b') {
        at = balanced(at, part + 2);
        if (at == kNone) break;
        part += 4;
        continue;
      }
      if (next == 'f') {
        if (pattern(part + 2) != '[') raise(L_, "missing '[' after '%f' in pattern");
        const size_t end = elementEnd(part + 2);
        if (!frontier(at, part + 2, end)) break;
        part = end;
        continue;
      }
      if (isDigit(static_cast<unsigned char>(next)) && part + 1 < pattern_.size()) {
        at = repeated(at, next);
        if (at == kNone) break;
        part += 2;
        continue;
      }
    }
    const size_t end = elementEnd(part);
    const char suffix = pattern(end);
    if (suffix == '*') {
      result = greedy(at, part, end);
      break;
    }
    if (suffix == '+') {
      result = single(at, part, end) ? greedy(at + 1, part, end) : kNone;
      break;
    }
    if (suffix == '-') {
      result = lazy(at, part, end);
      break;
    }
    const bool here = single(at, part, end);
    if (suffix == '?') {
      if (here && (result = match(at + 1, end + 1)) != kNone) break;
      part = end + 1;
      continue;
    }
    if (!here) break;
    ++at;
    part = end;
  }
  --depth_;
  return result;
}

size_t Matcher::openCapture(size_t at, size_t part, size_t length) {
  if (count_ >= kMaxCaptures) raise(L_, "too many captures");
  captures_[count_++] = {at, length};
  const size_t result = match(at, part);
  if (result == kNone) --count_;
  return result;
}

size_t Matcher::closeCapture(size_t at, size_t part) {
  int open = count_ - 1;
  while (open >= 0 && captures_[open].length != kOpen) --open;
  if (open < 0) raise(L_, "invalid pattern capture");
  captures_[open].length = at - captures_[open].begin;
  const size_t result = match(at, part);
  if (result == kNone) captures_[open].length = kOpen;
  return result;
}

// %bxy, with x at `part`.
size_t Matcher::balanced(size_t at, size_t part) {
  if (part + 1 >= pattern_.size()) raise(L_, "unbalanced pattern");
  if (at >= subject_.size() || subject_[at] != pattern_[part]) return kNone;
  size_t open = 1;
  for (size_t i = at + 1; i < subject_.size(); ++i) {
    step();
    if (subject_[i] == pattern_[part + 1]) {
      if (--open == 0) return i + 1;
    } else if (subject_[i] == pattern_[part]) {
      ++open;
    }
  }
  return kNone;
}

bool Matcher::frontier(size_t at, size_t part, size_t end) {
  const unsigned char before = at == 0 ? 0 : subject(at - 1);
  return !inSet(before, part, end - 1) && inSet(subject(at), part, end - 1);
}

// What capture number `digit` has matched, once more.
size_t Matcher::repeated(size_t at, char digit) {
  const int index = digit - '1';
  if (index < 0 || index >= count_ || captures_[index].length == kOpen) {
    raise(L_, "invalid capture index");
  }
  const Capture& capture = captures_[index];
  if (capture.length == kPosition) return kNone;
  if (subject_.size() - at < capture.length) return kNone;
  if (subject_.compare(at, capture.length, subject_, capture.begin, capture.length) != 0) {
    return kNone;
  }
  return at + capture.length;
}

size_t Matcher::greedy(size_t at, size_t part, size_t end) {
  size_t count = 0;
  while (single(at + count, part, end)) {
    step();
    ++count;
  }
  for (;; --count) {
    const size_t result = match(at + count, end + 1);
    if (result != kNone || count == 0) return result;
  }
}

size_t Matcher::lazy(size_t at, size_t part, size_t end) {
  for (;; ++at) {
    const size_t result = match(at, end + 1);
    if (result != kNone) return result;
    if (!single(at, part, end)) return kNone;
  }
}

// Where the element at `part` ends: a character, a class, a set.
size_t Matcher::elementEnd(size_t part) {
  const char c = pattern_[part++];
  if (c == '%') {
    if (part == pattern_.size()) raise(L_, "malformed pattern (ends with '%')");
    return part + 1;
  }
  if (c != '[') return part;
  if (pattern(part) == '^') ++part;
  // A ] that comes first is one of the set.
  do {
    if (part >= pattern_.size()) raise(L_, "malformed pattern (missing ']')");
    if (pattern_[part++] == '%') ++part;
  } while (pattern(part) != ']' || part >= pattern_.size());
  return part + 1;
}

bool Matcher::single(size_t at, size_t part, size_t end) const {
  if (at >= subject_.size()) return false;
  const auto c = static_cast<unsigned char>(subject_[at]);
  switch (pattern_[part]) {
    case '.':
      return true;
    case '%':
      return inClass(c, static_cast<unsigned char>(pattern_[part + 1]));
    case '[':
      return inSet(c, part, end - 1);
    default:
      return static_cast<unsigned char>(pattern_[part]) == c;
  }
}

// The set begins with [ at `part` and ends with ] at `end`.
bool Matcher::inSet(unsigned char c, size_t part, size_t end) const {
  bool found = true;
  if (pattern_[++part] == '^') {
    found = false;
    ++part;
  }
  const auto of = [this](size_t i) { return static_cast<unsigned char>(pattern(i)); };
  for (; part < end; ++part) {
    if (pattern_[part] == '%') {
      if (inClass(c, of(++part))) return found;
    } else if (pattern(part + 1) == '-' && part + 2 < end) {
      if (of(part) <= c && c <= of(part + 2)) return found;
      part += 2;
    } else if (of(part) == c) {
      return found;
    }
  }
  return !found;
}

void Matcher::pushCapture(int index, size_t begin, size_t end) {
  if (index >= count_) {
    if (index != 0) raise(L_, "invalid capture index");
    return pushText(L_, subject_.substr(begin, end - begin));
  }
  const Capture& capture = captures_[index];
  if (capture.length == kOpen) raise(L_, "unfinished capture");
  if (capture.length == kPosition) {
    lua_pushnumber(L_, static_cast<double>(capture.begin + 1));
  } else {
    pushText(L_, subject_.substr(capture.begin, capture.length));
  }
}

int Matcher::pushCaptures(size_t begin, size_t end, bool whole) {
  const int count = count_ == 0 && whole ? 1 : count_;
  luaL_checkstack(L_, count, "too many captures");
  for (int i = 0; i < count; ++i) pushCapture(i, begin, end);
  return count;
}

}  // namespace weir::lua
