#pragma once

#include "source/http/http2/outgoing_stream.h"
#include "source/http/http2/session.h"

namespace weir::http::http2 {

// The client side of a connection. Worker-confined.
class NghttpClientCodec final : public Http2ClientCodec, public Session {
 public:
  NghttpClientCodec(const CodecServices& services, CodecOutput& output, ClientCallbacks& callbacks)
      : Session(Role::kClient, services, output), callbacks_(callbacks) {}

  // ClientCodec
  RequestEncoder& newStream(ResponseDecoder& decoder) override;
  StreamError dispatch(buffer::Buffer& data, bool end_stream) override;
  Version version() const override { return Version::kHttp2; }
  void onAboveHighWatermark() override { aboveHighWatermark(); }
  void onBelowLowWatermark() override { belowLowWatermark(); }
  bool reusable() const override { return !goingAway(); }
  bool idle() const override { return Session::openStreams() == 0; }

  // Http2ClientCodec
  uint32_t openStreams() const override { return Session::openStreams(); }
  uint32_t freeStreams() const override;
  bool goingAway() const override { return dead() || going_away_ || idsUsedUp(); }
  bool extendedConnect() const override;
  bool settled() const override { return settled_; }
  void connectionLost(const StreamError& error) override { Session::connectionLost(error); }
  void drain() override;

 private:
  // Of 2^30; some are left for good measure.
  static constexpr uint32_t kLastStreamId = 0x7fff'0000;
  bool idsUsedUp() const;

  // Session
  void onSettings() override { settled_ = capacity_changed_ = true; }
  void onGoaway(int32_t last_stream) override;
  void onStreamGone() override { callbacks_.onStreamEnded(); }
  void onFatal(const StreamError& error) override { callbacks_.onConnectionError(error); }

  ClientCallbacks& callbacks_;
  bool settled_ = false;
  bool going_away_ = false;
  bool goaway_submitted_ = false;
  bool capacity_changed_ = false;
};

}  // namespace weir::http::http2
