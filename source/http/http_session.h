#pragma once

#include <cstdint>
#include <memory>

#include "source/base/intrusive_list.h"
#include "source/buffer/buffer.h"
#include "source/http/codec.h"
#include "source/http/http1/codec.h"
#include "source/network/connection_info.h"

namespace weir::http {

class ConnectionManager;
class ConnectionManagerWorker;
class ServerStream;

// What a connection has only while it is busy: the codec and its streams. Taken from the worker's
// pool with the first byte of a request and given back when the connection is idle again.
// Worker-confined.
class HttpSession final : public base::ListNode<>,
                          private ServerCodecCallbacks,
                          private CodecOutput {
 public:
  explicit HttpSession(ConnectionManagerWorker& worker);
  ~HttpSession();

  void attach(ConnectionManager& manager, bool draining);
  // Feeds the codec. Answers and closes when the client broke the protocol. Back in the pool when
  // it returns, if there is nothing left to do.
  void onData(buffer::Buffer& data, bool end_stream);
  // The connection is gone: ends its streams.
  void onClose(bool by_client);
  void onBlocked(bool blocked);
  void drain() { codec_->drain(); }
  // A head has begun and is not complete.
  bool inHead();
  // Answers 408.
  void onHeadTimeout();

  // For the streams.
  network::Connection& connection();
  const network::ConnectionInfo* connectionInfo() const;
  void headCompleted();
  void responseBegins() { answered_ = true; }
  void streamEnded(ServerStream& stream);
  void afterReset();

 private:
  // ServerCodecCallbacks
  RequestDecoder& newStream(ResponseEncoder& encoder) override;
  void onStreamComplete(RequestDecoder& decoder) override;
  void onConnectionError(const StreamError& error) override { onError(error); }
  void onDrained() override {}
  // CodecOutput
  buffer::Buffer& output() override;
  void outputReady(bool end_stream) override;
  void setReadEnabled(bool enabled) override;
  void abort() override;
  network::Connection* rawConnection() override;

  bool idle() const { return streams_.empty() && codec_->idle(); }
  void onError(const StreamError& error);
  void onClientEnd();
  void release();

  ConnectionManagerWorker& worker_;
  const std::unique_ptr<http1::Http1ServerCodec> codec_;
  ConnectionManager* manager_ = nullptr;       // while in use
  base::IntrusiveList<ServerStream> streams_;  // at most one with HTTP/1
  buffer::Buffer composed_;  // where the codec writes when network filters want to see it
  bool dispatching_ = false;
  bool served_ = false;       // a request has begun
  bool answered_ = false;     // the head of the current response was sent
  bool client_done_ = false;  // the client said that it sends no further request
};

}  // namespace weir::http
