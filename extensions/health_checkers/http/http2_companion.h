#pragma once

#include <memory>

#include "source/event/dispatcher.h"
#include "source/http/codec.h"
#include "source/http/http2/codec.h"
#include "source/upstream/probe_connections.h"

namespace weir::extensions::health_checkers::http {

// What makes an HTTP/2 connection of a probe's connection, and lives as long as that. Main-thread
// only.
class Http2Companion final : public upstream::ProbeCompanion,
                             private weir::http::CodecOutput,
                             private weir::http::http2::ClientCallbacks,
                             private event::TurnEndTask {
 public:
  // `connection` is up and owns it.
  Http2Companion(upstream::ProbeConnection& connection,
                 const weir::http::http2::CodecServices& services);

  weir::http::http2::Http2ClientCodec& codec() { return *codec_; }
  // What has come. False: the connection is of no more use; its streams have been told.
  bool dispatch(buffer::Buffer& data, bool end_stream);
  // Another stream may be begun.
  bool usable() const { return !codec_->goingAway() && codec_->freeStreams() > 0; }
  // GOAWAY, then it closes. The connection has no user any more.
  void closeGently();

 private:
  buffer::Buffer& output() override { return network().output(); }
  void outputReady(bool) override { network().outputReady(); }
  void setReadEnabled(bool enabled) override { network().setReadEnabled(enabled); }
  void abort() override { network().close(network::CloseMode::kNow); }
  void onStreamEnded() override {}
  void onCapacityChanged() override {}
  void onConnectionError(const weir::http::StreamError&) override {
    network().close(network::CloseMode::kFlushNoLinger);
  }
  void onTurnEnd() override { connection_.leave(network::CloseMode::kFlushNoLinger); }
  network::Connection& network() { return connection_.network(); }

  upstream::ProbeConnection& connection_;
  const std::unique_ptr<weir::http::http2::Http2ClientCodec> codec_;
};

}  // namespace weir::extensions::health_checkers::http
