#pragma once

#include <cstdint>
#include <string_view>

#include "source/http/header_map.h"
#include "source/http/stream_error.h"

namespace weir::http::http1 {

// Parses field lines with llhttp (RFC 9112 5). `lines` has passed a HeadScanner, ends with the
// blank line and lives as long as the content of the map's arena: names and values become views
// into it. Over `max_fields`: kHeadTooLarge.
StreamError parseFields(std::string_view lines, uint32_t max_fields, ErrorOrigin origin,
                        HeaderMap& fields);

}  // namespace weir::http::http1
