#pragma once

#include <cstdint>

#include "source/http/http1/body_decoder.h"
#include "source/http/http1/codec.h"
#include "source/http/http1/head_writer.h"
#include "source/http/http1/section_reader.h"

namespace weir::http::http1 {

// One request at a time: its bytes are taken only while the one before has been answered.
// Worker-confined.
class LlhttpServerCodec final : public Http1ServerCodec, private ResponseEncoder {
 public:
  explicit LlhttpServerCodec(const CodecLimits& limits) : limits_(limits) {}

  // Http1ServerCodec
  void attach(CodecOutput& output, ServerCodecCallbacks& callbacks) override;
  void detach() override;
  StreamError dispatch(buffer::Buffer& data, bool end_stream) override;
  Version version() const override { return Version::kHttp11; }
  bool idle() const override { return request_ == RequestState::kNone && stream_ == nullptr; }
  void drain() override { draining_ = true; }
  bool closing() const override { return closing_; }
  void answerError(const StreamError& error) override;
  void onAboveHighWatermark() override;
  void onBelowLowWatermark() override;

 private:
  // Where the incoming side stands.
  enum class RequestState : uint8_t {
    kNone,           // between requests
    kHead,           // head incomplete
    kBody,           // also the bytes of a tunnel
    kTunnelPending,  // asked for an upgrade or CONNECT; its bytes wait for the answer
    kComplete,       // bytes that come are the next request's, and wait
    kClosed,         // nothing is read any more
  };
  // Where the answer stands.
  enum class ResponseState : uint8_t { kHead, kBody, kComplete };

  // ResponseEncoder
  void encodeInformational(const ResponseHead& head) override;
  void encodeHead(const ResponseHead& head, bool end_stream) override;
  void encodeBody(buffer::Buffer& data, bool end_stream) override;
  void encodeTrailers(const HeaderMap& trailers) override;
  void reset(const StreamError& error) override;
  void setReadEnabled(bool enabled) override;
  void closeAfterResponse() override { closing_ = true; }
  network::Connection* beginRawBody(uint64_t bytes) override;
  void finishRawBody() override;

  StreamError step(buffer::Buffer& data, bool end_stream, bool& again);
  StreamError beginRequest(buffer::Buffer& data, bool& again);
  StreamError readHead(buffer::Buffer& data, bool end_stream, bool& again);
  StreamError parseHead(RequestHead& head);
  StreamError readBody(buffer::Buffer& data, bool end_stream, bool& again);
  void waitForResponse(buffer::Buffer& data, bool end_stream);
  StreamError fail(const StreamError& error);

  WireFraming chooseFraming(const ResponseHead& head, bool end_stream);
  bool beginsTunnel(const ResponseHead& head) const;
  bool bodyless(uint16_t status) const;
  bool restOfRequestAtHand() const;
  void startTunnel();
  void responseComplete();
  void finishExchange();
  void updateReading();

  const CodecLimits& limits_;
  CodecOutput* output_ = nullptr;
  ServerCodecCallbacks* callbacks_ = nullptr;
  RequestDecoder* stream_ = nullptr;
  buffer::Buffer* input_ = nullptr;  // during dispatch()

  RequestState request_ = RequestState::kNone;
  ResponseState response_ = ResponseState::kHead;
  SectionReader section_;
  BodyDecoder body_;
  uint32_t blank_lines_ = 0;  // before the request line

  Version request_version_ = Version::kHttp11;
  bool to_head_ = false;     // the request is a HEAD
  bool to_connect_ = false;  // … a CONNECT
  bool tunnel_ = false;
  bool closing_ = false;   // no request after this one
  bool draining_ = false;  // decided when the head of the response is written

  BodyFraming wire_ = BodyFraming::kNone;  // of the response's body
  uint64_t response_remaining_ = 0;        // with kContentLength
  uint64_t raw_bytes_ = 0;

  bool wanted_ = true;   // the stream wants its body
  bool held_ = false;    // more came than may be taken now
  bool reading_ = true;  // as last told to the output
};

}  // namespace weir::http::http1
