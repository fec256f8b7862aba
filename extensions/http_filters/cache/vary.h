#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "source/http/header_map.h"

namespace weir::extensions::http_filters::cache {

// The request fields that a response depends on (RFC 9111 4.1), as Vary names them: lower-case,
// sorted, each once. Empty: on none.
std::vector<std::string> readVary(const http::HeaderMap& response);
// Vary: *, or one that names no fields at all.
bool varyIsAny(const http::HeaderMap& response);

// What a request has in those fields, normalised so that what means the same is the same: fields of
// one name joined, white space around list elements away, lower case and order where they have no
// meaning (Accept-Encoding, Accept-Language). Appends to `to`, which is the request's secondary
// key; nothing when `names` is empty.
void appendVaryKey(const std::vector<std::string>& names, const http::HeaderMap& request,
                   std::string& to);

}  // namespace weir::extensions::http_filters::cache
