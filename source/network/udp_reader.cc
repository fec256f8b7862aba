#include "source/network/udp_reader.h"

#include <netinet/in.h>
#include <netinet/udp.h>

#include <cerrno>
#include <cstring>

namespace weir::network {
namespace {

template <class T>
T valueOf(const cmsghdr& option) {
  T value;
  std::memcpy(&value, CMSG_DATA(&option), sizeof value);
  return value;
}

// The address of ours that answers come from: for a group or broadcast address not that one.
Address ourAddress(const cmsghdr& option, uint16_t port) {
  if (option.cmsg_level == IPPROTO_IP) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr = valueOf<in_pktinfo>(option).ipi_spec_dst;
    return Address::fromSockaddr(reinterpret_cast<sockaddr*>(&address), sizeof address);
  }
  const auto info = valueOf<in6_pktinfo>(option);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  address.sin6_addr = info.ipi6_addr;
  if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) address.sin6_scope_id = info.ipi6_ifindex;
  return Address::fromSockaddr(reinterpret_cast<sockaddr*>(&address), sizeof address);
}

bool isPacketInfo(const cmsghdr& option) {
  return (option.cmsg_level == IPPROTO_IP && option.cmsg_type == IP_PKTINFO) ||
         (option.cmsg_level == IPPROTO_IPV6 && option.cmsg_type == IPV6_PKTINFO);
}

}  // namespace

UdpReader::UdpReader() : memory_(std::make_unique_for_overwrite<char[]>(kBatch * kSlotBytes)) {
  for (size_t i = 0; i < kBatch; ++i) {
    iov_[i] = {memory_.get() + i * kSlotBytes, kSlotBytes};
    headers_[i].msg_hdr.msg_iov = &iov_[i];
    headers_[i].msg_hdr.msg_iovlen = 1;
  }
}

std::span<const UdpDatagrams> UdpReader::read(int fd, const Wanted& wanted, int& error) {
  const bool control = wanted.bound != nullptr || wanted.runs;
  for (size_t i = 0; i < kBatch; ++i) {
    msghdr& header = headers_[i].msg_hdr;
    header.msg_name = wanted.peer ? &names_[i] : nullptr;
    header.msg_namelen = wanted.peer ? sizeof names_[i] : 0;
    header.msg_control = control ? controls_[i].bytes : nullptr;
    header.msg_controllen = control ? kControlBytes : 0;
  }
  int received;
  do {
    received = ::recvmmsg(fd, headers_.data(), kBatch, MSG_DONTWAIT, nullptr);
  } while (received < 0 && errno == EINTR);
  error = received < 0 ? errno : 0;
  size_t kept = 0;
  for (int i = 0; i < received; ++i) {
    const auto slot = static_cast<size_t>(i);
    UdpDatagrams& run = runs_[kept];
    run = {.bytes = {memory_.get() + slot * kSlotBytes, headers_[slot].msg_len}};
    if (wanted.peer) {
      peers_[slot] = Address::fromSockaddr(reinterpret_cast<const sockaddr*>(&names_[slot]),
                                           headers_[slot].msg_hdr.msg_namelen);
      if (peers_[slot].port() == 0) continue;
      run.peer = &peers_[slot];
    }
    if (control) parseControl(slot, wanted, run);
    ++kept;
  }
  return {runs_.data(), kept};
}

void UdpReader::parseControl(size_t slot, const Wanted& wanted, UdpDatagrams& run) {
  msghdr& header = headers_[slot].msg_hdr;
  for (cmsghdr* option = CMSG_FIRSTHDR(&header); option != nullptr;
       option = CMSG_NXTHDR(&header, option)) {
    if (option->cmsg_level == SOL_UDP && option->cmsg_type == UDP_GRO) {
      const int size = valueOf<int>(*option);
      const bool several = size > 0 && static_cast<size_t>(size) < run.bytes.size();
      if (several) run.segment_bytes = static_cast<uint32_t>(size);
    } else if (wanted.bound != nullptr && isPacketInfo(*option)) {
      locals_[slot] = ourAddress(*option, wanted.bound->port());
      run.local = &locals_[slot];
    }
  }
}

}  // namespace weir::network
