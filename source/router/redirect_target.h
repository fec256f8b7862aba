#pragma once

#include <string_view>

#include "source/http/message.h"

namespace weir::router {

// What a request asks for. Views live as long as the request's head. Value.
struct RedirectTarget {
  std::string_view scheme;  // "http" or "https", or what the request had
  std::string_view authority;
  std::string_view path;  // with its query, never a fragment; dot segments are still in it
};

// RFC 3986, 5.2: where a reference, the value of a Location field, leads to from `head`. False:
// nowhere that can be asked (another scheme, a malformed authority, a path with what no request
// line may have).
bool resolveReference(std::string_view location, http::RequestHead& head, RedirectTarget& target);

}  // namespace weir::router
