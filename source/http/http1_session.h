#pragma once

#include <memory>

#include "source/base/intrusive_list.h"
#include "source/http/http1/codec.h"
#include "source/http/http_session.h"

namespace weir::http {

class ConnectionManagerWorker;

// One request after the other. Taken from the worker's pool with the first byte of a request and
// given back when the connection is idle again. Worker-confined.
class Http1Session final : public HttpSession, public base::ListNode<> {
 public:
  explicit Http1Session(ConnectionManagerWorker& worker);
  ~Http1Session();

  void attach(ConnectionManager& manager, bool draining);

  // HttpSession. onData() gives it back, if there is nothing left to do.
  void onData(buffer::Buffer& data, bool end_stream) override;
  void onClose(bool by_client) override;
  void onIdleTimeout() override {}  // has one only while busy
  bool inHead() override;
  void onHeadTimeout() override;
  void onBlocked(bool blocked) override;
  void drain() override { codec_->drain(); }
  bool multiplexed() const override { return false; }
  void headCompleted() override;
  void responseBegins() override { answered_ = true; }
  void streamEnded(ServerStream& stream) override;
  void afterReset() override;

 private:
  RequestDecoder& newStream(ResponseEncoder& encoder) override;
  void onStreamComplete(RequestDecoder& decoder) override;
  void onConnectionError(const StreamError& error) override { onError(error); }
  void onDrained() override {}
  network::Connection* rawConnection() override;

  bool idle() const { return streams_.empty() && codec_->idle(); }
  void onError(const StreamError& error);
  void onClientEnd();
  void release();

  ConnectionManagerWorker& worker_;
  const std::unique_ptr<http1::Http1ServerCodec> codec_;
  bool dispatching_ = false;
  bool served_ = false;       // a request has begun
  bool answered_ = false;     // the head of the current response was sent
  bool client_done_ = false;  // the client said that it sends no further request
};

}  // namespace weir::http
