#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/http/http2/codec.h"
#include "test/fakes/fake_dispatcher.h"

namespace weir::http::http2 {

// What a codec told of one message, in a form that does not depend on how its bytes were split.
struct Recorded {
  std::string head;
  std::vector<std::string> interim;
  std::string body;
  std::string trailers;
  bool ended = false;
  std::optional<StreamError> reset;
  std::optional<StreamError> refused;
  std::string misuse;  // a call came that the contract forbids

  bool operator==(const Recorded& other) const {
    return head == other.head && interim == other.interim && body == other.body &&
           trailers == other.trailers && ended == other.ended &&
           reset.has_value() == other.reset.has_value() &&
           (!reset || reset->reason == other.reset->reason) && misuse == other.misuse;
  }
};

// A connection's stand-in. Worker-confined.
class PipeOutput final : public CodecOutput {
 public:
  explicit PipeOutput(buffer::BlockPool& blocks) : bytes(blocks) {}
  buffer::Buffer& output() override { return bytes; }
  void outputReady(bool end_stream) override {
    ended = ended || end_stream;
    ++readied;
  }
  void setReadEnabled(bool enabled) override { reading = enabled; }
  void abort() override { aborted = true; }
  std::string take();

  buffer::Buffer bytes;
  bool ended = false;
  bool reading = true;
  bool aborted = false;
  size_t readied = 0;
};

// What one side of a test has.
struct Side {
  Side();
  CodecServices services();

  event::FakeDispatcher* dispatcher = nullptr;
  buffer::BlockPool* blocks = nullptr;
  base::Random random{7};
  stats::Store store;
  Cells cells;
  CodecLimits limits;
  Options options;
};

class TestServer;

// One request at the server, and its answer. Worker-confined.
class ServerSideStream final : public RequestDecoder {
 public:
  ServerSideStream(TestServer& server, ResponseEncoder& encoder);

  RequestHead& requestHead() override { return head; }
  HeaderMap& requestTrailers() override { return trailers; }
  void onHead(bool end_stream) override;
  void onBody(buffer::Buffer& data, bool end_stream) override;
  void onTrailers() override;
  void onRefused(const StreamError& error) override;
  void onResponseBlocked(bool blocked) override;
  void onReset(const StreamError& error) override;

  // Sends a whole response.
  void respond(uint16_t status, std::string_view body,
               BodyFraming framing = BodyFraming::kContentLength);
  void sendHead(uint16_t status, BodyFraming framing = BodyFraming::kChunked, uint64_t length = 0,
                bool end_stream = false);
  void sendBody(std::string_view bytes, bool end_stream = false);

  TestServer& server;
  ResponseEncoder* encoder;  // nullptr: over
  RequestHead head;
  base::Arena trailer_arena;
  HeaderMap trailers{trailer_arena};
  Recorded seen;
  bool complete = false;
  bool blocked = false;
  size_t times_blocked = 0;
  size_t body_calls = 0;

 private:
  void ended();
};

// A server codec with its owner. Worker-confined.
class TestServer final : public ServerCodecCallbacks {
 public:
  TestServer(event::FakeDispatcher& dispatcher, buffer::BlockPool& blocks);
  void start();  // with the options as they are by then

  StreamError feed(std::string_view bytes, bool end_stream = false);

  RequestDecoder& newStream(ResponseEncoder& encoder) override;
  void onStreamComplete(RequestDecoder& decoder) override;
  void onConnectionError(const StreamError& error) override { failure = error; }
  void onDrained() override { ++drained; }

  ServerSideStream& last() { return streams.back(); }
  ServerSideStream& at(size_t index);

  event::FakeDispatcher& dispatcher;
  Side side;
  PipeOutput output;
  buffer::Buffer input;
  std::unique_ptr<ServerCodec> codec;
  std::list<ServerSideStream> streams;
  std::function<void(ServerSideStream&)> on_head;   // told of the head
  std::function<void(ServerSideStream&)> on_ended;  // told of the whole request
  std::optional<StreamError> failure;
  size_t drained = 0;
  size_t completed = 0;
};

class TestClient;

// One request of the client. Worker-confined.
class ClientSideStream final : public ResponseDecoder {
 public:
  explicit ClientSideStream(TestClient& client);

  ResponseHead& responseHead() override { return head; }
  HeaderMap& responseTrailers() override { return trailers; }
  void onInformational() override;
  void onHead(bool end_stream) override;
  void onBody(buffer::Buffer& data, bool end_stream) override;
  void onTrailers() override;
  void onReset(const StreamError& error) override;
  void onRequestBlocked(bool now_blocked) override { blocked = now_blocked; }

  bool sendBody(std::string_view bytes, bool end_stream = false);

  TestClient& client;
  RequestEncoder* encoder;  // nullptr: over
  ResponseHead head;
  base::Arena trailer_arena;
  HeaderMap trailers{trailer_arena};
  Recorded seen;
  bool blocked = false;
  size_t body_calls = 0;
};

// A client codec with its owner. Worker-confined.
class TestClient final : public ClientCallbacks {
 public:
  TestClient(event::FakeDispatcher& dispatcher, buffer::BlockPool& blocks);
  void start();

  StreamError feed(std::string_view bytes, bool end_stream = false);
  // A GET, or what else goes without a body.
  ClientSideStream& request(std::string_view path, std::string_view method = "GET",
                            std::string_view priority = {});
  // The head of one with a body.
  ClientSideStream& post(std::string_view path, BodyFraming framing = BodyFraming::kChunked,
                         uint64_t length = 0);
  ClientSideStream& webSocket(std::string_view path);

  void onStreamEnded() override { ++ended; }
  void onCapacityChanged() override { ++capacity_changes; }
  void onStreamsLeftOut(uint32_t taken) override { taken_before_goaway = taken; }
  void onConnectionError(const StreamError& error) override { failure = error; }

  event::FakeDispatcher& dispatcher;
  Side side;
  PipeOutput output;
  buffer::Buffer input;
  std::unique_ptr<Http2ClientCodec> codec;
  std::list<ClientSideStream> streams;
  std::optional<StreamError> failure;
  std::optional<uint32_t> taken_before_goaway;
  size_t ended = 0;
  size_t capacity_changes = 0;
};

// Both, back to back. Nothing moves but in run(). Worker-confined.
class CodecPair {
 public:
  CodecPair();
  ~CodecPair();
  void start();
  // Carries bytes to and fro until nothing more comes.
  void run();
  // The same, at most `bytes` of the server's at a time.
  void runSlowly(size_t bytes);

  event::FakeDispatcher dispatcher;
  buffer::BlockPool blocks;
  TestServer server{dispatcher, blocks};
  TestClient client{dispatcher, blocks};
  StreamError server_error;
  StreamError client_error;
  std::string to_server;  // all that went, if `record`
  std::string to_client;
  bool record = false;

 private:
  bool carry(size_t most);
};

std::string textOf(const HeaderMap& headers);

}  // namespace weir::http::http2
