#include "source/network/address.h"

#include <arpa/inet.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <cstddef>
#include <cstring>
#include <optional>
#include <utility>

#include "absl/status/status.h"

#include "source/base/concat.h"

namespace weir::network {

// Addresses are copied between threads with the configuration, so the count is atomic.
struct Address::UnixName {
  std::atomic<uint32_t> references{1};
  socklen_t length = 0;
  sockaddr_un address{};
};

namespace {

absl::Status bad(std::string_view text, std::string_view problem, std::string_view remedy) {
  return absl::InvalidArgumentError(base::concat("\"", text, "\": ", problem, "; ", remedy));
}

// Decimal digits only: SimpleAtoi would take spaces and signs.
std::optional<uint32_t> parseDecimal(std::string_view text, uint32_t max) {
  if (text.empty() || text.size() > 5) return std::nullopt;
  uint32_t value = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + static_cast<uint32_t>(c - '0');
  }
  if (value > max) return std::nullopt;
  return value;
}

template <class T>
bool pton(int family, std::string_view text, T& out) {
  char terminated[INET6_ADDRSTRLEN + 1];
  if (text.empty() || text.size() >= sizeof terminated) return false;
  if (text.find('\0') != std::string_view::npos) return false;
  std::memcpy(terminated, text.data(), text.size());
  terminated[text.size()] = '\0';
  return inet_pton(family, terminated, &out) == 1;
}

// The IPv4 address within an IPv4-mapped IPv6 one, in host order.
uint32_t mappedV4(const in6_addr& address) {
  uint32_t v4;
  std::memcpy(&v4, address.s6_addr + 12, sizeof v4);
  return ntohl(v4);
}

}  // namespace

Address::Address(UnixName* name) {
  unix_ = UnixRef{AF_UNIX, name};
}

Address::Address(const Address& other) {
  if (other.base_.sa_family == AF_UNIX) {
    unix_ = other.unix_;
    unix_.name->references.fetch_add(1, std::memory_order_relaxed);
  } else {
    v6_ = other.v6_;
  }
}

Address::Address(Address&& other) noexcept {
  if (other.base_.sa_family == AF_UNIX) {
    unix_ = other.unix_;
    other.v6_ = sockaddr_in6{};
  } else {
    v6_ = other.v6_;
  }
}

Address& Address::operator=(Address other) noexcept {
  if (base_.sa_family != AF_UNIX && other.base_.sa_family != AF_UNIX) {
    v6_ = other.v6_;
    return *this;
  }
  this->~Address();
  return *new (this) Address(std::move(other));
}

Address::~Address() {
  if (base_.sa_family != AF_UNIX) return;
  if (unix_.name->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete unix_.name;
}

absl::StatusOr<Address> Address::parse(std::string_view text, bool allow_port_zero) {
  constexpr std::string_view kForms =
      "write \"127.0.0.1:80\", \"[::1]:80\", \"unix:/path\" or \"unix:@abstract\"";
  if (text.starts_with("unix:")) return parseUnix(text, text.substr(5));

  const size_t colon = text.rfind(':');
  if (text.empty()) return bad(text, "is empty", kForms);
  if (colon == std::string_view::npos) return bad(text, "has no port", kForms);
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() >= 2 && host.front() == '[' && host.back() == ']';
  if (!bracketed && host.find(':') != std::string_view::npos) {
    if (host.front() == '[') return bad(text, "has no port behind \"]\"", kForms);
    return bad(text, "an IPv6 address needs brackets", "write \"[address]:port\"");
  }
  const auto port = parseDecimal(text.substr(colon + 1), 65535);
  if (!port) return bad(text, "the port is not a number from 0 to 65535", kForms);
  if (*port == 0 && !allow_port_zero) return bad(text, "port 0 names no peer", "use 1 to 65535");

  Address address;
  if (bracketed) {
    address.v6_.sin6_family = AF_INET6;
    address.v6_.sin6_port = htons(static_cast<uint16_t>(*port));
    if (!pton(AF_INET6, host.substr(1, host.size() - 2), address.v6_.sin6_addr)) {
      return bad(text, "not an IPv6 address between the brackets", kForms);
    }
    return address;
  }
  in_addr v4{};
  if (!pton(AF_INET, host, v4)) return bad(text, "the host is not an IP address", kForms);
  address.v4_ = sockaddr_in{};
  address.v4_.sin_family = AF_INET;
  address.v4_.sin_port = htons(static_cast<uint16_t>(*port));
  address.v4_.sin_addr = v4;
  return address;
}

absl::StatusOr<Address> Address::parseUnix(std::string_view text, std::string_view path) {
  sockaddr_un address{};
  if (path.empty() || path == "@") {
    return bad(text, "has no path", "write \"unix:/path\" or \"unix:@abstract\"");
  }
  if (path.front() != '/' && path.front() != '@') {
    return bad(text, "the path is relative", "write \"unix:/path\" or \"unix:@abstract\"");
  }
  if (path.size() >= sizeof address.sun_path) {
    return bad(text, base::concat("the path has ", path.size(), " bytes"),
               base::concat("use at most ", sizeof address.sun_path - 1));
  }
  if (path.find('\0') != std::string_view::npos) {
    return bad(text, "the path has a NUL character", "use a plain path");
  }
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, path.data(), path.size());
  const bool abstract = path.front() == '@';
  if (abstract) address.sun_path[0] = '\0';
  const size_t length = offsetof(sockaddr_un, sun_path) + path.size() + (abstract ? 0 : 1);
  return fromSockaddr(reinterpret_cast<const sockaddr*>(&address), static_cast<socklen_t>(length));
}

