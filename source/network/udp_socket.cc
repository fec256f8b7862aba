#include "source/network/udp_socket.h"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "source/network/socket.h"

namespace weir::network {
namespace {

constexpr size_t kMessages = 32;
constexpr size_t kPieces = 64;
constexpr uint32_t kMaxSegments = 64;  // UDP_MAX_SEGMENTS of every kernel that has UDP_SEGMENT

bool sameEnd(const Address* a, const Address* b) {
  return a == b || (a != nullptr && b != nullptr && *a == *b);
}

struct Position {
  size_t entry = 0;
  size_t offset = 0;
};

// One call of sendmmsg(2) in the making. Worker-confined.
class Messages {
 public:
  Messages(std::span<const UdpDatagrams> list, const UdpOffload& offload)
      : list_(list), offload_(offload) {}

  // As many messages from `from` on as fit.
  void fill(Position from) {
    count_ = pieces_ = 0;
    Position at = from;
    while (at.entry < list_.size() && count_ < kMessages && pieces_ < kPieces) {
      at = append(at);
      ++count_;
    }
  }
  size_t count() const { return count_; }
  // How many the kernel took; -1 with errno.
  int send(int fd) {
    if (count_ > 1) {
      return ::sendmmsg(fd, headers_, static_cast<unsigned>(count_), MSG_DONTWAIT | MSG_NOSIGNAL);
    }
    const auto size = ::sendmsg(fd, &headers_[0].msg_hdr, MSG_DONTWAIT | MSG_NOSIGNAL);
    return size < 0 ? -1 : 1;
  }
  struct Content {
    Position end;  // where the next message begins
    uint32_t datagrams = 0;
    uint32_t bytes = 0;
    uint32_t segment = 0;
  };
  const Content& content(size_t index) const { return contents_[index]; }

 private:
  union Control {
    char bytes[CMSG_SPACE(sizeof(in6_pktinfo)) + CMSG_SPACE(sizeof(uint16_t))];
    cmsghdr alignment;
  };

  Position append(Position at) {
    const UdpDatagrams& first = list_[at.entry];
    Content& content = contents_[count_];
    content = {};
    content.segment = first.segment();
    msghdr& header = headers_[count_].msg_hdr;
    header = msghdr{};
    header.msg_iov = &iov_[pieces_];
    at = takePiece(at, header, content);
    while (at.offset == 0 && mayFollow(at, first, content) && pieces_ < kPieces) {
      at = takePiece(at, header, content);
    }
    if (first.peer != nullptr) {
      header.msg_name = const_cast<sockaddr*>(first.peer->data());
      header.msg_namelen = first.peer->length();
    }
    addControl(header, first.local, content);
    content.end = at;
    return at;
  }

  Position takePiece(Position at, msghdr& header, Content& content) {
    const UdpDatagrams& entry = list_[at.entry];
    const std::string_view rest = entry.bytes.substr(at.offset);
    const uint32_t segment = content.segment;
    uint32_t most = 1;
    if (segment > 0 && segment <= offload_.send_limit) {
      most = std::max<uint32_t>(1, std::min(kMaxSegments - content.datagrams,
                                            (kMaxDatagramBytes - content.bytes) / segment));
    }
    const size_t size = std::min<size_t>(rest.size(), size_t{segment} * most);
    iov_[pieces_++] = {const_cast<char*>(rest.data()), size};
    ++header.msg_iovlen;
    content.bytes += static_cast<uint32_t>(size);
    content.datagrams += size == 0 ? 1 : static_cast<uint32_t>((size + segment - 1) / segment);
    if (size == rest.size()) return {at.entry + 1, 0};
    return {at.entry, at.offset + size};
  }

  // Whether the whole entry at `at` can go with what the message has: the same ends, full segments
  // so far, and none that is larger.
  bool mayFollow(Position at, const UdpDatagrams& first, const Content& content) const {
    if (at.entry >= list_.size() || content.segment == 0) return false;
    if (content.segment > offload_.send_limit || content.bytes % content.segment != 0) return false;
    const UdpDatagrams& next = list_[at.entry];
    if (next.bytes.empty() || content.bytes + next.bytes.size() > kMaxDatagramBytes) return false;
    if (content.datagrams + next.count() > kMaxSegments) return false;
    const bool fits = next.segment() == content.segment ||
                      (next.count() == 1 && next.bytes.size() < content.segment);
    return fits && sameEnd(next.peer, first.peer) && sameEnd(next.local, first.local);
  }

