#pragma once

#include <array>
#include <string>

#include "source/http/codec.h"
#include "source/http/http2/stream.h"

namespace weir::http::http2 {

class NghttpClientCodec;

// A request that goes out, and its answer. Worker-confined.
class OutgoingStream final : public Stream, public RequestEncoder {
 public:
  OutgoingStream(NghttpClientCodec& codec, ResponseDecoder& decoder);

  // Stream
  void tellHead(bool end_stream) override;
  void tellBody(buffer::Buffer& data, bool end_stream) override;
  void tellTrailers() override { decoder_.onTrailers(); }
  void tellBlocked(bool blocked) override { decoder_.onRequestBlocked(blocked); }
  void tellReset(const StreamError& error) override;
  void afterEndTold() override;
  void beginHead(HeadReader& reader) override;
  HeaderMap& trailers() override { return decoder_.responseTrailers(); }
  void headDone(const StreamError& error, bool too_many_fields, bool end_stream) override;
  bool finish() override;

  // RequestEncoder
  bool encodeHead(const RequestHead& head, bool end_stream) override;
  bool encodeBody(buffer::Buffer& data, bool end_stream) override;
  bool encodeTrailers(const HeaderMap& trailers) override;
  void reset() override;
  void setReadEnabled(bool enabled) override;

 private:
  void acceptHead();
  bool giveUp();
  bool asksTunnel() const { return connect_ || !upgrade_.empty(); }

  NghttpClientCodec& codec_;
  ResponseDecoder& decoder_;
  std::string upgrade_;  // the protocol asked for by extended CONNECT
  std::array<char, 24> websocket_key_{};
  bool has_websocket_key_ = false;
  bool head_ = false;     // asked with HEAD
  bool connect_ = false;  // … CONNECT
  bool answered_ = false;
};

}  // namespace weir::http::http2
