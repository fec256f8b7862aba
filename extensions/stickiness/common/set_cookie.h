#pragma once

#include <optional>
#include <string_view>

#include "source/http/header_map.h"

namespace weir::extensions::stickiness {

// The value that an answer gives to the cookie of that name (case matters), by the last of its
// Set-Cookie fields that do (RFC 6265 5.3: the later one replaces the earlier); without quotes
// around it. Empty counts as nothing: that is how cookies are taken back.
std::optional<std::string_view> setCookieValue(const http::HeaderMap& answer,
                                               std::string_view name);

}  // namespace weir::extensions::stickiness
