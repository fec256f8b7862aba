#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "source/base/fd.h"
#include "source/network/address.h"

namespace weir::network {

// A datagram socket on loopback, for the other end of a test.
class UdpPeer {
 public:
  // Bound to `address`, port 0: any.
  explicit UdpPeer(std::string_view address = "127.0.0.1:0");
  Address address() const;
  int fd() const { return fd_.get(); }
  void send(std::string_view bytes, const Address& to) const;
  struct Received {
    std::string bytes;
    Address from;
  };
  // The next one within `limit_ms`; empty from nobody (family kNone) when there is none.
  Received receive(int limit_ms = 5000) const;
  // Closes it: what is sent to it is refused.
  void close() { fd_.reset(); }

 private:
  base::UniqueFd fd_;
};

}  // namespace weir::network
