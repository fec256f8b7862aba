#include "extensions/stickiness/common/set_cookie.h"

#include "extensions/stickiness/common/cookie_pairs.h"

namespace weir::extensions::stickiness {

std::optional<std::string_view> setCookieValue(const http::HeaderMap& answer,
                                               std::string_view name) {
  std::optional<std::string_view> value;
  answer.forEach(http::HeaderId::kSetCookie, [&](const http::HeaderMap::Field& field) {
    const CookiePair pair =
        readCookiePair(base::trimOws(field.value.substr(0, field.value.find(';'))));
    if (pair.name == name) value = pair.value;
  });
  if (value && value->empty()) value.reset();
  return value;
}

}  // namespace weir::extensions::stickiness
