#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::extensions::http_filters {

// Reads base64url without padding (RFC 7515, 2), strictly: no other character, no length that
// cannot be, and no bits behind the last byte, so that one text alone stands for some bytes.
std::optional<std::string> decodeBase64Url(std::string_view text);
std::string encodeBase64Url(std::string_view bytes);
// The same for base64 with its padding (RFC 4648, 4).
std::optional<std::string> decodeBase64(std::string_view text);

}  // namespace weir::extensions::http_filters
