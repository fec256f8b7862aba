#include "extensions/stickiness/common/cookie_pairs.h"

namespace weir::extensions::stickiness {

CookiePair readCookiePair(std::string_view text) {
  const size_t equals = text.find('=');
  if (equals == std::string_view::npos) return {.name = {}, .value = text, .text = text};
  std::string_view value = base::trimOws(text.substr(equals + 1));
  if (value.size() >= 2 && value.front() == '"' && value.back() == '"') {
    value = value.substr(1, value.size() - 2);
  }
  return {.name = base::trimOws(text.substr(0, equals)), .value = value, .text = text};
}

}  // namespace weir::extensions::stickiness
