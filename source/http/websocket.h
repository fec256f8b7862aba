#pragma once

#include <array>
#include <string_view>

#include "source/base/random.h"

namespace weir::http {

// What HTTP/1 adds to a WebSocket handshake and HTTP/2 has no use for (RFC 6455 4, RFC 8441 5).

// A Sec-WebSocket-Key: 16 random bytes in base64.
std::array<char, 24> makeWebSocketKey(base::Random& random);
// The Sec-WebSocket-Accept for a key: base64 of the SHA-1 of the key and a fixed text.
std::array<char, 28> webSocketAccept(std::string_view key);

}  // namespace weir::http
