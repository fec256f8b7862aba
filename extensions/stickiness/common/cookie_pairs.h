#pragma once

#include <string_view>

#include "source/base/ascii.h"

namespace weir::extensions::stickiness {

// One pair of a Cookie field (RFC 6265 5.4). Views into it.
struct CookiePair {
  std::string_view name;
  std::string_view value;  // without the quotes around it
  std::string_view text;   // all of the pair, trimmed
};

CookiePair readCookiePair(std::string_view text);

// Calls visit(pair) for each piece between ";" that is not empty; one without "=" has an empty
// name.
template <class F>
void forEachCookiePair(std::string_view field, F&& visit) {
  while (!field.empty()) {
    const size_t end = field.find(';');
    const std::string_view text = base::trimOws(field.substr(0, end));
    field = end == std::string_view::npos ? std::string_view() : field.substr(end + 1);
    if (!text.empty()) visit(readCookiePair(text));
  }
}

}  // namespace weir::extensions::stickiness
