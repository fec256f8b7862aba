#pragma once

#include <cstdint>

#include "source/buffer/buffer.h"
#include "source/http/codec.h"
#include "source/http/http1/chunked_decoder.h"

namespace weir::http::http1 {

// Takes a message's body out of the bytes that come, whatever delimits it. The same for requests
// and responses. Worker-confined.
class BodyDecoder {
 public:
  void start(BodyFraming framing, uint64_t length, const CodecLimits& limits, ErrorOrigin origin);
  // Moves body bytes from `data` to `body`; stops at the end of the body. `end_stream`: nothing
  // follows `data`. When that cuts the body short, what came is in `body` and the error is
  // kConnectionClosed.
  StreamError decode(buffer::Buffer& data, bool end_stream, buffer::Buffer& body,
                     HeaderMap& trailers);
  bool complete() const { return complete_; }
  // Bytes to come with kContentLength; else 0.
  uint64_t remaining() const { return remaining_; }
  // Somebody else has taken that many bytes of a body with kContentLength.
  void skip(uint64_t bytes);

 private:
  BodyFraming framing_ = BodyFraming::kNone;
  ErrorOrigin origin_ = ErrorOrigin::kDownstream;
  bool complete_ = true;
  uint64_t remaining_ = 0;
  ChunkedDecoder chunks_;
};

}  // namespace weir::http::http1
