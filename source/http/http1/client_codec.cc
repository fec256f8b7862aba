#include "source/http/http1/client_codec.h"

#include <algorithm>
#include <utility>

#include "source/http/http1/field_parser.h"
#include "source/http/http1/start_line.h"
#include "source/http/semantics.h"

namespace weir::http::http1 {
namespace {

bool failed(const StreamError& error) {
  return error.reason != ErrorReason::kNone;
}

StreamError refuse(std::string_view detail) {
  return {ErrorOrigin::kUpstream, ErrorReason::kProtocol, false, detail};
}

StreamError closedEarly(std::string_view detail, bool unanswered) {
  return {ErrorOrigin::kUpstream, ErrorReason::kConnectionClosed, false, detail, unanswered};
}

}  // namespace

std::unique_ptr<Http1ClientCodec> createClientCodec(const CodecLimits& limits) {
  return std::make_unique<LlhttpClientCodec>(limits);
}

void LlhttpClientCodec::attach(CodecOutput& output, ClientCodecCallbacks& callbacks) {
  detach();
  output_ = &output;
  callbacks_ = &callbacks;
}

void LlhttpClientCodec::detach() {
  stream_ = nullptr;
  request_ = RequestState::kComplete;
  response_ = ResponseState::kNone;
  tunnel_ = false;
  reusable_ = wanted_ = true;
}

RequestEncoder& LlhttpClientCodec::newStream(ResponseDecoder& decoder) {
  stream_ = &decoder;
  request_ = RequestState::kHead;
  tunnel_ = false;
  wanted_ = true;
  silent_ = true;
  beginHead();
  return *this;
}

void LlhttpClientCodec::beginHead() {
  response_ = ResponseState::kHead;
  stream_->responseHead().clear();
  section_.begin({limits_.max_head_bytes, limits_.max_head_bytes}, ErrorOrigin::kUpstream);
}

void LlhttpClientCodec::onAboveHighWatermark() {
  if (stream_ != nullptr) stream_->onRequestBlocked(true);
}

void LlhttpClientCodec::onBelowLowWatermark() {
  if (stream_ != nullptr) stream_->onRequestBlocked(false);
}

bool LlhttpClientCodec::encodeHead(const RequestHead& head, bool end_stream) {
  if (stream_ == nullptr || request_ != RequestState::kHead) return true;
  to_head_ = head.isHead();
  to_connect_ = head.isConnect();
  asked_upgrade_ = !head.upgrade.empty() && !to_connect_;

  WireFraming wire;
  const bool asks_tunnel = to_connect_ || asked_upgrade_;
  if (!asks_tunnel && !end_stream) {
    const bool known_length = head.framing == BodyFraming::kContentLength;
    wire.body = known_length ? BodyFraming::kContentLength : BodyFraming::kChunked;
    wire.content_length = head.content_length;
  } else if (!to_connect_ && head.framing != BodyFraming::kNone) {
    wire.body = BodyFraming::kContentLength;  // announced, and empty after all
  }
  const bool te = head.headers.has(HeaderId::kTe);  // RFC 9110 10.1.4: TE is named by Connection
  if (asked_upgrade_) {
    wire.upgrade = head.upgrade;
    wire.connection = te ? "Upgrade, TE" : "Upgrade";
  } else if (te) {
    wire.connection = "TE";
  }
  writeRequestHead(head, wire, output_->output());
  output_->outputReady(false);
  wire_ = asks_tunnel ? BodyFraming::kTunnel : wire.body;
  request_remaining_ = wire.content_length;
  request_ = RequestState::kBody;
  return !end_stream || asks_tunnel || requestComplete();
}

bool LlhttpClientCodec::encodeBody(buffer::Buffer& data, bool end_stream) {
  if (stream_ == nullptr || request_ != RequestState::kBody) {
    data.clear();
    return true;
  }
  if (wire_ == BodyFraming::kTunnel && !tunnel_ && !data.empty()) {
    // Not yet a tunnel: an origin that does not switch would read these bytes as its next request.
    data.clear();
    reset();
    return false;
  }
  buffer::Buffer& out = output_->output();
  switch (wire_) {
    case BodyFraming::kNone:
    case BodyFraming::kUntilClose:
      data.clear();
      break;
    case BodyFraming::kContentLength: {
      const size_t count = static_cast<size_t>(std::min<uint64_t>(data.size(), request_remaining_));
      request_remaining_ -= count;
      out.appendPrefix(data, count);
      data.clear();  // what is over would be read as the next request
      break;
    }
    case BodyFraming::kChunked:
      if (!data.empty()) writeChunk(data, out);
      if (end_stream) writeLastChunk(nullptr, out);
      break;
    case BodyFraming::kTunnel:
      out.append(data);
      break;
  }
  output_->outputReady(wire_ == BodyFraming::kTunnel && tunnel_ && end_stream);
  return !end_stream || requestComplete();
}

bool LlhttpClientCodec::encodeTrailers(const HeaderMap& trailers) {
  if (stream_ == nullptr || request_ != RequestState::kBody) return true;
  if (wire_ == BodyFraming::kChunked) writeLastChunk(&trailers, output_->output());
  output_->outputReady(wire_ == BodyFraming::kTunnel && tunnel_);
  return requestComplete();
}

bool LlhttpClientCodec::requestComplete() {
  request_ = RequestState::kComplete;
  if (wire_ == BodyFraming::kContentLength && request_remaining_ > 0) {
    // The body ended short of its length: only the end of the connection can say so to the origin.
    reset();
    return false;
  }
  if (tunnel_ && response_ == ResponseState::kComplete) finishExchange();
  return true;
}

void LlhttpClientCodec::reset() {
  if (stream_ == nullptr) return;
  stream_ = nullptr;
  response_ = ResponseState::kClosed;
  reusable_ = false;
  output_->abort();
}

void LlhttpClientCodec::setReadEnabled(bool enabled) {
  if (enabled == wanted_) return;
  wanted_ = enabled;
  output_->setReadEnabled(enabled);
}

uint64_t LlhttpClientCodec::rawBodyRemaining() const {
  if (stream_ == nullptr || response_ != ResponseState::kBody) return 0;
  if (input_ != nullptr && !input_->empty()) return 0;
  return body_.remaining();
}

void LlhttpClientCodec::rawBodyConsumed(uint64_t bytes) {
  body_.skip(bytes);
  if (!body_.complete() || response_ != ResponseState::kBody) return;
  finishExchange();
}

StreamError LlhttpClientCodec::dispatch(buffer::Buffer& data, bool end_stream) {
  input_ = &data;
  StreamError error;
  bool again = true;
  while (again && !failed(error)) {
    again = false;
    error = step(data, end_stream, again);
  }
  input_ = nullptr;
  return error;
}

StreamError LlhttpClientCodec::step(buffer::Buffer& data, bool end_stream, bool& again) {
  switch (response_) {
    case ResponseState::kNone:
      return readUnasked(data, end_stream);
    case ResponseState::kHead:
      return readHead(data, end_stream, again);
    case ResponseState::kBody:
      return wanted_ ? readBody(data, end_stream, again) : StreamError{};
    case ResponseState::kComplete:
      return {};
    case ResponseState::kClosed:
      data.clear();
      return {};
  }
  return {};
}

StreamError LlhttpClientCodec::readUnasked(buffer::Buffer& data, bool end_stream) {
  if (data.empty() && !end_stream) return {};
  reusable_ = false;
  const bool silent = data.empty();
  data.clear();
  return silent ? closedEarly("idle connection closed", true)
                : refuse("bytes that nobody asked for");
}

StreamError LlhttpClientCodec::fail(const StreamError& error) {
  response_ = ResponseState::kClosed;
  reusable_ = false;
  if (ResponseDecoder* stream = std::exchange(stream_, nullptr)) stream->onReset(error);
  return error;
}

StreamError LlhttpClientCodec::readHead(buffer::Buffer& data, bool end_stream, bool& again) {
  if (!data.empty() && request_ == RequestState::kHead) {
    return fail(refuse("answer before the request"));
  }
  ResponseHead& head = stream_->responseHead();
  switch (section_.read(data, head.arena)) {
    case SectionReader::Result::kIncomplete:
      if (!end_stream) return {};
      return fail(section_.started() ? refuse("connection closed within a head")
                                     : closedEarly("connection closed before an answer", silent_));
    case SectionReader::Result::kFailed: {
      StreamError error = section_.error();
      if (error.reason == ErrorReason::kTargetTooLong) error.reason = ErrorReason::kHeadTooLarge;
      return fail(error);
    }
    case SectionReader::Result::kComplete:
      break;
  }
  if (const StreamError error = parseHead(head); failed(error)) return fail(error);
  return acceptHead(head, data, end_stream, again);
}

StreamError LlhttpClientCodec::parseHead(ResponseHead& head) {
  std::string_view text = section_.text();
  const size_t line_bytes = section_.firstLineBytes();
  if (line_bytes == 0) return refuse("malformed status line");
  StreamError error = parseStatusLine({text.data(), line_bytes - 2}, head);
  if (!failed(error)) {
    text.remove_prefix(line_bytes);
    error = parseFields(text, limits_.max_header_fields, ErrorOrigin::kUpstream, head.headers);
  }
  if (!failed(error)) error = validateResponse(head, to_head_, to_connect_);
  if (!failed(error) && head.status == 101 && !asked_upgrade_) {
    error = refuse("101 that nobody asked for");
  }
  return error;
}

StreamError LlhttpClientCodec::acceptHead(ResponseHead& head, const buffer::Buffer& data,
                                          bool end_stream, bool& again) {
  again = true;
  if (head.status < 200 && head.status != 101) {
    ResponseDecoder* stream = stream_;
    silent_ = false;
    stream->onInformational();
    if (stream_ == stream) beginHead();
    return {};
  }
  response_framing_ = to_head_ || statusHasNoBody(head.status) ? BodyFraming::kNone : head.framing;
  tunnel_ = head.framing == BodyFraming::kTunnel;
  if (tunnel_) response_framing_ = BodyFraming::kTunnel;
  if (tunnel_ && request_ == RequestState::kComplete) output_->outputReady(true);
  if (!tunnel_ && wire_ == BodyFraming::kTunnel) request_ = RequestState::kComplete;
  body_.start(response_framing_, head.content_length, limits_, ErrorOrigin::kUpstream);
  reusable_ = reusable_ && wantsKeepAlive(head.version, head.headers) && !tunnel_ &&
              response_framing_ != BodyFraming::kUntilClose;

  response_ = body_.complete() ? ResponseState::kComplete : ResponseState::kBody;
  if (response_ == ResponseState::kComplete && (!data.empty() || end_stream)) reusable_ = false;
  ResponseDecoder* stream = stream_;
  stream->onHead(response_ == ResponseState::kComplete);
  if (stream_ == stream && response_ == ResponseState::kComplete) {
    finishExchange();
    again = false;
  }
  return {};
}

StreamError LlhttpClientCodec::readBody(buffer::Buffer& data, bool end_stream, bool& again) {
  buffer::Buffer piece(data.pool());
  ResponseDecoder* stream = stream_;
  const StreamError error = body_.decode(data, end_stream, piece, stream->responseTrailers());
  if (failed(error)) {
    if (!piece.empty()) stream->onBody(piece, false);  // valid by then, however it was split
    return stream_ == stream ? fail(error) : StreamError{};
  }
  const bool complete = body_.complete();
  if (!complete && piece.empty()) return {};
  if (complete) {
    response_ = ResponseState::kComplete;
    if (!data.empty() || end_stream) reusable_ = false;
  }
  again = !complete && !data.empty();
  if (complete && !stream->responseTrailers().empty()) {
    if (!piece.empty()) stream->onBody(piece, false);
    if (stream_ == stream) stream->onTrailers();
  } else {
    stream->onBody(piece, complete);
  }
  const bool over = !tunnel_ || request_ == RequestState::kComplete;
  if (complete && stream_ == stream && over) finishExchange();
  return {};
}

// The response is complete. The rest of a request that is not can no longer be told from the next
// one.
void LlhttpClientCodec::finishExchange() {
  if (request_ != RequestState::kComplete) reusable_ = false;
  stream_ = nullptr;
  response_ = ResponseState::kNone;
  request_ = RequestState::kComplete;
  if (!wanted_) {
    wanted_ = true;
    output_->setReadEnabled(true);
  }
  callbacks_->onExchangeComplete();
}

}  // namespace weir::http::http1
