#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "source/base/fd.h"
#include "source/network/connection.h"
#include "source/network/io_context.h"
#include "test/fakes/fake_dispatcher.h"

// What the tests of this folder share: socket pairs, a handler that remembers, and a worker.
namespace weir::network::test {

// Two connected sockets, both non-blocking.
struct SocketPair {
  base::UniqueFd ours;
  base::UniqueFd peer;
};
SocketPair unixPair();
SocketPair tcpPair();

// A socket that listens on a free port of 127.0.0.1.
base::UniqueFd listenOnLoopback(int backlog = 16);
Address addressOf(int fd);

// Whatever can be read without waiting; `ended` is set at the peer's FIN, `error` when it broke.
std::string drainSocket(int fd, bool* ended = nullptr, int* error = nullptr);
// Writes as much as the socket takes; returns how much.
size_t fillSocket(int fd, std::string_view bytes);
void setSendBuffer(int fd, int bytes);
void setReceiveBuffer(int fd, int bytes);
// Makes close(2) on `fd` send RST.
void resetOnClose(int fd);
// Descriptors this process has open.
int openDescriptors();
// `size` bytes that differ along the way.
std::string pattern(size_t size, uint32_t seed = 1);

// Takes everything and remembers. The hooks run after the remembering.
class RecordingHandler final : public ConnectionHandler {
 public:
  void onConnected() override {
    ++connected;
    if (on_connected) on_connected();
  }
  void onData(buffer::Buffer& bytes, bool end_stream) override {
    ++calls;
    ended = ended || end_stream;
    if (on_data) return on_data(bytes, end_stream);
    data += bytes.toString();
    bytes.clear();
  }
  void onAboveHighWatermark() override { ++above; }
  void onBelowLowWatermark() override {
    ++below;
    if (on_below) on_below();
  }
  void onClose(CloseReason r) override {
    ++closes;
    reason = r;
    if (on_close) on_close();
  }

  std::string data;
  bool ended = false;
  int calls = 0;
  int connected = 0;
  int above = 0;
  int below = 0;
  int closes = 0;
  std::optional<CloseReason> reason;
  std::function<void()> on_connected;
  std::function<void(buffer::Buffer&, bool)> on_data;
  std::function<void()> on_below;
  std::function<void()> on_close;
};

// A dispatcher with simulated time and the context of its connections.
class Worker {
 public:
  // Runs `task` as a callback, then all that follows.
  void act(std::function<void()> task) {
    dispatcher.post(std::move(task));
    dispatcher.runUntilIdle();
  }
  void settle() { dispatcher.runUntilIdle(); }
  std::unique_ptr<Connection> accept(base::UniqueFd fd, ConnectionHandler& handler,
                                     std::unique_ptr<TransportSocket> transport = nullptr);

  event::FakeDispatcher dispatcher;
  IoContext io{dispatcher, 1};
};

}  // namespace weir::network::test
