#pragma once

#include <string_view>

#include "source/http/message.h"
#include "source/http/stream_error.h"

namespace weir::http::http1 {

// The first line of a message, without its CRLF (RFC 9112 3, 4). Exactly one space where the
// grammar has one, "HTTP/1.0" or "HTTP/1.1" and nothing else. Views into `line`.
StreamError parseRequestLine(std::string_view line, bool allow_http10, RequestHead& head,
                             std::string_view& target);
// The reason phrase and the space before it may be missing: many origins leave out both.
StreamError parseStatusLine(std::string_view line, ResponseHead& head);

}  // namespace weir::http::http1
