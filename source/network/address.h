#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace weir::network {

// An IPv4, IPv6 or unix-domain socket address. Immutable value.
class Address {
 public:
  enum class Family : uint8_t { kNone, kIpv4, kIpv6, kUnix };

  Address() = default;
  Address(const Address& other);
  Address(Address&& other) noexcept;
  Address& operator=(Address other) noexcept;
  ~Address();
  // "127.0.0.1:80", "[::1]:80", "unix:/path", "unix:@abstract"; port 0 only where
  // `allow_port_zero`. No names: those are resolved elsewhere. The error says what is wrong and
  // what would be right.
  static absl::StatusOr<Address> parse(std::string_view text, bool allow_port_zero = true);
  // Family kNone when the kernel's answer is of another family or empty.
  static Address fromSockaddr(const sockaddr* address, socklen_t length);

  Family family() const;
  bool isIp() const { return family() == Family::kIpv4 || family() == Family::kIpv6; }
  bool isLoopback() const;                // 127.0.0.0/8 (mapped too), ::1, every unix address
  bool isWildcard() const;                // 0.0.0.0 or ::
  uint16_t port() const;                  // 0 for unix
  Address withPort(uint16_t port) const;  // the same for unix
  std::string ip() const;                 // without port and brackets; empty for unix
  std::string toString() const;           // the form that parse() takes
  // Writes ip() to `out` (at least 46 bytes) without allocating; returns the length.
  size_t formatIp(char* out) const;

  const sockaddr* data() const;
  socklen_t length() const;
  friend bool operator==(const Address& a, const Address& b);

 private:
  // A sockaddr_un is large: it is kept apart, counted, so that the common case stays small.
  struct UnixName;
  struct UnixRef {
    sa_family_t family;
    UnixName* name;
  };
  explicit Address(UnixName* name);
  static absl::StatusOr<Address> parseUnix(std::string_view text, std::string_view path);
  // All begin with the family. 32 bytes, as every connection has one.
  union {
    sockaddr base_;
    sockaddr_in v4_;
    sockaddr_in6 v6_{};
    UnixRef unix_;
  };
};

// An address prefix such as "10.0.0.0/8". Immutable value.
class Prefix {
 public:
  static absl::StatusOr<Prefix> parse(
      std::string_view text);                   // a bare address is a full-length prefix
  bool contains(const Address& address) const;  // IPv4-mapped IPv6 addresses count as IPv4
  uint8_t length() const { return length_; }
  bool isIpv4() const { return max_length_ == 32; }
  // In network order, zeros behind length(): 4 bytes of an IPv4 prefix, else 16.
  const uint8_t* bits() const { return bits_; }
  std::string toString() const;

 private:
  uint8_t bits_[16] = {};
  uint8_t length_ = 0;
  uint8_t max_length_ = 0;  // 32 or 128
};

}  // namespace weir::network
