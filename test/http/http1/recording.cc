#include "test/http/http1/recording.h"

namespace weir::http::http1 {

std::string textOf(const HeaderMap& headers) {
  std::string text;
  headers.forEach([&](const HeaderMap::Field& field) {
    text.append(field.name).append("=").append(field.value).append("\n");
  });
  return text;
}

std::string textOf(const RequestHead& head) {
  std::string text(head.method);
  text.append(" ").append(head.authority).append(" ").append(head.path).append(" ");
  text.append(versionText(head.version)).append(" framing ");
  text += std::to_string(static_cast<int>(head.framing)) + ":" +
          std::to_string(head.content_length) + " upgrade ";
  text.append(head.upgrade).append("\n");
  return text + textOf(head.headers);
}

std::string textOf(const ResponseHead& head) {
  std::string text = std::to_string(head.status);
  text.append(" ").append(head.reason).append(" ").append(versionText(head.version));
  text += " framing " + std::to_string(static_cast<int>(head.framing)) + ":" +
          std::to_string(head.content_length) + "\n";
  return text + textOf(head.headers);
}

namespace {

// The order of calls that codec.h promises, for both directions.
void checkHead(RecordedMessage& message) {
  if (!message.head.empty() || message.reset) message.misuse = "head out of order";
}
void checkBody(RecordedMessage& message) {
  if (message.head.empty() || message.ended || message.reset) message.misuse = "body out of order";
}
void checkReset(RecordedMessage& message) {
  if (message.ended || message.reset) message.misuse = "reset after the end";
}

}  // namespace

RecordingServer::RecordingServer(const CodecLimits& codec_limits)
    : limits(codec_limits), codec(createServerCodec(limits)) {
  codec->attach(output, *this);
}

StreamError RecordingServer::feed(std::string_view bytes, bool end_stream) {
  input.append(bytes);
  StreamError error;
  size_t before = 0;
  do {
    before = completed;
    error = codec->dispatch(input, end_stream);
  } while (error.reason == ErrorReason::kNone && completed != before && !input.empty());
  return error;
}

void RecordingServer::respond(uint16_t status, std::string_view body, BodyFraming framing) {
  ResponseHead response;
  response.status = status;
  response.framing = framing;
  response.content_length = body.size();
  encoder->encodeHead(response, body.empty());
  if (body.empty()) return;
  buffer::Buffer data(output.pool);
  data.append(body);
  encoder->encodeBody(data, true);
}

RequestDecoder& RecordingServer::newStream(ResponseEncoder& new_encoder) {
  encoder = &new_encoder;
  trailers.clear();
  trailer_arena.clear();
  messages.emplace_back();
  return *this;
}

void RecordingServer::onStreamComplete(RequestDecoder&) {
  ++completed;
  encoder = nullptr;
}

void RecordingServer::ended() {
  last().ended = true;
  if (answer && encoder != nullptr) respond(200, "ok", BodyFraming::kContentLength);
}

void RecordingServer::onHead(bool end_stream) {
  checkHead(last());
  last().head = textOf(head);
  last().head_ended = end_stream;
  if (answer_on_head) return respond(403, "", BodyFraming::kContentLength);
  if (end_stream) ended();
}

void RecordingServer::onBody(buffer::Buffer& data, bool end_stream) {
  checkBody(last());
  last().body += data.toString();
  if (end_stream) ended();
}

void RecordingServer::onTrailers() {
  checkBody(last());
  last().trailers = textOf(trailers);
  ended();
}

void RecordingServer::onReset(const StreamError& error) {
  checkReset(last());
  last().reset = error;
  encoder = nullptr;
}

RecordingClient::RecordingClient(const CodecLimits& codec_limits)
    : limits(codec_limits), codec(createClientCodec(limits)) {
  codec->attach(output, *this);
}

void RecordingClient::begin() {
  message = {};
  trailers.clear();
  trailer_arena.clear();
  encoder = &codec->newStream(*this);
}

void RecordingClient::request(std::string_view method, std::string_view upgrade) {
  begin();
  RequestHead request;
  request.method = method;
  request.authority = "origin:1";
  request.path = method == "CONNECT" ? "" : "/";
  request.upgrade = upgrade;
  if (method == "CONNECT") request.framing = BodyFraming::kTunnel;
  encoder->encodeHead(request, upgrade.empty() && method != "CONNECT");
}

void RecordingClient::requestWithBody(BodyFraming framing, uint64_t length) {
  begin();
  RequestHead request;
  request.method = "POST";
  request.authority = "origin";
  request.path = "/";
  request.framing = framing;
  request.content_length = length;
  encoder->encodeHead(request, false);
}

StreamError RecordingClient::feed(std::string_view bytes, bool end_stream) {
  input.append(bytes);
  return codec->dispatch(input, end_stream);
}

void RecordingClient::onInformational() {
  checkHead(message);
  message.interim.push_back(textOf(head));
}

void RecordingClient::onHead(bool end_stream) {
  checkHead(message);
  message.head = textOf(head);
  message.head_ended = message.ended = end_stream;
}

void RecordingClient::onBody(buffer::Buffer& data, bool end_stream) {
  checkBody(message);
  message.body += data.toString();
  message.ended = end_stream;
}

void RecordingClient::onTrailers() {
  checkBody(message);
  message.trailers = textOf(trailers);
  message.ended = true;
}

void RecordingClient::onReset(const StreamError& error) {
  checkReset(message);
  message.reset = error;
}

}  // namespace weir::http::http1
