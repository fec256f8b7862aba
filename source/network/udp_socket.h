#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "source/base/fd.h"
#include "source/network/address.h"

namespace weir::network {

// The most that one datagram carries over IPv4 (IPv6 takes 20 bytes more without jumbograms).
inline constexpr uint32_t kMaxDatagramBytes = 65507;

// Datagrams between the same two ends, one behind the other: all of `segment_bytes`, the last one
// possibly shorter. Immutable value that borrows everything.
struct UdpDatagrams {
  const Address* peer =
      nullptr;  // who sent them or gets them; null: whom the socket is connected to
  const Address* local = nullptr;  // on this side; null: the socket's own
  std::string_view bytes;          // empty: one datagram without content
  uint32_t segment_bytes = 0;      // 0 means bytes.size(): there is one

  uint32_t segment() const {
    return segment_bytes != 0 ? segment_bytes : static_cast<uint32_t>(bytes.size());
  }
  uint32_t count() const {
    if (segment_bytes == 0 || bytes.empty()) return 1;
    return (static_cast<uint32_t>(bytes.size()) + segment_bytes - 1) / segment_bytes;
  }
  UdpDatagrams first(uint32_t datagrams) const {
    UdpDatagrams some = *this;
    if (datagrams < count()) some.bytes = bytes.substr(0, size_t{segment()} * datagrams);
    return some;
  }
  // Only the last one when that is the only one that is shorter than `segment_bytes`.
  UdpDatagrams last() const {
    UdpDatagrams one = *this;
    one.bytes = bytes.substr(size_t{segment()} * (count() - 1));
    one.segment_bytes = 0;
    return one;
  }
};

// What the kernel does for runs of datagrams. Value; a test that wants less says so.
struct UdpOffload {
  bool receive = true;                      // UDP_GRO, where the kernel has it
  uint32_t send_limit = kMaxDatagramBytes;  // UDP_SEGMENT up to this segment size; 0: never
};

// A non-blocking, close-on-exec datagram socket of the address's family. Not valid when that
// failed: `error` is the errno then.
base::UniqueFd openDatagramSocket(const Address& address, int& error);
// Datagrams of a run arrive together from now on; false when the kernel cannot.
bool enableUdpGro(int fd);
// Received datagrams tell the address that they were sent to. 0 or the errno.
int enablePacketInfo(int fd, const Address& bound);

// How far sendDatagrams() got: everything before (entry, offset) is done with.
struct UdpSendResult {
  size_t entry = 0;
  size_t offset = 0;  // bytes of that entry that are done with
  uint32_t sent = 0;  // datagrams that the kernel took
  uint64_t sent_bytes = 0;
  uint32_t failed = 0;  // datagrams that it refused and that were skipped
  int error = 0;        // of the last one refused
};

// Sends `list` in order, runs in one piece where the kernel takes them (it lowers
// `offload.send_limit` when the path does not). Stops where the socket has no room; what is refused
// for another reason is skipped, or ends the call when `stop_at_error`.
UdpSendResult sendDatagrams(int fd, std::span<const UdpDatagrams> list, UdpOffload& offload,
                            bool stop_at_error);

}  // namespace weir::network
