#pragma once

#include <array>

#include "source/http/http2/incoming_stream.h"
#include "source/http/http2/session.h"

namespace weir::http::http2 {

// The server side of a connection. Worker-confined.
class NghttpServerCodec final : public ServerCodec, public Session {
 public:
  NghttpServerCodec(const CodecServices& services, CodecOutput& output,
                    ServerCodecCallbacks& callbacks);

  // ServerCodec
  StreamError dispatch(buffer::Buffer& data, bool end_stream) override {
    return receive(data, end_stream);
  }
  Version version() const override { return Version::kHttp2; }
  bool idle() const override { return openStreams() == 0 && !inFieldBlock(); }
  void drain() override;
  bool closing() const override;
  void onAboveHighWatermark() override { aboveHighWatermark(); }
  void onBelowLowWatermark() override { belowLowWatermark(); }

  // For streams.
  void complete(RequestDecoder& decoder) { callbacks_.onStreamComplete(decoder); }

 private:
  // How far the end has come (RFC 9113 6.8).
  enum class Drain : uint8_t {
    kNone,
    kNoticed,  // GOAWAY without a limit has gone; the client may not have read it yet
    kLast,     // GOAWAY with the last stream goes: no more come
    kLastSent,
    kTold,  // the owner knows that it is over
  };
  static constexpr size_t kEarlyUpdates = 8;
  static constexpr size_t kGaps = 4;
  static constexpr std::chrono::milliseconds kNoticeTime{1000};

  // Session
  Stream* acceptStream(int32_t id) override;
  bool idAllowed(int32_t id) const override;
  void onPriorityField(Stream& stream, std::string_view value) override;
  void onPriorityUpdate(int32_t id, std::string_view value) override;
  // A client that goes away begins no more streams; and nghttp2 reads nothing more when the last of
  // them is done.
  void onGoaway(int32_t) override { drain(); }
  void onDrainPong() override { finishDrain(); }
  void onGoawaySent(int32_t last_stream) override;
  void afterCall() override;
  void onFatal(const StreamError& error) override { callbacks_.onConnectionError(error); }

  void finishDrain();
  void onNoticeTime();

  ServerCodecCallbacks& callbacks_;
  Drain drain_ = Drain::kNone;
  event::WheelTimer drain_timer_;
  // Streams whose PRIORITY_UPDATE came before their request, the oldest overwritten.
  struct EarlyUpdate {
    int32_t id = 0;
    Priority priority;
  };
  std::array<EarlyUpdate, kEarlyUpdates> early_updates_;
  size_t next_early_update_ = 0;
  // Numbers that the client passed over and must not come back to, the oldest overwritten: a client
  // in its senses leaves none out.
  struct Gap {
    int32_t first = 0;
    int32_t last = -1;
  };
  std::array<Gap, kGaps> gaps_;
  size_t next_gap_ = 0;
  int32_t last_id_ = -1;
};

}  // namespace weir::http::http2
