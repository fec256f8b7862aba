#include "source/network/socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <cerrno>
#include <string>

#include "source/base/concat.h"

namespace weir::network {
namespace {

absl::Status setOption(int fd, int level, int option, int value, std::string_view name) {
  if (setsockopt(fd, level, option, &value, sizeof value) == 0) return absl::OkStatus();
  return errnoStatus(errno, base::concat("set ", name));
}

// The values are within what the kernel takes.
void setKeepAlive(int fd, const KeepAlive& options) {
  const auto set = [fd](int level, int option, int64_t value) {
    const int number = static_cast<int>(value);
    (void)setsockopt(fd, level, option, &number, sizeof number);
  };
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, options.idle.count());
  set(IPPROTO_TCP, TCP_KEEPINTVL, options.interval.count());
  set(IPPROTO_TCP, TCP_KEEPCNT, options.probes);
}

}  // namespace

absl::Status errnoStatus(int error, std::string_view what) {
  return absl::ErrnoToStatus(error, {what.data(), what.size()});
}

base::UniqueFd openStreamSocket(const Address& address, int& error) {
  const int family = address.data()->sa_family;
  base::UniqueFd socket(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  const int on = 1;
  if (socket.valid() && (!address.isIp() ||
                         setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0)) {
    return socket;
  }
  error = errno;
  return base::UniqueFd();
}

absl::Status setReuseAddress(int fd) {
  return setOption(fd, SOL_SOCKET, SO_REUSEADDR, 1, "SO_REUSEADDR");
}

absl::Status setReusePort(int fd) {
  return setOption(fd, SOL_SOCKET, SO_REUSEPORT, 1, "SO_REUSEPORT");
}

absl::Status setIpv6Only(int fd) {
  return setOption(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1, "IPV6_V6ONLY");
}

int bindSource(int fd, const Address& source, bool transparent) {
  const int on = 1;
  const bool v6 = source.family() == Address::Family::kIpv6;
  if (transparent && ::setsockopt(fd, v6 ? SOL_IPV6 : SOL_IP,
                                  v6 ? IPV6_TRANSPARENT : IP_TRANSPARENT, &on, sizeof on) != 0) {
    return errno;
  }
  // Without a port of its own, connect(2) chooses one that is free towards the destination only.
  if (source.port() == 0) ::setsockopt(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
  return ::bind(fd, source.data(), source.length()) == 0 ? 0 : errno;
}

base::UniqueFd openConnectingSocket(const Address& address, const ConnectingSocket& options,
                                    int& error) {
  base::UniqueFd socket = openStreamSocket(address, error);
  if (!socket.valid() || !address.isIp()) return socket;
  if (options.keep_alive.enabled) setKeepAlive(socket.get(), options.keep_alive);
  const Address& source = options.sourceFor(address);
  if (source.family() == Address::Family::kNone) return socket;
  error = bindSource(socket.get(), source, options.transparent);
  if (error != 0) socket.reset();
  return socket;
}

void setResetOnClose(int fd) {
  // Only TCP knows it; elsewhere there is no RST and close(2) is as good.
  const linger abort{1, 0};
  (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort, sizeof abort);
}

int takeSocketError(int fd) {
  int error = 0;
  socklen_t length = sizeof error;
  if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) != 0) return errno;
  return error;
}

Address localAddressOf(int fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  auto* address = reinterpret_cast<sockaddr*>(&storage);
  if (getsockname(fd, address, &length) != 0) return {};
  return Address::fromSockaddr(address, length);
}

}  // namespace weir::network
