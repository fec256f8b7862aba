#include "source/http/http2/incoming_stream.h"

#include <string_view>

#include "source/base/ascii.h"
#include "source/http/http2/server_codec.h"
#include "source/http/semantics.h"
#include "source/http/websocket.h"

namespace weir::http::http2 {
namespace {

std::string_view viewOf(const std::array<char, 24>& text) {
  return {text.data(), text.size()};
}

// What RST_STREAM says of an exchange that we give up.
uint32_t resetCode(const StreamError& error) {
  if (error.retry_safe) return NGHTTP2_REFUSED_STREAM;
  switch (error.reason) {
    case ErrorReason::kHeaderTimeout:
    case ErrorReason::kRequestTimeout:
    case ErrorReason::kIdleTimeout:
    case ErrorReason::kDrain:
      return NGHTTP2_CANCEL;
    default:
      return NGHTTP2_INTERNAL_ERROR;
  }
}

}  // namespace

IncomingStream::IncomingStream(NghttpServerCodec& codec)
    : Stream(codec, codec.services().blocks), codec_(codec) {}

// ---- the request ----------------------------------------------------------------------------

void IncomingStream::beginHead(HeadReader& reader) {
  const CodecLimits& limits = codec_.services().limits;
  reader.beginRequest(
      decoder_->requestHead(),
      {limits.max_head_bytes, limits.max_header_fields, limits.max_request_line_bytes},
      limits.allow_connect, codec_.services().options.extended_connect);
}

void IncomingStream::headDone(const StreamError& head_error, bool too_many_fields, bool) {
  switch (head_error.reason) {
    case ErrorReason::kNone:
      return acceptHead();
    case ErrorReason::kHeadTooLarge:
    case ErrorReason::kTargetTooLong:
      codec_.services().cells.limit(too_many_fields ? Limit::kHeadFields : Limit::kHeadBytes).add();
      refusal_ = head_error;
      in.head_done = in.head_waits = true;
      return;
    default:
      codec_.failStream(*this, NGHTTP2_PROTOCOL_ERROR, head_error);
      return;
  }
}

void IncomingStream::acceptHead() {
  RequestHead& head = decoder_->requestHead();
  to_head_ = head.isHead();
  to_connect_ = head.isConnect();
  upgrade_ = !head.upgrade.empty();
  in.answer_pending = to_connect_ || upgrade_;
  in.length_known = head.framing == BodyFraming::kContentLength && !in.answer_pending;
  in.remaining = head.content_length;
  if (upgrade_ && base::equalsIgnoreCase(head.upgrade, "websocket")) {
    websocket_ = true;
    websocket_key_ = makeWebSocketKey(codec_.services().random);
    head.headers.add("Sec-WebSocket-Key", viewOf(websocket_key_));
  }
  in.head_done = in.head_waits = true;
  if (priority_ != Priority{}) codec_.setPriority(id, priority_);
}

void IncomingStream::tellHead(bool end_stream) {
  if (refusal_.reason == ErrorReason::kNone) return decoder_->onHead(end_stream);
  in.told_end = true;
  codec_.dropHeld(*this);
  decoder_->onRefused(refusal_);
}

void IncomingStream::tellBody(buffer::Buffer& data, bool end_stream) {
  decoder_->onBody(data, end_stream);
}

void IncomingStream::tellReset(const StreamError& reset_error) {
  decoder_->onReset(reset_error);
}

void IncomingStream::setReadEnabled(bool enabled) {
  codec_.Session::setReadEnabled(*this, enabled);
}

// ---- the answer -----------------------------------------------------------------------------

void IncomingStream::encodeInformational(const ResponseHead& head) {
  if (!open() || out.head_done) return;
  codec_.submitInterim(*this, codec_.writer().response(head, false, to_head_));
}

bool IncomingStream::acceptsUpgrade(const ResponseHead& head) const {
  if (!websocket_) return true;
  const std::array<char, 28> accept = webSocketAccept(viewOf(websocket_key_));
  return head.headers.get("sec-websocket-accept") == std::string_view(accept.data(), accept.size());
}

void IncomingStream::encodeHead(const ResponseHead& head, bool end_stream) {
  if (!open() || out.head_done) return;
  const bool switches = upgrade_ && head.status == 101;
  if (switches && !acceptsUpgrade(head)) return refuseUpgrade(502);
  // 2xx would say that the tunnel stands: it was asked for by CONNECT (RFC 8441 5).
  if (upgrade_ && head.status >= 200 && head.status < 300) return refuseUpgrade(501);
  const bool accepted = switches || (to_connect_ && head.status >= 200 && head.status < 300);
  if (in.answer_pending) settleTunnel(accepted);
  out.head_done = true;
  out.bodyless = to_head_ || statusHasNoBody(head.status);
  if (tunnel_) out.bodyless = false;
  out.length_known = head.framing == BodyFraming::kContentLength && !out.bodyless && !tunnel_;
  out.remaining = head.content_length;
  out.ended = end_stream;
  takePriority(head);
  codec_.submitResponse(*this, codec_.writer().response(head, end_stream, to_head_), !end_stream);
}

// What came is not what the client asked for.
void IncomingStream::refuseUpgrade(uint16_t status) {
  ResponseHead refused;
  refused.status = status;
  refused.framing = BodyFraming::kContentLength;
  settleTunnel(false);
  out.head_done = out.ended = true;
  codec_.submitResponse(*this, codec_.writer().response(refused, true, false), false);
}

void IncomingStream::settleTunnel(bool accepted) {
  in.answer_pending = false;
  tunnel_ = accepted;
  if (accepted) {
    codec_.tellLater(*this);  // what came early
    codec_.schedule();
    return;
  }
  in.told_end = true;  // refused: the request is taken as ended
  codec_.dropHeld(*this);
}

void IncomingStream::encodeBody(buffer::Buffer& data, bool end_stream) {
  if (!open() || !out.head_done || out.ended || out.bodyless) data.clear();
  if (!open() || !out.head_done || out.ended) return;
  if (!fitLength(data, end_stream)) {
    codec_.submitReset(*this, NGHTTP2_INTERNAL_ERROR);  // finish() tells
    out.ended = true;
    return;
  }
  codec_.sendBody(*this, data, end_stream);
}

void IncomingStream::encodeTrailers(const HeaderMap& trailers) {
  if (!open() || !out.head_done || out.ended) return;
  if (!out.bodyless) return codec_.sendTrailers(*this, trailers);
  buffer::Buffer nothing(codec_.services().blocks);
  codec_.sendBody(*this, nothing, true);
}

void IncomingStream::reset(const StreamError& reset_error) {
  if (!attached) return;
  detach();
  codec_.submitReset(*this, resetCode(reset_error));
}

void IncomingStream::closeAfterResponse() {
  codec_.drain();
}

// ---- ends -----------------------------------------------------------------------------------

// The rest of a request that is answered is of no use (RFC 9113 8.1).
void IncomingStream::afterEndSent() {
  if (in.ended || tunnel_ || !attached) return;
  early_ = true;
  codec_.submitReset(*this, NGHTTP2_NO_ERROR);
}

bool IncomingStream::finish() {
  if (!out.end_sent || error.reason != ErrorReason::kNone || (!in.ended && !early_)) return false;
  detach();
  codec_.complete(*decoder_);
  return true;
}

// ---- priority -------------------------------------------------------------------------------

void IncomingStream::priorityField(std::string_view value) {
  if (in.head_done || updated_) return;
  signalled_ = mergePriority(value, priority_) || signalled_;
}

void IncomingStream::startWith(const Priority& priority) {
  updated_ = signalled_ = true;
  priority_ = priority;
}

// nghttp2 schedules by it already.
void IncomingStream::priorityUpdate(std::string_view value) {
  updated_ = signalled_ = true;
  priority_ = {};
  mergePriority(value, priority_);
}

void IncomingStream::takePriority(const ResponseHead& head) {
  const std::string_view value = head.headers.get("priority");
  if (value.empty() || !mergePriority(value, priority_)) return;
  signalled_ = true;
  codec_.setPriority(id, priority_);
}

// Streams of which nobody said anything share the connection. By RFC 9218 they would be served one
// after the other: a large or endless one would starve the rest.
void IncomingStream::afterPartSent() {
  if (signalled_) return;
  signalled_ = true;
  priority_.incremental = true;
  codec_.setPriority(id, priority_);
}

}  // namespace weir::http::http2
