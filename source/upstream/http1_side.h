#pragma once

#include <memory>

#include "source/http/http1/codec.h"
#include "source/upstream/http_side.h"
#include "source/upstream/pooled_connection.h"

namespace weir::upstream {

// HTTP/1: one exchange at a time, with a codec that is borrowed for it; notices what an idle peer
// does. Worker-confined.
class Http1Side final : public HttpSide,
                        public http::CodecOutput,
                        public http::http1::ClientCodecCallbacks {
 public:
  explicit Http1Side(PooledConnection& connection) : connection_(connection) {}

  bool ready() const override { return true; }
  uint32_t room() const override { return codec_ == nullptr ? 1 : 0; }
  uint32_t active() const override { return codec_ == nullptr ? 0 : 1; }
  void start(PoolRequest& request, bool reused) override;
  void retire() override {}
  void closeConnection() override;
  void breakOff(const http::StreamError& error) override;
  void abandon() override {}

 private:
  void onData(buffer::Buffer& data, bool end_stream) override;
  void onAboveHighWatermark() override;
  void onBelowLowWatermark() override;
  void onClose(network::CloseReason reason) override;

  // The codec's side.
  buffer::Buffer& output() override { return connection_.connection().output(); }
  void outputReady(bool end_stream) override { connection_.connection().outputReady(end_stream); }
  void setReadEnabled(bool enabled) override { connection_.connection().setReadEnabled(enabled); }
  void abort() override { connection_.close(); }
  network::Connection* rawConnection() override { return &connection_.connection(); }
  void onExchangeComplete() override;

  void finishExchange();
  void returnCodec();

  PooledConnection& connection_;
  std::unique_ptr<http::http1::Http1ClientCodec> codec_;  // while there is a request
  PoolRequest* request_ = nullptr;  // likewise, while it is not told of its end
  bool dispatching_ = false;
  bool complete_ = false;  // the exchange ended during dispatch
};

}  // namespace weir::upstream
