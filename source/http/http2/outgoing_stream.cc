#include "source/http/http2/outgoing_stream.h"

#include <string_view>

#include "source/http/http2/client_codec.h"
#include "source/http/semantics.h"

namespace weir::http::http2 {

OutgoingStream::OutgoingStream(NghttpClientCodec& codec, ResponseDecoder& decoder)
    : Stream(codec, codec.services().blocks), codec_(codec), decoder_(decoder) {}

// ---- the request ----------------------------------------------------------------------------

bool OutgoingStream::giveUp() {
  reset();
  return false;
}

bool OutgoingStream::encodeHead(const RequestHead& head, bool end_stream) {
  if (!attached || out.head_done) return true;
  head_ = head.isHead();
  connect_ = head.isConnect();
  if (!connect_) upgrade_ = head.upgrade;
  const bool possible =
      upgrade_.empty() || (codec_.extendedConnect() && HeadWriter::canCarry(head));
  if (!possible) return giveUp();
  const std::string_view key = head.headers.get("sec-websocket-key");
  has_websocket_key_ = !upgrade_.empty() && key.size() == websocket_key_.size();
  if (has_websocket_key_) key.copy(websocket_key_.data(), key.size());

  const bool body = !end_stream || asksTunnel();
  out.head_done = true;
  out.ended = !body;
  out.length_known = body && !asksTunnel() && head.framing == BodyFraming::kContentLength;
  out.remaining = head.content_length;
  const bool begun = codec_.submitRequest(*this, codec_.writer().request(head, !body), body);
  return begun || giveUp();
}

bool OutgoingStream::encodeBody(buffer::Buffer& data, bool end_stream) {
  if (!attached || !out.head_done || out.ended) {
    data.clear();
    return true;
  }
  if (asksTunnel() && !tunnel_ && !data.empty()) {  // not yet a tunnel
    data.clear();
    return giveUp();
  }
  if (!fitLength(data, end_stream)) return giveUp();
  codec_.sendBody(*this, data, end_stream);
  return true;
}

bool OutgoingStream::encodeTrailers(const HeaderMap& trailers) {
  if (!attached || !out.head_done || out.ended) return true;
  if (out.length_known && out.remaining > 0) return giveUp();
  codec_.sendTrailers(*this, trailers);
  return true;
}

void OutgoingStream::reset() {
  if (!attached) return;
  detach();
  codec_.submitReset(*this, NGHTTP2_CANCEL);
}

void OutgoingStream::setReadEnabled(bool enabled) {
  codec_.Session::setReadEnabled(*this, enabled);
}

// ---- the answer -----------------------------------------------------------------------------

void OutgoingStream::beginHead(HeadReader& reader) {
  const CodecLimits& limits = codec_.services().limits;
  HeadReader::Asked asked;
  asked.head = head_;
  asked.connect = connect_;
  asked.upgrade = upgrade_;
  if (has_websocket_key_) asked.websocket_key = {websocket_key_.data(), websocket_key_.size()};
  reader.beginResponse(decoder_.responseHead(), {limits.max_head_bytes, limits.max_header_fields},
                       asked);
}

void OutgoingStream::headDone(const StreamError& head_error, bool too_many_fields, bool) {
  answered_ = true;
  switch (head_error.reason) {
    case ErrorReason::kNone:
      return acceptHead();
    case ErrorReason::kHeadTooLarge:
      codec_.services().cells.limit(too_many_fields ? Limit::kHeadFields : Limit::kHeadBytes).add();
      return codec_.failStream(*this, NGHTTP2_CANCEL, head_error);
    default:
      return codec_.failStream(*this, NGHTTP2_PROTOCOL_ERROR, head_error);
  }
}

void OutgoingStream::acceptHead() {
  const ResponseHead& head = decoder_.responseHead();
  in.head_waits = true;
  if (head.status < 200 && head.framing != BodyFraming::kTunnel) return;  // interim
  in.head_done = true;
  tunnel_ = head.framing == BodyFraming::kTunnel;
  const bool bodyless = !tunnel_ && (head_ || statusHasNoBody(head.status));
  in.length_known = bodyless || head.framing == BodyFraming::kContentLength;
  in.remaining = bodyless ? 0 : head.content_length;
}

void OutgoingStream::tellHead(bool end_stream) {
  if (!in.head_done) return decoder_.onInformational();
  decoder_.onHead(end_stream);
}

void OutgoingStream::tellBody(buffer::Buffer& data, bool end_stream) {
  decoder_.onBody(data, end_stream);
}

void OutgoingStream::tellReset(const StreamError& reset_error) {
  StreamError told = reset_error;
  told.unanswered = !answered_;
  decoder_.onReset(told);
}

// ---- ends -----------------------------------------------------------------------------------

// The answer is complete; the rest of a request that is not is of no use. A tunnel's other way goes
// on.
void OutgoingStream::afterEndTold() {
  if (out.end_sent || tunnel_) return;
  detach();
  codec_.submitReset(*this, NGHTTP2_CANCEL);
}

bool OutgoingStream::finish() {
  if (!in.told_end || error.reason != ErrorReason::kNone) return false;
  detach();
  return true;
}

}  // namespace weir::http::http2
