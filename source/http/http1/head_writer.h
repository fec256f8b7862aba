#pragma once

#include <cstdint>
#include <string_view>

#include "source/buffer/buffer.h"
#include "source/http/message.h"

namespace weir::http::http1 {

// How the body that follows a head is delimited on the wire, and what Connection says.
struct WireFraming {
  BodyFraming body = BodyFraming::kNone;  // kContentLength and kChunked write their field
  uint64_t content_length = 0;
  std::string_view connection;  // value of Connection; empty: none
  std::string_view upgrade;     // value of Upgrade; empty: none
};

// Compose a head straight into `out`, in one piece. Framing fields among the headers are left out:
// `framing` is what is written of them.
void writeRequestHead(const RequestHead& head, const WireFraming& framing, buffer::Buffer& out);
void writeResponseHead(const ResponseHead& head, const WireFraming& framing, buffer::Buffer& out);

// Parts of the chunked coding.
void writeChunk(buffer::Buffer& data, buffer::Buffer& out);  // not for an empty `data`
void writeLastChunk(const HeaderMap* trailers, buffer::Buffer& out);

}  // namespace weir::http::http1
