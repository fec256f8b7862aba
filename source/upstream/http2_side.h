#pragma once

#include <memory>

#include "source/http/http2/codec.h"
#include "source/upstream/http_side.h"
#include "source/upstream/pooled_connection.h"

namespace weir::upstream {

// HTTP/2: as many streams as the endpoint and the options allow. Ready when the endpoint's SETTINGS
// have come: then it is known that it speaks HTTP/2, how many streams it takes, and whether it
// takes extended CONNECT. Worker-confined.
class Http2Side final : public HttpSide,
                        public http::http2::ClientCallbacks,
                        private event::TurnEndTask {
 public:
  explicit Http2Side(PooledConnection& connection);

  bool ready() const override { return codec_->settled(); }
  uint32_t room() const override { return ended_ ? 0 : codec_->freeStreams(); }
  uint32_t active() const override { return codec_->openStreams(); }
  void start(PoolRequest& request, bool reused) override;
  void retire() override { codec_->drain(); }
  void closeConnection() override;
  void breakOff(const http::StreamError& error) override;
  void abandon() override {}

 private:
  // Where the codec's bytes go.
  class Wire final : public http::CodecOutput {
   public:
    explicit Wire(Http2Side& side) : side_(side) {}
    buffer::Buffer& output() override { return side_.network().output(); }
    void outputReady(bool) override { side_.network().outputReady(); }
    void setReadEnabled(bool enabled) override { side_.network().setReadEnabled(enabled); }
    void abort() override { side_.abort(); }

   private:
    Http2Side& side_;
  };

  void onData(buffer::Buffer& data, bool end_stream) override;
  void onAboveHighWatermark() override { codec_->onAboveHighWatermark(); }
  void onBelowLowWatermark() override { codec_->onBelowLowWatermark(); }
  void onClose(network::CloseReason reason) override;
  void onStreamEnded() override;
  void onCapacityChanged() override;
  void onStreamsLeftOut(uint32_t taken) override;
  void onConnectionError(const http::StreamError& error) override;
  void onTurnEnd() override;

  network::Connection& network() { return connection_.connection(); }
  void becomeReady();
  void end(bool broken);
  void abort();

  PooledConnection& connection_;
  const std::shared_ptr<const ClusterConfig> config_;  // has the codec's options and limits
  Wire wire_{*this};
  bool dispatching_ = false;
  bool changed_ = false;  // during dispatch
  bool ended_ = false;    // takes and tells nothing more
  const std::unique_ptr<http::http2::Http2ClientCodec> codec_;
};

}  // namespace weir::upstream
