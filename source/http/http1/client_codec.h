#pragma once

#include <cstdint>

#include "source/http/http1/body_decoder.h"
#include "source/http/http1/codec.h"
#include "source/http/http1/head_writer.h"
#include "source/http/http1/section_reader.h"

namespace weir::http::http1 {

// One exchange at a time; believes nothing an origin sends that could be read in two ways.
// Worker-confined.
class LlhttpClientCodec final : public Http1ClientCodec, private RequestEncoder {
 public:
  explicit LlhttpClientCodec(const CodecLimits& limits) : limits_(limits) {}

  // Http1ClientCodec
  void attach(CodecOutput& output, ClientCodecCallbacks& callbacks) override;
  void detach() override;
  RequestEncoder& newStream(ResponseDecoder& decoder) override;
  StreamError dispatch(buffer::Buffer& data, bool end_stream) override;
  Version version() const override { return Version::kHttp11; }
  bool reusable() const override { return idle() && reusable_; }
  bool idle() const override { return response_ == ResponseState::kNone; }
  void onAboveHighWatermark() override;
  void onBelowLowWatermark() override;

 private:
  enum class RequestState : uint8_t { kHead, kBody, kComplete };
  enum class ResponseState : uint8_t {
    kNone,      // no exchange
    kHead,      // also after each interim head
    kBody,      // also the bytes of a tunnel
    kComplete,  // while the decoder is told so
    kClosed,    // failed or cancelled
  };

  // RequestEncoder
  bool encodeHead(const RequestHead& head, bool end_stream) override;
  bool encodeBody(buffer::Buffer& data, bool end_stream) override;
  bool encodeTrailers(const HeaderMap& trailers) override;
  void reset() override;
  void setReadEnabled(bool enabled) override;
  uint64_t rawBodyRemaining() const override;
  network::Connection* connection() override { return output_->rawConnection(); }
  void rawBodyConsumed(uint64_t bytes) override;

  StreamError step(buffer::Buffer& data, bool end_stream, bool& again);
  StreamError readUnasked(buffer::Buffer& data, bool end_stream);
  StreamError readHead(buffer::Buffer& data, bool end_stream, bool& again);
  StreamError parseHead(ResponseHead& head);
  StreamError acceptHead(ResponseHead& head, const buffer::Buffer& data, bool end_stream,
                         bool& again);
  StreamError readBody(buffer::Buffer& data, bool end_stream, bool& again);
  StreamError fail(const StreamError& error);
  bool requestComplete();
  void beginHead();
  void finishExchange();

  const CodecLimits& limits_;
  CodecOutput* output_ = nullptr;
  ClientCodecCallbacks* callbacks_ = nullptr;
  ResponseDecoder* stream_ = nullptr;
  const buffer::Buffer* input_ = nullptr;  // during dispatch()

  RequestState request_ = RequestState::kComplete;
  ResponseState response_ = ResponseState::kNone;
  SectionReader section_;
  BodyDecoder body_;
  BodyFraming response_framing_ = BodyFraming::kNone;

  BodyFraming wire_ = BodyFraming::kNone;  // of the request's body
  uint64_t request_remaining_ = 0;         // with kContentLength
  bool to_head_ = false;                   // the request is a HEAD
  bool to_connect_ = false;                // … a CONNECT
  bool asked_upgrade_ = false;
  bool tunnel_ = false;
  bool silent_ = true;  // no head of an answer has come
  bool reusable_ = true;
  bool wanted_ = true;  // the stream wants the response's body
};

}  // namespace weir::http::http1
