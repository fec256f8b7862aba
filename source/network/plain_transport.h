#pragma once

#include <memory>
#include <span>

#include "source/network/transport_socket.h"

namespace weir::network {

// Bytes as they are. It is a part of every Connection, so that a plain one costs no allocation.
// Worker-confined.
class PlainTransport final : public TransportSocket {
 public:
  void attach(int fd) { fd_ = fd; }
  void attach(int fd, TransportHost&) override { fd_ = fd; }
  int fd() const { return fd_; }
  void unread(buffer::Buffer&) override {}  // raw: the connection keeps them

  // One recv(2). kWouldBlock when it came back short: the level-triggered poll tells of more.
  IoResult read(std::span<char> out) override;
  // One send(2) for one piece, else one sendmsg(2) per kVectors, until all is written or the socket
  // is full.
  IoResult write(buffer::Buffer& data) override { return write(data, false); }
  // `close_follows`: the descriptor is closed when all is written, so that the FIN may travel with
  // the last bytes instead of in a segment of its own.
  IoResult write(buffer::Buffer& data, bool close_follows);
  IoResult shutdownWrite() override;
  bool bytesAreRaw() const override { return true; }

 private:
  static constexpr int kVectors = 64;
  int fd_ = -1;
};

// Makes plain transports, that is: none. Immutable.
class PlainTransportFactory final : public TransportSocketFactory {
 public:
  std::unique_ptr<WorkerTransportSocketFactory> bind(base::ServiceMap&) const override {
    return nullptr;
  }
};

}  // namespace weir::network
