#include "test/http/http2/codec_pair.h"

#include <algorithm>

namespace weir::http::http2 {

std::string textOf(const HeaderMap& headers) {
  std::string text;
  headers.forEach([&](const HeaderMap::Field& field) {
    text.append(field.name).append("=").append(field.value).append("\n");
  });
  return text;
}

namespace {

std::string textOf(const RequestHead& head) {
  std::string text(head.method);
  text.append(" ").append(head.scheme).append(" ").append(head.authority).append(" ");
  text.append(head.path).append(" framing ");
  text += std::to_string(static_cast<int>(head.framing)) + ":" +
          std::to_string(head.content_length) + " upgrade ";
  text.append(head.upgrade).append("\n");
  return text + http2::textOf(head.headers);
}

std::string textOf(const ResponseHead& head) {
  std::string text = std::to_string(head.status);
  text += " framing " + std::to_string(static_cast<int>(head.framing)) + ":" +
          std::to_string(head.content_length) + "\n";
  return text + http2::textOf(head.headers);
}

// The order of calls that codec.h promises, for both directions.
void checkHead(Recorded& message) {
  if (!message.head.empty() || message.reset || message.ended) message.misuse = "head out of order";
}
void checkBody(Recorded& message) {
  if (message.head.empty() || message.ended || message.reset) message.misuse = "body out of order";
}
void checkReset(Recorded& message) {
  if (message.reset) message.misuse = "reset twice";
}

}  // namespace

std::string PipeOutput::take() {
  std::string text = bytes.toString();
  bytes.clear();
  return text;
}

Side::Side() : cells(Stats::create(store, {{"side", "x"}}), store.block(1)) {}

CodecServices Side::services() {
  return {*dispatcher, *blocks, random, cells, limits, options};
}

// ---- server ---------------------------------------------------------------------------------

ServerSideStream::ServerSideStream(TestServer& new_server, ResponseEncoder& new_encoder)
    : server(new_server), encoder(&new_encoder) {}

void ServerSideStream::onHead(bool end_stream) {
  checkHead(seen);
  seen.head = textOf(head);
  if (server.on_head) server.on_head(*this);
  if (end_stream) ended();
}

void ServerSideStream::onBody(buffer::Buffer& data, bool end_stream) {
  checkBody(seen);
  ++body_calls;
  seen.body += data.toString();
  if (end_stream) ended();
}

void ServerSideStream::onTrailers() {
  checkBody(seen);
  seen.trailers = textOf(trailers);
  ended();
}

void ServerSideStream::onRefused(const StreamError& error) {
  checkHead(seen);
  seen.refused = error;
  if (encoder != nullptr) respond(statusFor(error), "");
}

void ServerSideStream::onResponseBlocked(bool now_blocked) {
  blocked = now_blocked;
  times_blocked += now_blocked ? 1 : 0;
}

void ServerSideStream::onReset(const StreamError& error) {
  checkReset(seen);
  if (complete) seen.misuse = "reset after completion";
  seen.reset = error;
  encoder = nullptr;
}

void ServerSideStream::ended() {
  seen.ended = true;
  if (server.on_ended) server.on_ended(*this);
}

void ServerSideStream::sendHead(uint16_t status, BodyFraming framing, uint64_t length,
                                bool end_stream) {
  ResponseHead response;
  response.status = status;
  response.framing = framing;
  response.content_length = length;
  response.headers.add("server", "test");
  encoder->encodeHead(response, end_stream);
}

void ServerSideStream::sendBody(std::string_view bytes, bool end_stream) {
  if (encoder == nullptr) return;
  buffer::Buffer data(*server.side.blocks);
  data.append(bytes);
  encoder->encodeBody(data, end_stream);
}

void ServerSideStream::respond(uint16_t status, std::string_view body, BodyFraming framing) {
  sendHead(status, framing, body.size(), body.empty());
  if (!body.empty()) sendBody(body, true);
}

TestServer::TestServer(event::FakeDispatcher& new_dispatcher, buffer::BlockPool& blocks)
    : dispatcher(new_dispatcher), output(blocks), input(blocks) {
  side.dispatcher = &dispatcher;
  side.blocks = &blocks;
}

void TestServer::start() {
  codec = createServerCodec(side.services(), output, *this);
}

StreamError TestServer::feed(std::string_view bytes, bool end_stream) {
  input.append(bytes);
  return codec->dispatch(input, end_stream);
}

RequestDecoder& TestServer::newStream(ResponseEncoder& encoder) {
  return streams.emplace_back(*this, encoder);
}

void TestServer::onStreamComplete(RequestDecoder& decoder) {
  auto& stream = static_cast<ServerSideStream&>(decoder);
  if (stream.complete || stream.seen.reset) stream.seen.misuse = "completed twice";
  stream.complete = true;
  stream.encoder = nullptr;
  ++completed;
}

ServerSideStream& TestServer::at(size_t index) {
  return *std::next(streams.begin(), static_cast<std::ptrdiff_t>(index));
}

// ---- client ---------------------------------------------------------------------------------

ClientSideStream::ClientSideStream(TestClient& new_client)
    : client(new_client), encoder(&new_client.codec->newStream(*this)) {}

void ClientSideStream::onInformational() {
  checkHead(seen);
  seen.interim.push_back(textOf(head));
}

void ClientSideStream::onHead(bool end_stream) {
  checkHead(seen);
  seen.head = textOf(head);
  seen.ended = end_stream;
}

void ClientSideStream::onBody(buffer::Buffer& data, bool end_stream) {
  checkBody(seen);
  ++body_calls;
  seen.body += data.toString();
  seen.ended = end_stream;
}

void ClientSideStream::onTrailers() {
  checkBody(seen);
  seen.trailers = textOf(trailers);
  seen.ended = true;
}

void ClientSideStream::onReset(const StreamError& error) {
  checkReset(seen);
  if (seen.ended && head.framing != BodyFraming::kTunnel) seen.misuse = "reset after the end";
  seen.reset = error;
  encoder = nullptr;
}

bool ClientSideStream::sendBody(std::string_view bytes, bool end_stream) {
  buffer::Buffer data(*client.side.blocks);
  data.append(bytes);
  return encoder->encodeBody(data, end_stream);
}

TestClient::TestClient(event::FakeDispatcher& new_dispatcher, buffer::BlockPool& blocks)
    : dispatcher(new_dispatcher), output(blocks), input(blocks) {
  side.dispatcher = &dispatcher;
  side.blocks = &blocks;
}

void TestClient::start() {
  codec = createClientCodec(side.services(), output, *this);
}

StreamError TestClient::feed(std::string_view bytes, bool end_stream) {
  input.append(bytes);
  return codec->dispatch(input, end_stream);
}

ClientSideStream& TestClient::request(std::string_view path, std::string_view method,
                                      std::string_view priority) {
  ClientSideStream& stream = streams.emplace_back(*this);
  RequestHead head;
  head.method = method;
  head.scheme = "https";
  head.authority = "origin.example";
  head.path = path;
  if (method == "CONNECT") {
    head.authority = "origin.example:443";
    head.path = {};
    head.framing = BodyFraming::kTunnel;
  }
  head.headers.add("user-agent", "test");
  if (!priority.empty()) head.headers.add("priority", priority);
  if (!stream.encoder->encodeHead(head, method != "CONNECT")) stream.encoder = nullptr;
  return stream;
}

ClientSideStream& TestClient::post(std::string_view path, BodyFraming framing, uint64_t length) {
  ClientSideStream& stream = streams.emplace_back(*this);
  RequestHead head;
  head.method = "POST";
  head.scheme = "https";
  head.authority = "origin.example";
  head.path = path;
  head.framing = framing;
  head.content_length = length;
  if (!stream.encoder->encodeHead(head, false)) stream.encoder = nullptr;
  return stream;
}

ClientSideStream& TestClient::webSocket(std::string_view path) {
  ClientSideStream& stream = streams.emplace_back(*this);
  RequestHead head;
  head.method = "GET";
  head.scheme = "https";
  head.authority = "origin.example";
  head.path = path;
  head.upgrade = "websocket";
  head.headers.add("Connection", "Upgrade");
  head.headers.add("Upgrade", "websocket");
  head.headers.add("Sec-WebSocket-Version", "13");
  head.headers.add("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
  if (!stream.encoder->encodeHead(head, false)) stream.encoder = nullptr;
  return stream;
}

// ---- both -----------------------------------------------------------------------------------

CodecPair::CodecPair() = default;

CodecPair::~CodecPair() = default;

void CodecPair::start() {
  server.start();
  client.start();
  run();
}

bool CodecPair::carry(size_t most) {
  dispatcher.runUntilIdle();
  const bool moved = !client.output.bytes.empty() || !server.output.bytes.empty();
  if (!client.output.bytes.empty()) {
    if (record) to_server += client.output.bytes.toString();
    server.input.append(client.output.bytes);
    const StreamError error = server.codec->dispatch(server.input, false);
    if (error.reason != ErrorReason::kNone) server_error = error;
  }
  if (!server.output.bytes.empty()) {
    client.input.appendPrefix(server.output.bytes, std::min(most, server.output.bytes.size()));
    if (record) to_client += client.input.toString();
    const StreamError error = client.codec->dispatch(client.input, false);
    if (error.reason != ErrorReason::kNone) client_error = error;
  }
  dispatcher.runUntilIdle();
  return moved;
}

void CodecPair::run() {
  runSlowly(SIZE_MAX);
}

void CodecPair::runSlowly(size_t bytes) {
  for (int i = 0; i < 100'000 && carry(bytes); ++i) {
  }
}

}  // namespace weir::http::http2
