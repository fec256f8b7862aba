#pragma once

#include <optional>
#include <string_view>

#include "source/http/header_map.h"

namespace weir::http {

// The value of the first cookie of that name in any of the request's Cookie fields (RFC 6265 5.4),
// as user agents send it: pairs are separated by ";" whatever is around it, names are
// case-sensitive, quotes around a value are no part of it. Pieces that are no pair are passed over.
std::optional<std::string_view> cookieValue(const HeaderMap& headers, std::string_view name);

}  // namespace weir::http
