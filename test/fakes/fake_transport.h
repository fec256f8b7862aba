#pragma once

#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include "source/network/transport_socket.h"

namespace weir::network::test {

// The far end of a FakeTransport, held by the test: what is to be read, and what was written.
struct FakeWire {
  std::string incoming;
  bool incoming_ended = false;
  int read_error = 0;  // an errno; < 0: an error of the transport's own
  // Bytes per read at most; what is behind them waits inside the transport, as TLS records do.
  size_t read_limit = std::numeric_limits<size_t>::max();

  std::string written;
  size_t write_room = std::numeric_limits<size_t>::max();
  int write_error = 0;
  bool write_ended = false;

  // Handshake calls that say kWouldBlock before it is done; < 0: it fails.
  int handshake_steps = 0;
  bool wants_write = false;
  int reads = 0;
  int writes = 0;
};

// A transport in memory, which never touches its descriptor. Worker-confined.
class FakeTransport final : public TransportSocket {
 public:
  explicit FakeTransport(std::shared_ptr<FakeWire> wire) : wire_(std::move(wire)) {}

  void attach(int, TransportHost&) override {}
  void unread(buffer::Buffer& early) override {
    wire_->incoming.insert(0, early.toString());
    early.clear();
  }
  IoResult handshake() override;
  bool wantsWrite() const override { return wire_->wants_write; }
  IoResult read(std::span<char> out) override;
  IoResult write(buffer::Buffer& data) override;
  IoResult shutdownWrite() override;
  std::string reason() const override { return "fake"; }

 private:
  const std::shared_ptr<FakeWire> wire_;
};

}  // namespace weir::network::test
