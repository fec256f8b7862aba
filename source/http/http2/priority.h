#pragma once

#include <cstdint>
#include <string_view>

namespace weir::http::http2 {

// What RFC 9218 says of a response: urgency 0 (first) to 7, and whether it is of use in pieces.
// Value.
struct Priority {
  uint8_t urgency = 3;
  bool incremental = false;
  bool operator==(const Priority&) const = default;
};

// Takes what the value of a Priority field says into `priority` and leaves the rest as it is, so
// that several fields, or a response's on top of the request's, can be merged (RFC 9218 4 and 8). A
// value that cannot be parsed changes nothing: false.
bool mergePriority(std::string_view value, Priority& priority);

}  // namespace weir::http::http2
