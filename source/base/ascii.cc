#include "source/base/ascii.h"

namespace weir::base {

void lowerInPlace(std::span<char> text) {
  size_t i = 0;
  for (; i + 8 <= text.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, text.data() + i, 8);
    word = lowerWord(word);
    std::memcpy(text.data() + i, &word, 8);
  }
  for (; i < text.size(); ++i) text[i] = toLower(text[i]);
}

std::string lowered(std::string_view text) {
  std::string result(text);
  lowerInPlace(result);
  return result;
}

std::string_view trimOws(std::string_view text) {
  const size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace weir::base
