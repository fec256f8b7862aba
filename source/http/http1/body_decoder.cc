#include "source/http/http1/body_decoder.h"

#include <algorithm>

namespace weir::http::http1 {

void BodyDecoder::start(BodyFraming framing, uint64_t length, const CodecLimits& limits,
                        ErrorOrigin origin) {
  framing_ = framing;
  origin_ = origin;
  remaining_ = framing == BodyFraming::kContentLength ? length : 0;
  complete_ =
      framing == BodyFraming::kNone || (framing == BodyFraming::kContentLength && remaining_ == 0);
  if (framing == BodyFraming::kChunked) chunks_.start(limits, origin);
}

void BodyDecoder::skip(uint64_t bytes) {
  remaining_ -= std::min(bytes, remaining_);
  if (framing_ == BodyFraming::kContentLength && remaining_ == 0) complete_ = true;
}

StreamError BodyDecoder::decode(buffer::Buffer& data, bool end_stream, buffer::Buffer& body,
                                HeaderMap& trailers) {
  switch (framing_) {
    case BodyFraming::kNone:
      return {};
    case BodyFraming::kContentLength: {
      const size_t count = static_cast<size_t>(std::min<uint64_t>(data.size(), remaining_));
      body.appendPrefix(data, count);
      skip(count);
      break;
    }
    case BodyFraming::kChunked: {
      const StreamError error = chunks_.decode(data, body, trailers);
      if (error.reason != ErrorReason::kNone) return error;
      complete_ = chunks_.complete();
      break;
    }
    case BodyFraming::kUntilClose:
    case BodyFraming::kTunnel:
      body.append(data);
      complete_ = end_stream;
      break;
  }
  if (end_stream && !complete_) {
    return {origin_, ErrorReason::kConnectionClosed, false, "connection closed within a body"};
  }
  return {};
}

}  // namespace weir::http::http1