  void addControl(msghdr& header, const Address* local, const Content& content) {
    Control& control = controls_[count_];
    header.msg_control = control.bytes;
    header.msg_controllen = 0;
    if (local != nullptr) addSource(header, *local);
    if (content.datagrams > 1) {
      addOption(header, SOL_UDP, UDP_SEGMENT, static_cast<uint16_t>(content.segment));
    }
    if (header.msg_controllen == 0) header.msg_control = nullptr;
  }

  static void addSource(msghdr& header, const Address& local) {
    if (local.family() == Address::Family::kIpv4) {
      in_pktinfo info{};
      info.ipi_spec_dst = reinterpret_cast<const sockaddr_in*>(local.data())->sin_addr;
      addOption(header, IPPROTO_IP, IP_PKTINFO, info);
    } else if (local.family() == Address::Family::kIpv6) {
      const auto& address = *reinterpret_cast<const sockaddr_in6*>(local.data());
      in6_pktinfo info{};
      info.ipi6_addr = address.sin6_addr;
      info.ipi6_ifindex = address.sin6_scope_id;
      addOption(header, IPPROTO_IPV6, IPV6_PKTINFO, info);
    }
  }

  template <class T>
  static void addOption(msghdr& header, int level, int type, const T& value) {
    auto* option =
        reinterpret_cast<cmsghdr*>(static_cast<char*>(header.msg_control) + header.msg_controllen);
    option->cmsg_level = level;
    option->cmsg_type = type;
    option->cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(CMSG_DATA(option), &value, sizeof value);
    header.msg_controllen += CMSG_SPACE(sizeof value);
  }

  const std::span<const UdpDatagrams> list_;
  const UdpOffload& offload_;
  size_t count_ = 0;
  size_t pieces_ = 0;
  mmsghdr headers_[kMessages];
  Control controls_[kMessages];
  Content contents_[kMessages];
  iovec iov_[kPieces];
};

// A run that was refused as a whole may pass one by one: then this path, or this kernel, does not
// take runs of that size. True when it is worth trying.
bool lowerLimit(const Messages::Content& refused, int error, UdpOffload& offload) {
  if (refused.datagrams < 2) return false;
  if (error == EINVAL || error == EMSGSIZE) {
    offload.send_limit = std::min(offload.send_limit, refused.segment - 1);
    return true;
  }
  if (error == EIO || error == EOPNOTSUPP || error == ENOPROTOOPT) {
    offload.send_limit = 0;
    return true;
  }
  return false;
}

// The most frequent case, and the cheapest: one datagram to where the socket is connected to.
bool sendPlain(int fd, const UdpDatagrams& one, UdpSendResult& result) {
  if (one.peer != nullptr || one.local != nullptr || one.count() != 1) return false;
  if (::send(fd, one.bytes.data(), one.bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL) < 0) return false;
  result.entry = 1;
  result.sent = 1;
  result.sent_bytes = one.bytes.size();
  return true;
}

}  // namespace

base::UniqueFd openDatagramSocket(const Address& address, int& error) {
  const int family = address.data()->sa_family;
  base::UniqueFd socket(::socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.valid()) error = errno;
  return socket;
}

bool enableUdpGro(int fd) {
  const int on = 1;
  return ::setsockopt(fd, SOL_UDP, UDP_GRO, &on, sizeof on) == 0;
}

int enablePacketInfo(int fd, const Address& bound) {
  const int on = 1;
  const bool v6 = bound.family() == Address::Family::kIpv6;
  const int result = ::setsockopt(fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP,
                                  v6 ? IPV6_RECVPKTINFO : IP_PKTINFO, &on, sizeof on);
  return result == 0 ? 0 : errno;
}

UdpSendResult sendDatagrams(int fd, std::span<const UdpDatagrams> list, UdpOffload& offload,
                            bool stop_at_error) {
  UdpSendResult result;
  if (list.size() == 1 && sendPlain(fd, list.front(), result)) return result;
  Messages messages(list, offload);
  Position at;
  while (at.entry < list.size()) {
    messages.fill(at);
    const int taken = messages.send(fd);
    const int error = errno;
    for (int i = 0; i < taken; ++i) {
      const Messages::Content& content = messages.content(static_cast<size_t>(i));
      result.sent += content.datagrams;
      result.sent_bytes += content.bytes;
      at = content.end;
    }
    if (taken > 0) continue;  // after a part, the next call tells why
    if (error == EINTR) continue;
    if (error == EAGAIN || error == EWOULDBLOCK) break;
    const Messages::Content& refused = messages.content(0);
    if (lowerLimit(refused, error, offload)) continue;
    result.error = error;
    if (stop_at_error) break;
    result.failed += refused.datagrams;
    at = refused.end;
  }
  result.entry = at.entry;
  result.offset = at.offset;
  return result;
}

}  // namespace weir::network
