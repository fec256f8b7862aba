#include "test/network/udp_peer.h"

#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include "source/network/socket.h"
#include "source/network/udp_socket.h"

namespace weir::network {

UdpPeer::UdpPeer(std::string_view address) {
  const Address wanted = *Address::parse(address);
  int error = 0;
  fd_ = openDatagramSocket(wanted, error);
  EXPECT_TRUE(fd_.valid());
  EXPECT_EQ(::bind(fd_.get(), wanted.data(), wanted.length()), 0) << address;
}

Address UdpPeer::address() const {
  return localAddressOf(fd_.get());
}

void UdpPeer::send(std::string_view bytes, const Address& to) const {
  EXPECT_EQ(::sendto(fd_.get(), bytes.data(), bytes.size(), 0, to.data(), to.length()),
            static_cast<ssize_t>(bytes.size()))
      << to.toString();
}

UdpPeer::Received UdpPeer::receive(int limit_ms) const {
  pollfd ready{fd_.get(), POLLIN, 0};
  if (::poll(&ready, 1, limit_ms) <= 0) return {};
  std::string bytes(65536, '\0');
  sockaddr_storage from{};
  socklen_t length = sizeof from;
  auto* address = reinterpret_cast<sockaddr*>(&from);
  const ssize_t size = ::recvfrom(fd_.get(), bytes.data(), bytes.size(), 0, address, &length);
  if (size < 0) return {};
  bytes.resize(static_cast<size_t>(size));
  return {std::move(bytes), Address::fromSockaddr(address, length)};
}

}  // namespace weir::network
