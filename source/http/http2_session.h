#pragma once

#include <memory>

#include "source/base/local_ref.h"
#include "source/event/dispatcher.h"
#include "source/http/http2/codec.h"
#include "source/http/http_session.h"

namespace weir::http {

class ConnectionManagerWorker;

// Many requests at once. Stays with its connection, for the codec's tables and windows do. Destroys
// itself, deferred, when the connection is gone. Worker-confined.
class Http2Session final : public HttpSession, public event::DeferredDeletable {
 public:
  Http2Session(ConnectionManager& manager, bool draining);
  ~Http2Session() override;

  // HttpSession
  void onData(buffer::Buffer& data, bool end_stream) override;
  void onClose(bool by_client) override;
  void onIdleTimeout() override { codec_->drain(); }
  void onBlocked(bool blocked) override;
  void drain() override { codec_->drain(); }
  bool multiplexed() const override { return true; }
  void streamEnded(ServerStream& stream) override;

 private:
  RequestDecoder& newStream(ResponseEncoder& encoder) override;
  void onStreamComplete(RequestDecoder& decoder) override;
  void onConnectionError(const StreamError& error) override;
  void onDrained() override;

  void endStreams(bool by_client);

  // Of when the connection began: the codec's options are in its configuration.
  const base::LocalRef<ConnectionManagerWorker> worker_;
  std::unique_ptr<ServerCodec> codec_;
};

}  // namespace weir::http