Address Address::fromSockaddr(const sockaddr* address, socklen_t length) {
  Address result;
  if (length < sizeof(sa_family_t)) return result;
  if (address->sa_family == AF_INET && length >= sizeof(sockaddr_in)) {
    result.v4_ = sockaddr_in{};
    std::memcpy(&result.v4_, address, sizeof(sockaddr_in));
  } else if (address->sa_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    std::memcpy(&result.v6_, address, sizeof(sockaddr_in6));
  } else if (address->sa_family == AF_UNIX) {
    auto* name = new UnixName;
    name->length = std::min<socklen_t>(length, sizeof(sockaddr_un));
    std::memcpy(&name->address, address, name->length);
    return Address(name);
  }
  return result;
}

Address::Family Address::family() const {
  switch (base_.sa_family) {
    case AF_INET:
      return Family::kIpv4;
    case AF_INET6:
      return Family::kIpv6;
    case AF_UNIX:
      return Family::kUnix;
    default:
      return Family::kNone;
  }
}

bool Address::isLoopback() const {
  switch (family()) {
    case Family::kIpv4:
      return (ntohl(v4_.sin_addr.s_addr) >> 24) == 127;
    case Family::kIpv6:
      if (IN6_IS_ADDR_V4MAPPED(&v6_.sin6_addr)) return (mappedV4(v6_.sin6_addr) >> 24) == 127;
      return IN6_IS_ADDR_LOOPBACK(&v6_.sin6_addr);
    case Family::kUnix:
      return true;
    case Family::kNone:
      return false;
  }
  return false;
}

bool Address::isWildcard() const {
  if (family() == Family::kIpv4) return v4_.sin_addr.s_addr == 0;
  return family() == Family::kIpv6 && IN6_IS_ADDR_UNSPECIFIED(&v6_.sin6_addr);
}

uint16_t Address::port() const {
  if (family() == Family::kIpv4) return ntohs(v4_.sin_port);
  if (family() == Family::kIpv6) return ntohs(v6_.sin6_port);
  return 0;
}

Address Address::withPort(uint16_t port) const {
  Address copy = *this;
  if (family() == Family::kIpv4) copy.v4_.sin_port = htons(port);
  if (family() == Family::kIpv6) copy.v6_.sin6_port = htons(port);
  return copy;
}

size_t Address::formatIp(char* out) const {
  if (family() == Family::kIpv4) {
    // By hand: inet_ntop prints through sprintf, and each request has this in X-Forwarded-For.
    const auto* bytes = reinterpret_cast<const uint8_t*>(&v4_.sin_addr);
    char* end = out;
    for (int i = 0; i < 4; ++i) {
      if (i > 0) *end++ = '.';
      end = std::to_chars(end, end + 3, bytes[i]).ptr;
    }
    return static_cast<size_t>(end - out);
  }
  if (family() != Family::kIpv6) return 0;
  const char* text = inet_ntop(AF_INET6, &v6_.sin6_addr, out, INET6_ADDRSTRLEN);
  return text == nullptr ? 0 : std::strlen(text);
}

std::string Address::ip() const {
  char text[INET6_ADDRSTRLEN];
  return std::string(text, formatIp(text));
}

std::string Address::toString() const {
  switch (family()) {
    case Family::kIpv4:
      return base::concat(ip(), ":", port());
    case Family::kIpv6:
      return base::concat("[", ip(), "]:", port());
    case Family::kUnix: {
      const size_t size = unix_.name->length - offsetof(sockaddr_un, sun_path);
      const char* path = unix_.name->address.sun_path;
      if (unix_.name->length <= offsetof(sockaddr_un, sun_path)) return "unix:";
      if (path[0] == '\0') return base::concat("unix:@", std::string_view(path + 1, size - 1));
      return base::concat("unix:", std::string_view(path, strnlen(path, size)));
    }
    case Family::kNone:
      return "";
  }
  return "";
}

