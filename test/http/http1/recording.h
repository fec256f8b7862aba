#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "source/buffer/buffer.h"
#include "source/http/http1/codec.h"

namespace weir::http::http1 {

// What a codec told of one message, in a form that does not depend on how its bytes were split.
struct RecordedMessage {
  std::string head;
  std::vector<std::string> interim;  // 1xx heads
  std::string body;
  std::string trailers;
  bool ended = false;       // end_stream was seen
  bool head_ended = false;  // … on the head itself
  std::optional<StreamError> reset;
  // Set when a call came that the contract forbids.
  std::string misuse;

  bool operator==(const RecordedMessage& other) const {
    return head == other.head && interim == other.interim && body == other.body &&
           trailers == other.trailers && ended == other.ended &&
           reset.has_value() == other.reset.has_value() &&
           (!reset || reset->reason == other.reset->reason) && misuse == other.misuse;
  }
};

std::string textOf(const HeaderMap& headers);
std::string textOf(const RequestHead& head);
std::string textOf(const ResponseHead& head);

// A connection's stand-in. Worker-confined.
class RecordingOutput final : public CodecOutput {
 public:
  buffer::Buffer& output() override { return bytes; }
  void outputReady(bool end_stream) override { ended = ended || end_stream; }
  void setReadEnabled(bool enabled) override { reading = enabled; }
  void abort() override { aborted = true; }
  std::string take() {
    std::string text = bytes.toString();
    bytes.clear();
    return text;
  }

  buffer::BlockPool pool;
  buffer::Buffer bytes{pool};
  bool ended = false;
  bool reading = true;
  bool aborted = false;
};

// A server codec with its peer's bytes, its output and what it told. Answers nothing by itself
// unless `answer` is set, which is then sent as soon as a request is complete.
class RecordingServer final : public ServerCodecCallbacks, public RequestDecoder {
 public:
  explicit RecordingServer(const CodecLimits& limits = {});

  // Appends to the input and dispatches, again after each completed exchange, as the connection
  // manager does.
  StreamError feed(std::string_view bytes, bool end_stream = false);
  // Sends a whole response to the current request.
  void respond(uint16_t status, std::string_view body, BodyFraming framing);

  RequestDecoder& newStream(ResponseEncoder& new_encoder) override;
  void onStreamComplete(RequestDecoder& decoder) override;
  void onConnectionError(const StreamError&) override {}
  void onDrained() override {}
  void onRefused(const StreamError&) override {}
  void onResponseBlocked(bool) override {}
  RequestHead& requestHead() override { return head; }
  HeaderMap& requestTrailers() override { return trailers; }
  void onHead(bool end_stream) override;
  void onBody(buffer::Buffer& data, bool end_stream) override;
  void onTrailers() override;
  void onReset(const StreamError& error) override;

  RecordedMessage& last() { return messages.back(); }

  CodecLimits limits;
  RecordingOutput output;
  std::unique_ptr<Http1ServerCodec> codec;
  buffer::Buffer input{output.pool};
  RequestHead head;
  base::Arena trailer_arena;
  HeaderMap trailers{trailer_arena};
  std::vector<RecordedMessage> messages;
  ResponseEncoder* encoder = nullptr;
  size_t completed = 0;
  bool answer = false;
  bool answer_on_head = false;

 private:
  void ended();
};

// A client codec likewise.
class RecordingClient final : public ClientCodecCallbacks, public ResponseDecoder {
 public:
  explicit RecordingClient(const CodecLimits& limits = {});

  // Sends a request without a body.
  void request(std::string_view method, std::string_view upgrade = {});
  // Sends only the head of one with a body.
  void requestWithBody(BodyFraming framing, uint64_t length);
  StreamError feed(std::string_view bytes, bool end_stream = false);

  void onExchangeComplete() override { ++completed; }
  ResponseHead& responseHead() override { return head; }
  HeaderMap& responseTrailers() override { return trailers; }
  void onInformational() override;
  void onHead(bool end_stream) override;
  void onBody(buffer::Buffer& data, bool end_stream) override;
  void onTrailers() override;
  void onReset(const StreamError& error) override;
  void onRequestBlocked(bool now_blocked) override { blocked = now_blocked; }

  CodecLimits limits;
  RecordingOutput output;
  std::unique_ptr<Http1ClientCodec> codec;
  buffer::Buffer input{output.pool};
  ResponseHead head;
  base::Arena trailer_arena;
  HeaderMap trailers{trailer_arena};
  RecordedMessage message;
  RequestEncoder* encoder = nullptr;
  size_t completed = 0;
  bool blocked = false;

 private:
  void begin();
};

}  // namespace weir::http::http1
