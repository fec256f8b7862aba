#include "source/http/http1/server_codec.h"

#include <algorithm>
#include <string>
#include <utility>

#include "source/http/http1/field_parser.h"
#include "source/http/http1/start_line.h"
#include "source/http/semantics.h"

namespace weir::http::http1 {
namespace {

// RFC 9112 2.2 lets a server ignore an empty line before the request line; old clients send one or
// two.
constexpr uint32_t kMaxBlankLines = 2;
// Pipelined bytes that may wait for their turn before reading stops.
constexpr size_t kMaxWaitingBytes = 16 * 1024;

bool failed(const StreamError& error) {
  return error.reason != ErrorReason::kNone;
}

StreamError closedEarly(std::string_view detail) {
  return {ErrorOrigin::kDownstream, ErrorReason::kConnectionClosed, false, detail};
}

}  // namespace

std::unique_ptr<Http1ServerCodec> createServerCodec(const CodecLimits& limits) {
  return std::make_unique<LlhttpServerCodec>(limits);
}

void LlhttpServerCodec::attach(CodecOutput& output, ServerCodecCallbacks& callbacks) {
  detach();
  output_ = &output;
  callbacks_ = &callbacks;
}

void LlhttpServerCodec::detach() {
  output_ = nullptr;
  callbacks_ = nullptr;
  stream_ = nullptr;
  request_ = RequestState::kNone;
  response_ = ResponseState::kHead;
  blank_lines_ = 0;
  tunnel_ = closing_ = draining_ = held_ = false;
  wanted_ = reading_ = true;
}

StreamError LlhttpServerCodec::dispatch(buffer::Buffer& data, bool end_stream) {
  input_ = &data;
  StreamError error;
  bool again = true;
  while (again && !failed(error) && callbacks_ != nullptr) {  // a callback may detach()
    again = false;
    error = step(data, end_stream, again);
  }
  input_ = nullptr;
  return error;
}

// One step of the incoming side; sets `again` when another may follow.
StreamError LlhttpServerCodec::step(buffer::Buffer& data, bool end_stream, bool& again) {
  switch (request_) {
    case RequestState::kNone:
      if (end_stream && data.empty()) closing_ = true;
      return beginRequest(data, again);
    case RequestState::kHead:
      return readHead(data, end_stream, again);
    case RequestState::kBody:
      return wanted_ ? readBody(data, end_stream, again) : StreamError{};
    case RequestState::kTunnelPending:
    case RequestState::kComplete:
      waitForResponse(data, end_stream);
      return {};
    case RequestState::kClosed:
      data.clear();
      return {};
  }
  return {};
}

StreamError LlhttpServerCodec::fail(const StreamError& error) {
  request_ = RequestState::kClosed;
  closing_ = true;
  if (RequestDecoder* stream = std::exchange(stream_, nullptr)) stream->onReset(error);
  return error;
}

StreamError LlhttpServerCodec::beginRequest(buffer::Buffer& data, bool& again) {
  while (!data.empty() && data.front().front() == '\r') {
    if (data.size() < 2) return {};  // the LF is still to come
    if (data.linearize(2)[1] != '\n') break;
    if (++blank_lines_ > kMaxBlankLines) {
      return fail({ErrorOrigin::kDownstream, ErrorReason::kProtocol, false,
                   "empty lines before the request"});
    }
    data.drain(2);
  }
  if (data.empty()) return {};
  blank_lines_ = 0;
  request_ = RequestState::kHead;
  response_ = ResponseState::kHead;
  section_.begin({limits_.max_request_line_bytes, limits_.max_head_bytes},
                 ErrorOrigin::kDownstream);
  stream_ = &callbacks_->newStream(*this);
  stream_->requestHead().clear();
  again = true;
  return {};
}

StreamError LlhttpServerCodec::readHead(buffer::Buffer& data, bool end_stream, bool& again) {
  RequestHead& head = stream_->requestHead();
  switch (section_.read(data, head.arena)) {
    case SectionReader::Result::kIncomplete:
      return end_stream ? fail(closedEarly("connection closed within a head")) : StreamError{};
    case SectionReader::Result::kFailed:
      return fail(section_.error());
    case SectionReader::Result::kComplete:
      break;
  }
  if (const StreamError error = parseHead(head); failed(error)) return fail(error);

  const bool asks_tunnel = head.framing == BodyFraming::kTunnel || !head.upgrade.empty();
  body_.start(head.framing, head.content_length, limits_, ErrorOrigin::kDownstream);
  request_ = asks_tunnel        ? RequestState::kTunnelPending
             : body_.complete() ? RequestState::kComplete
                                : RequestState::kBody;
  again = true;
  stream_->onHead(request_ == RequestState::kComplete);
  return {};
}

StreamError LlhttpServerCodec::parseHead(RequestHead& head) {
  std::string_view text = section_.text();
  const size_t line_bytes = section_.firstLineBytes();
  if (line_bytes == 0) {
    return {ErrorOrigin::kDownstream, ErrorReason::kProtocol, false, "malformed request line"};
  }
  std::string_view target;
  StreamError error =
      parseRequestLine({text.data(), line_bytes - 2}, limits_.allow_http10, head, target);
  if (!failed(error)) {
    text.remove_prefix(line_bytes);
    error = parseFields(text, limits_.max_header_fields, ErrorOrigin::kDownstream, head.headers);
  }
  if (!failed(error)) error = validateRequest(head, target, limits_.allow_connect);
  if (failed(error)) return error;
  request_version_ = head.version;
  to_head_ = head.isHead();
  to_connect_ = head.isConnect();
  if (!wantsKeepAlive(head.version, head.headers)) closing_ = true;
  return {};
}

StreamError LlhttpServerCodec::readBody(buffer::Buffer& data, bool end_stream, bool& again) {
  buffer::Buffer piece(data.pool());
  const StreamError error = body_.decode(data, end_stream, piece, stream_->requestTrailers());
  if (failed(error)) {
    RequestDecoder* stream = stream_;
    if (!piece.empty()) stream->onBody(piece, false);  // valid by then, however it was split
    return stream_ == stream ? fail(error) : StreamError{};
  }
  const bool complete = body_.complete();
  if (!complete && piece.empty()) return {};
  if (complete) request_ = RequestState::kComplete;
  again = complete || !data.empty();
  const bool trailers = complete && !stream_->requestTrailers().empty();
  if (trailers) {
    RequestDecoder* stream = stream_;
    if (!piece.empty()) stream->onBody(piece, false);
    if (stream_ == stream) stream->onTrailers();
  } else {
    stream_->onBody(piece, complete);
  }
  // A tunnel that has ended this way ends as a whole when the other way has, too.
  if (complete && tunnel_ && stream_ != nullptr && response_ == ResponseState::kComplete) {
    finishExchange();
  }
  return {};
}

// Bytes behind the request wait in the connection's input. What an upgrade was asked for with is
// always offered again; of pipelined requests, which dispatch() is called again for, only so many
// may pile up.
void LlhttpServerCodec::waitForResponse(buffer::Buffer& data, bool end_stream) {
  if (end_stream && data.empty() && !tunnel_) closing_ = true;
  const size_t allowed = request_ == RequestState::kTunnelPending ? 0 : kMaxWaitingBytes;
  if (data.size() > allowed || (end_stream && request_ == RequestState::kTunnelPending)) {
    held_ = true;
    updateReading();
  }
}

void LlhttpServerCodec::updateReading() {
  const bool reading = wanted_ && !held_;
  if (reading == reading_) return;
  reading_ = reading;
  output_->setReadEnabled(reading);
}

void LlhttpServerCodec::setReadEnabled(bool enabled) {
  wanted_ = enabled;
  updateReading();
}

bool LlhttpServerCodec::beginsTunnel(const ResponseHead& head) const {
  if (request_ != RequestState::kTunnelPending) return false;
  return to_connect_ ? head.status >= 200 && head.status < 300 : head.status == 101;
}

bool LlhttpServerCodec::bodyless(uint16_t status) const {
  return to_head_ || statusHasNoBody(status);
}

// What is left of the request lies in the input: answered early, the connection can go on all the
// same.
bool LlhttpServerCodec::restOfRequestAtHand() const {
  return request_ == RequestState::kBody && input_ != nullptr && body_.remaining() > 0 &&
         body_.remaining() <= input_->size();
}

WireFraming LlhttpServerCodec::chooseFraming(const ResponseHead& head, bool end_stream) {
  WireFraming wire;
  if (beginsTunnel(head)) {
    wire.body = BodyFraming::kTunnel;
    if (head.status == 101) {
      wire.connection = "Upgrade";
      wire.upgrade = head.headers.get(HeaderId::kUpgrade);
    }
    return wire;
  }
  const bool http10 = request_version_ == Version::kHttp10;
  const bool known_length = head.framing == BodyFraming::kContentLength;
  if (bodyless(head.status)) {  // announced only, and not at all where RFC 9110 8.6 forbids it
    if (head.status >= 200 && head.status != 204) {
      const bool chunked = head.framing == BodyFraming::kChunked && !http10;
      wire.body = known_length ? BodyFraming::kContentLength
                  : chunked    ? BodyFraming::kChunked
                               : BodyFraming::kNone;
      wire.content_length = head.content_length;
    }
  } else if (end_stream || known_length) {
    wire.body = BodyFraming::kContentLength;
    wire.content_length = end_stream ? 0 : head.content_length;
  } else {
    wire.body = http10 ? BodyFraming::kUntilClose : BodyFraming::kChunked;
  }

  const bool abandons_request =
      end_stream && request_ == RequestState::kBody && !restOfRequestAtHand();
  if (wire.body == BodyFraming::kUntilClose || draining_ || abandons_request) closing_ = true;
  if (closing_) {
    wire.connection = "close";
  } else if (http10) {
    wire.connection = "keep-alive";
  }
  return wire;
}

void LlhttpServerCodec::encodeInformational(const ResponseHead& head) {
  if (request_version_ == Version::kHttp10 || response_ != ResponseState::kHead) return;
  writeResponseHead(head, {}, output_->output());
  output_->outputReady(false);
}

void LlhttpServerCodec::encodeHead(const ResponseHead& head, bool end_stream) {
  if (stream_ == nullptr || response_ != ResponseState::kHead) return;
  const WireFraming wire = chooseFraming(head, end_stream);
  writeResponseHead(head, wire, output_->output());
  response_ = ResponseState::kBody;
  wire_ =
      bodyless(head.status) && wire.body != BodyFraming::kTunnel ? BodyFraming::kNone : wire.body;
  response_remaining_ = wire.content_length;
  if (wire_ == BodyFraming::kTunnel) startTunnel();
  output_->outputReady(tunnel_ && end_stream);
  if (end_stream) responseComplete();
}

void LlhttpServerCodec::startTunnel() {
  tunnel_ = true;
  closing_ = true;
  request_ = RequestState::kBody;
  body_.start(BodyFraming::kTunnel, 0, limits_, ErrorOrigin::kDownstream);
  held_ = false;
  updateReading();
}

void LlhttpServerCodec::encodeBody(buffer::Buffer& data, bool end_stream) {
  if (stream_ == nullptr || response_ != ResponseState::kBody) return data.clear();
  buffer::Buffer& out = output_->output();
  switch (wire_) {
    case BodyFraming::kNone:
      data.clear();
      break;
    case BodyFraming::kContentLength: {
      const size_t count =
          static_cast<size_t>(std::min<uint64_t>(data.size(), response_remaining_));
      response_remaining_ -= count;
      out.appendPrefix(data, count);
      data.clear();  // what is over would be read as the next response
      break;
    }
    case BodyFraming::kChunked:
      if (!data.empty()) writeChunk(data, out);
      if (end_stream) writeLastChunk(nullptr, out);
      break;
    case BodyFraming::kUntilClose:
    case BodyFraming::kTunnel:
      out.append(data);
      break;
  }
  output_->outputReady(tunnel_ && end_stream);
  if (end_stream) responseComplete();
}

void LlhttpServerCodec::encodeTrailers(const HeaderMap& trailers) {
  if (stream_ == nullptr || response_ != ResponseState::kBody) return;
  if (wire_ == BodyFraming::kChunked) writeLastChunk(&trailers, output_->output());
  output_->outputReady(tunnel_);
  responseComplete();
}

network::Connection* LlhttpServerCodec::beginRawBody(uint64_t bytes) {
  const bool possible = stream_ != nullptr && response_ == ResponseState::kBody &&
                        wire_ == BodyFraming::kContentLength && bytes <= response_remaining_;
  network::Connection* connection = possible ? output_->rawConnection() : nullptr;
  if (connection != nullptr) raw_bytes_ = bytes;
  return connection;
}

void LlhttpServerCodec::finishRawBody() {
  response_remaining_ -= raw_bytes_;
  raw_bytes_ = 0;
  if (response_remaining_ == 0) responseComplete();
}

void LlhttpServerCodec::responseComplete() {
  response_ = ResponseState::kComplete;
  // A body that ended short of its length can only be told by closing.
  if (wire_ == BodyFraming::kContentLength && response_remaining_ > 0) closing_ = true;
  if (tunnel_ && request_ == RequestState::kBody) return;  // the other way is still open
  if (request_ == RequestState::kBody) {
    if (restOfRequestAtHand()) {
      input_->drain(static_cast<size_t>(body_.remaining()));
    } else {
      closing_ = true;
    }
  }
  finishExchange();
}

void LlhttpServerCodec::finishExchange() {
  RequestDecoder* stream = std::exchange(stream_, nullptr);
  request_ = closing_ ? RequestState::kClosed : RequestState::kNone;
  response_ = ResponseState::kHead;
  tunnel_ = false;
  wanted_ = true;
  held_ = false;
  updateReading();
  callbacks_->onStreamComplete(*stream);
}

void LlhttpServerCodec::reset(const StreamError&) {
  if (stream_ == nullptr) return;
  stream_ = nullptr;
  request_ = RequestState::kClosed;
  closing_ = true;
  output_->abort();
}

void LlhttpServerCodec::onAboveHighWatermark() {
  if (stream_ != nullptr) stream_->onResponseBlocked(true);
}

void LlhttpServerCodec::onBelowLowWatermark() {
  if (stream_ != nullptr) stream_->onResponseBlocked(false);
}

void LlhttpServerCodec::answerError(const StreamError& error) {
  if (stream_ != nullptr) return;  // it has an encoder of its own
  closing_ = true;
  request_ = RequestState::kClosed;
  const uint16_t status = statusFor(error);
  std::string text = "HTTP/1.1 " + std::to_string(status) + " ";
  text.append(reasonPhrase(status));
  text += "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
  output_->output().append(text);
  output_->outputReady(false);
}

}  // namespace weir::http::http1
