#pragma once

#include <string>

#include "source/http/message.h"

namespace weir::http::http2 {

// What a head says end to end, as text: the same for HTTP/1 and HTTP/2. Without what belongs to one
// connection, names in lower case, the parts of a Cookie joined.
std::string meaningOf(const RequestHead& head);
// `to_head`: of an answer to HEAD.
std::string meaningOf(const ResponseHead& head, bool to_head);

}  // namespace weir::http::http2
