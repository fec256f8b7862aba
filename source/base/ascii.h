#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>

// ASCII letter case, eight bytes at a time. Bytes of 0x80 and above are left alone, so UTF-8
// survives. No function here looks at the locale.
namespace weir::base {

constexpr bool isUpper(char c) {
  return c >= 'A' && c <= 'Z';
}
constexpr char toLower(char c) {
  return isUpper(c) ? static_cast<char>(c | 0x20) : c;
}

// Lower-cases the eight bytes of `word`.
constexpr uint64_t lowerWord(uint64_t word) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  const uint64_t low = word & (0x7f * kOnes);
  const uint64_t at_least_a = low + (0x80 - 'A') * kOnes;
  const uint64_t above_z = low + (0x7f - 'Z') * kOnes;
  const uint64_t upper = (at_least_a ^ above_z) & ~word & (0x80 * kOnes);
  return word | (upper >> 2);
}

// text == "literal", compared in place instead of by a call of memcmp.
template <size_t kSize>
bool isExactly(std::string_view text, const char (&literal)[kSize]) {
  return text.size() == kSize - 1 && std::memcmp(text.data(), literal, kSize - 1) == 0;
}

// Same bytes but for the case of ASCII letters.
inline bool equalsIgnoreCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  size_t i = 0;
  for (; i + 8 <= a.size(); i += 8) {
    uint64_t x;
    uint64_t y;
    std::memcpy(&x, a.data() + i, 8);
    std::memcpy(&y, b.data() + i, 8);
    if (lowerWord(x) != lowerWord(y)) return false;
  }
  for (; i < a.size(); ++i) {
    if (toLower(a[i]) != toLower(b[i])) return false;
  }
  return true;
}

inline bool startsWithIgnoreCase(std::string_view text, std::string_view prefix) {
  return text.size() >= prefix.size() && equalsIgnoreCase(text.substr(0, prefix.size()), prefix);
}

inline bool endsWithIgnoreCase(std::string_view text, std::string_view suffix) {
  return text.size() >= suffix.size() &&
         equalsIgnoreCase(text.substr(text.size() - suffix.size()), suffix);
}

void lowerInPlace(std::span<char> text);
std::string lowered(std::string_view text);

// Without spaces and tabs at either end (the OWS of RFC 9110, 5.6.3).
std::string_view trimOws(std::string_view text);

}  // namespace weir::base
