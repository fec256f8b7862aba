#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include "source/grpc/metadata.h"
#include "source/grpc/status.h"

namespace weir::grpc {

// What one call wants. Value.
struct CallOptions {
  // The deadline, from the start of the call: told to the server (grpc-timeout) and kept here at
  // every stage. None: the call may take for ever.
  std::optional<std::chrono::milliseconds> timeout = {};
  // While there is no connection and attempts fail, wait (until the deadline) instead of failing
  // with UNAVAILABLE.
  bool wait_for_ready = false;
  Metadata metadata = {};
};

// Receives what happens on one call. No function is called from inside a function of Call or
// Channel::start(). Each may destroy the Call and the Channel. Worker-confined.
class CallHandler {
 public:
  // The head of the answer. Left out when a call fails before, or has nothing but a status.
  virtual void onHeaders(const Metadata&) {}
  // The bytes are good for the call.
  virtual void onMessage(std::string_view message) = 0;
  // After send() refused, or writable() said no: there is room again.
  virtual void onWritable() {}
  // The last call, exactly once unless the Call is destroyed before.
  virtual void onClosed(const Status& status, const Metadata& trailers) = 0;

 protected:
  ~CallHandler() = default;
};

// One gRPC call: messages both ways until the server's status, the deadline, or cancel(). A call
// that the server surely has not processed (refused, or above GOAWAY's last stream) is begun once
// more without a word, as long as nothing was answered and what was sent fits into
// ChannelConfig::retry_bytes. Destroying it cancels it, without a word. Worker-confined.
class Call {
 public:
  virtual ~Call() = default;

  // Queues a message, also before there is a connection. False, and nothing is taken: the call is
  // over, closeSend() was called, or ChannelConfig::send_queue_bytes wait to be sent
  // (onWritable() follows). One message is always taken when none waits.
  [[nodiscard]] virtual bool send(std::string_view message) = 0;
  virtual bool writable() = 0;
  // No more messages follow.
  virtual void closeSend() = 0;
  // Stops / goes on handing over messages. Stopped, the server can send no more than the stream's
  // window and one message.
  virtual void setReadEnabled(bool enabled) = 0;
  // Ends the call; onClosed(status) follows. Nothing when it is over already.
  virtual void cancel(Status status = {Code::kCancelled, "cancelled"}) = 0;
};

}  // namespace weir::grpc
