#pragma once

#include <array>

#include "source/http/codec.h"
#include "source/http/http2/priority.h"
#include "source/http/http2/stream.h"

namespace weir::http::http2 {

class NghttpServerCodec;

// A request that a client began, and its answer. Worker-confined.
class IncomingStream final : public Stream, public ResponseEncoder {
 public:
  explicit IncomingStream(NghttpServerCodec& codec);
  void begin(RequestDecoder& decoder) { decoder_ = &decoder; }

  // Signals of the client (RFC 9218): of the request's field, and of PRIORITY_UPDATE, which counts
  // for more.
  void priorityField(std::string_view value);
  void priorityUpdate(std::string_view value);
  void startWith(const Priority& priority);  // of one that came before the request

  // Stream
  void tellHead(bool end_stream) override;
  void tellBody(buffer::Buffer& data, bool end_stream) override;
  void tellTrailers() override { decoder_->onTrailers(); }
  void tellBlocked(bool blocked) override { decoder_->onResponseBlocked(blocked); }
  void tellReset(const StreamError& error) override;
  void beginHead(HeadReader& reader) override;
  HeaderMap& trailers() override { return decoder_->requestTrailers(); }
  void headDone(const StreamError& error, bool too_many_fields, bool end_stream) override;
  void afterPartSent() override;
  void afterEndSent() override;
  bool finish() override;

  // ResponseEncoder
  void encodeInformational(const ResponseHead& head) override;
  void encodeHead(const ResponseHead& head, bool end_stream) override;
  void encodeBody(buffer::Buffer& data, bool end_stream) override;
  void encodeTrailers(const HeaderMap& trailers) override;
  void reset(const StreamError& error) override;
  void setReadEnabled(bool enabled) override;
  void closeAfterResponse() override;

 private:
  bool open() const { return attached && error.reason == ErrorReason::kNone; }
  void acceptHead();
  bool acceptsUpgrade(const ResponseHead& head) const;
  void refuseUpgrade(uint16_t status);
  void settleTunnel(bool accepted);
  void takePriority(const ResponseHead& head);

  NghttpServerCodec& codec_;
  RequestDecoder* decoder_ = nullptr;
  StreamError refusal_;  // the request is answered, and not taken
  std::array<char, 24> websocket_key_{};
  bool websocket_ = false;
  bool to_head_ = false;
  bool to_connect_ = false;
  bool upgrade_ = false;
  bool early_ = false;  // answered before it was complete
  bool signalled_ = false;
  bool updated_ = false;
  Priority priority_;
};

}  // namespace weir::http::http2
