#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"

#include "source/base/fd.h"
#include "source/network/address.h"

namespace weir::network {

// "connect to 10.0.0.1:80: Connection refused", with the status code that fits `error`.
absl::Status errnoStatus(int error, std::string_view what);

// A stream socket of the address's family: non-blocking, close-on-exec, and with TCP_NODELAY where
// that means something. Not valid when that failed: `error` is the errno then.
base::UniqueFd openStreamSocket(const Address& address, int& error);
absl::Status setReuseAddress(int fd);
absl::Status setReusePort(int fd);
// IPv6 sockets leave IPv4 alone, so that "[::]:80" and "0.0.0.0:80" can be two listeners.
absl::Status setIpv6Only(int fd);
// Binds to `source`, also to one that is not this host's when `transparent`. 0 or the errno.
int bindSource(int fd, const Address& source, bool transparent);
// Probes that the kernel sends on a TCP connection on which nothing moves, so that a peer that is
// gone is noticed. Value.
struct KeepAlive {
  bool enabled = false;
  std::chrono::seconds idle{60};  // without traffic, until the first probe
  std::chrono::seconds interval{10};
  uint32_t probes = 6;  // unanswered ones, until the connection is broken
};
// How a socket is made that connects. Value.
struct ConnectingSocket {
  // Addresses to connect from, for peers of the same family; kNone: the kernel chooses. Those that
  // are not this host's own (IP_TRANSPARENT) need CAP_NET_ADMIN and routing rules.
  Address source_ipv4 = {};
  Address source_ipv6 = {};
  bool transparent = false;
  KeepAlive keep_alive = {};

  const Address& sourceFor(const Address& peer) const {
    return peer.family() == Address::Family::kIpv6 ? source_ipv6 : source_ipv4;
  }
};
// openStreamSocket() for connecting to `address`, made so.
base::UniqueFd openConnectingSocket(const Address& address, const ConnectingSocket& options,
                                    int& error);
// close(2) will send RST and drop what is unsent.
void setResetOnClose(int fd);
// Takes the pending error (SO_ERROR); 0: none.
int takeSocketError(int fd);
// Family kNone when the kernel knows none.
Address localAddressOf(int fd);

}  // namespace weir::network
