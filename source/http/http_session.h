#pragma once

#include "source/base/intrusive_list.h"
#include "source/buffer/buffer.h"
#include "source/http/codec.h"
#include "source/network/connection_info.h"

namespace weir::http {

class ConnectionManager;
class ServerStream;

// What a client connection has while it is busy: the codec and its streams. What is common to all
// versions of HTTP. Worker-confined.
class HttpSession : protected ServerCodecCallbacks, protected CodecOutput {
 public:
  // For the connection manager.

  // Feeds the codec. Answers and closes when the client broke the protocol. May let go of the
  // manager (ConnectionManager::onSessionReleased).
  virtual void onData(buffer::Buffer& data, bool end_stream) = 0;
  // The connection is gone: ends its streams and lets go of the manager.
  virtual void onClose(bool by_client) = 0;
  // Nothing was asked for the idle timeout; only while there is no stream.
  virtual void onIdleTimeout() = 0;
  // A head has begun and is not complete, and the manager minds the time.
  virtual bool inHead() { return false; }
  // Answers 408.
  virtual void onHeadTimeout() {}
  virtual void onBlocked(bool blocked) = 0;
  virtual void drain() = 0;

  // For the streams.

  // Streams share the connection: none of them closes it by how it ends.
  virtual bool multiplexed() const = 0;
  virtual void headCompleted() {}
  virtual void responseBegins() {}
  virtual void streamEnded(ServerStream& stream) = 0;
  // The stream reset itself, and is gone.
  virtual void afterReset() {}
  network::Connection& connection();
  const network::ConnectionInfo* connectionInfo() const;

 protected:
  explicit HttpSession(buffer::BlockPool& blocks) : composed_(blocks) {}
  ~HttpSession();

  // CodecOutput
  buffer::Buffer& output() override;
  void outputReady(bool end_stream) override;
  void setReadEnabled(bool enabled) override;
  void abort() override;

  ConnectionManager* manager_ = nullptr;  // while in use
  base::IntrusiveList<ServerStream> streams_;
  buffer::Buffer composed_;  // where the codec writes when network filters want to see it
};

}  // namespace weir::http