const sockaddr* Address::data() const {
  if (family() == Family::kUnix) return reinterpret_cast<const sockaddr*>(&unix_.name->address);
  return &base_;
}

socklen_t Address::length() const {
  switch (family()) {
    case Family::kIpv4:
      return sizeof(sockaddr_in);
    case Family::kIpv6:
      return sizeof(sockaddr_in6);
    case Family::kUnix:
      return unix_.name->length;
    case Family::kNone:
      return 0;
  }
  return 0;
}

bool operator==(const Address& a, const Address& b) {
  if (a.family() != b.family()) return false;
  switch (a.family()) {
    case Address::Family::kIpv4:
      return a.v4_.sin_port == b.v4_.sin_port && a.v4_.sin_addr.s_addr == b.v4_.sin_addr.s_addr;
    case Address::Family::kIpv6:
      return a.v6_.sin6_port == b.v6_.sin6_port && a.v6_.sin6_scope_id == b.v6_.sin6_scope_id &&
             std::memcmp(&a.v6_.sin6_addr, &b.v6_.sin6_addr, sizeof(in6_addr)) == 0;
    case Address::Family::kUnix:
      return a.toString() == b.toString();
    case Address::Family::kNone:
      return true;
  }
  return false;
}

absl::StatusOr<Prefix> Prefix::parse(std::string_view text) {
  constexpr std::string_view kForms = "write \"10.0.0.0/8\", \"fd00::/8\" or a bare address";
  const size_t slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  Prefix prefix;
  uint8_t bits[16] = {};
  in_addr v4{};
  in6_addr v6{};
  if (pton(AF_INET, host, v4)) {
    prefix.max_length_ = 32;
    std::memcpy(bits, &v4, sizeof v4);
  } else if (pton(AF_INET6, host, v6)) {
    prefix.max_length_ = 128;
    std::memcpy(bits, &v6, sizeof v6);
  } else {
    return bad(text, "is not an address prefix", kForms);
  }
  prefix.length_ = prefix.max_length_;
  if (slash != std::string_view::npos) {
    const auto length = parseDecimal(text.substr(slash + 1), prefix.max_length_);
    if (!length) {
      return bad(text, base::concat("the length is not a number from 0 to ", prefix.max_length_),
                 kForms);
    }
    prefix.length_ = static_cast<uint8_t>(*length);
  }
  // IPv4-mapped prefixes are IPv4 ones, as the addresses they are held against are.
  if (prefix.max_length_ == 128 && prefix.length_ >= 96 && IN6_IS_ADDR_V4MAPPED(&v6)) {
    std::memmove(bits, bits + 12, 4);
    prefix.max_length_ = 32;
    prefix.length_ -= 96;
  }
  for (unsigned bit = prefix.length_; bit < prefix.max_length_; ++bit) {
    const uint8_t mask = static_cast<uint8_t>(0x80u >> (bit % 8));
    if ((bits[bit / 8] & mask) != 0) {
      return bad(text, "has bits behind its length", "clear them or give a longer length");
    }
  }
  std::memcpy(prefix.bits_, bits, sizeof bits);
  return prefix;
}

bool Prefix::contains(const Address& address) const {
  uint8_t bits[16];
  unsigned size = 0;
  if (address.family() == Address::Family::kIpv4) {
    std::memcpy(bits, &reinterpret_cast<const sockaddr_in*>(address.data())->sin_addr, 4);
    size = 32;
  } else if (address.family() == Address::Family::kIpv6) {
    const in6_addr& v6 = reinterpret_cast<const sockaddr_in6*>(address.data())->sin6_addr;
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&v6);
    std::memcpy(bits, v6.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
    size = mapped ? 32 : 128;
  }
  if (size != max_length_) return false;
  if (std::memcmp(bits, bits_, length_ / 8) != 0) return false;
  if (length_ % 8 == 0) return true;
  const uint8_t mask = static_cast<uint8_t>(0xff00u >> (length_ % 8));
  return ((bits[length_ / 8] ^ bits_[length_ / 8]) & mask) == 0;
}

std::string Prefix::toString() const {
  char text[INET6_ADDRSTRLEN];
  inet_ntop(max_length_ == 32 ? AF_INET : AF_INET6, bits_, text, sizeof text);
  return base::concat(text, "/", length_);
}

}  // namespace weir::network
