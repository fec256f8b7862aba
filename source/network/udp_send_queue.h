#pragma once

#include <cstddef>
#include <vector>

#include "source/network/address.h"
#include "source/network/udp_socket.h"

namespace weir::network {

// Datagrams that wait to be sent through one socket, in order and in bounded memory, which is kept
// for those that come next. Worker-confined.
class UdpSendQueue {
 public:
  // At most `max_bytes`, and a datagram counts for no less than kLeastBytes.
  explicit UdpSendQueue(size_t max_bytes) : max_bytes_(max_bytes) {}

  static constexpr size_t kLeastBytes = 64;

  // Copies all of them, or none when there is no room.
  bool add(const UdpDatagrams& datagrams);
  // Sends what the socket takes; see sendDatagrams(). The result's entry and offset mean nothing.
  UdpSendResult flush(int fd, UdpOffload& offload);
  bool empty() const { return head_ == entries_.size(); }
  // Forgets what waits; how many datagrams that were.
  uint32_t clear();

 private:
  struct Entry {
    Address peer;
    Address local;
    size_t begin;
    size_t size;
    uint32_t segment_bytes;
  };
  UdpDatagrams view(const Entry& entry) const;
  void compact();

  const size_t max_bytes_;
  std::vector<char> bytes_;
  std::vector<Entry> entries_;
  std::vector<UdpDatagrams> views_;  // of one flush; kept for its memory
  size_t head_ = 0;                  // entries before are done with
};

}  // namespace weir::network
