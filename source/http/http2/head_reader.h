#pragma once

#include <cstdint>
#include <string_view>

#include "source/http/codec.h"
#include "source/http/message.h"
#include "source/http/stream_error.h"

namespace weir::http::http2 {

// Takes the decoded fields of one block into a message, held to RFC 9113 8.2 and 8.3 and to the
// same semantics module as HTTP/1: lower-case names, no connection-specific fields, TE only
// "trailers", pseudo-fields first, each once, none unknown, none in trailers; :path and :authority
// valid, Host not in disagreement with :authority. What goes over a limit is not stored, but the
// block has to be decoded to its end all the same. Copies into the message's arena.
// Worker-confined; reused.
class HeadReader {
 public:
  struct Bounds {
    uint32_t max_bytes = 0;  // names, values and 32 for each field (RFC 9113 10.5.1)
    uint32_t max_fields = 0;
  };

  void beginRequest(RequestHead& head, const Bounds& bounds, bool allow_connect,
                    bool extended_connect);
  // `request`: what is answered.
  struct Asked {
    bool head = false;
    bool connect = false;
    std::string_view upgrade = {};        // by extended CONNECT
    std::string_view websocket_key = {};  // the Sec-WebSocket-Key of the one who asked
  };
  void beginResponse(ResponseHead& head, const Bounds& bounds, const Asked& asked);
  void beginTrailers(HeaderMap& trailers, const Bounds& bounds, ErrorOrigin origin);

  // After the first failure, calls do nothing.
  void field(std::string_view name, std::string_view value);
  // The block is complete. kNone: the message is filled, framing and all, as codec.h wants it: an
  // extended CONNECT in its HTTP/1 form (without Sec-WebSocket-Key, which the codec adds).
  // kHeadTooLarge: over the bounds. Else malformed.
  StreamError finish(bool end_stream);
  // Over the bounds by count rather than by bytes.
  bool tooManyFields() const { return too_many_fields_; }

 private:
  enum class Kind : uint8_t { kRequest, kResponse, kTrailers };
  bool too_many_fields_ = false;
};

}  // namespace weir::http::http2
