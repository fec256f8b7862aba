#pragma once

#include <sys/socket.h>
#include <sys/uio.h>

#include <array>
#include <memory>
#include <span>

#include "source/network/address.h"
#include "source/network/udp_socket.h"

namespace weir::network {

// Memory that all datagram sockets of a worker read into, one at a time: what was read is good
// until the next read. Worker-confined.
class UdpReader {
 public:
  static constexpr size_t kBatch = 16;

  UdpReader();

  // What is asked of the socket beside the bytes.
  struct Wanted {
    bool peer = false;               // who sent it: not on connected sockets
    const Address* bound = nullptr;  // set: the address it was sent to, with this one's port
    bool runs = false;               // the socket has UDP_GRO
  };
  // Up to kBatch runs. Empty: `error` is EAGAIN when there is nothing, else what the socket
  // reports (ECONNREFUSED on a connected one). Datagrams that cannot be answered (port 0) are left
  // out; so the list may be empty with `error` 0.
  std::span<const UdpDatagrams> read(int fd, const Wanted& wanted, int& error);

 private:
  static constexpr size_t kSlotBytes = 65536;
  static constexpr size_t kControlBytes = 128;

  void parseControl(size_t slot, const Wanted& wanted, UdpDatagrams& run);

  std::unique_ptr<char[]> memory_;
  std::array<mmsghdr, kBatch> headers_{};
  std::array<iovec, kBatch> iov_{};
  std::array<sockaddr_storage, kBatch> names_;
  struct alignas(cmsghdr) Control {
    char bytes[kControlBytes];
  };
  std::array<Control, kBatch> controls_;
  std::array<Address, kBatch> peers_;
  std::array<Address, kBatch> locals_;
  std::array<UdpDatagrams, kBatch> runs_;
};

}  // namespace weir::network
