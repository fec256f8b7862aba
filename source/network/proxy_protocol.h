#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

#include "source/network/address.h"

// The PROXY protocol, versions 1 and 2 (haproxy.org, proxy-protocol.txt, 2020/03/05): a header
// before the first byte of a connection that says for whom a proxy in front has made it.
namespace weir::network {

// A type, a length and a value at the end of a version 2 header. Value.
struct ProxyProtocolTlv {
  uint8_t type = 0;
  std::string value;

  // Registered types (2.2 of the text).
  static constexpr uint8_t kAlpn = 0x01;
  static constexpr uint8_t kAuthority = 0x02;  // host name that the client asked for
  static constexpr uint8_t kCrc32c = 0x03;
  static constexpr uint8_t kNoop = 0x04;
  static constexpr uint8_t kUniqueId = 0x05;  // at most kMaxUniqueIdBytes
  static constexpr uint8_t kSsl = 0x20;
  static constexpr uint8_t kNetns = 0x30;
  static constexpr size_t kMaxUniqueIdBytes = 128;

  friend bool operator==(const ProxyProtocolTlv&, const ProxyProtocolTlv&) = default;
};

// What a header says. Value.
struct ProxyProtocolHeader {
  uint8_t version = 2;
  // The proxy speaks for itself (a health check): the connection's own addresses stand.
  bool local = false;
  bool datagram = false;  // the client speaks UDP (version 2)
  // Both of one family, or both kNone when the header does not tell (local, UNKNOWN, unspecified):
  // then, too, the connection's own stand.
  Address source;
  Address destination;
  std::vector<ProxyProtocolTlv> tlvs;  // as sent, without padding and checksum

  bool hasAddresses() const { return source.family() != Address::Family::kNone; }
  // The first of that type, or null.
  const ProxyProtocolTlv* tlv(uint8_t type) const;
};

// The value of a kSsl TLV: how the client reached the proxy in front. Value.
struct ProxyProtocolSsl {
  bool over_tls = false;
  bool certificate_on_connection = false;
  bool certificate_in_session = false;
  uint32_t verify = 1;  // 0: there was a certificate and it was verified
  std::string version;  // "TLSv1.3"
  std::string common_name;
  std::string cipher;
  std::string signature_algorithm;
  std::string key_algorithm;

  // Nothing when a length is wrong. Sub-types that are not known are left out.
  static std::optional<ProxyProtocolSsl> parse(std::string_view value);
  ProxyProtocolTlv toTlv() const;  // what is empty is left out
};

enum class ProxyProtocolError : uint8_t {
  kNone,
  kTooLong,      // version 1: no end within 107 bytes; version 2: longer than the limit
  kBadSyntax,    // version 1: not the words, spaces and line end of the grammar
  kBadAddress,   // version 1: not an address of the family that was named
  kBadPort,      // version 1: not a canonical number from 0 to 65535
  kBadVersion,   // version 2: another number behind the signature
  kBadCommand,   // version 2: neither LOCAL nor PROXY
  kBadFamily,    // version 2: family or transport out of range
  kBadLength,    // version 2: too short for the addresses of the family
  kBadTlv,       // version 2: a length that points behind the end, or a value that cannot be
  kBadChecksum,  // version 2: the CRC32c differs
};
inline constexpr size_t kProxyProtocolErrors = 11;
// "bad_address": as it stands in statistics.
std::string_view proxyProtocolErrorName(ProxyProtocolError error);

// What the first bytes of a connection came to. Value.
struct ProxyProtocolResult {
  enum class State : uint8_t {
    kNeedMore,
    kDone,
    kAbsent,     // not the start of any header; known at the first byte that differs
    kMalformed,  // a header, but `error` says what is wrong with it
  };
  State state = State::kNeedMore;
  ProxyProtocolError error = ProxyProtocolError::kNone;
  size_t consumed = 0;  // kDone: the connection's own bytes begin here
  ProxyProtocolHeader header;
};

inline constexpr size_t kMaxProxyProtocolV1Bytes = 107;
inline constexpr size_t kMaxProxyProtocolBytes = 16 + 65535;

// Reads the header at the start of `bytes`, all that came so far. Asking again with each byte costs
// no more than kMaxProxyProtocolV1Bytes steps each time: version 2 is read when it is there whole.
// `max_bytes` bounds a version 2 header as a whole.
ProxyProtocolResult parseProxyProtocol(std::string_view bytes,
                                       size_t max_bytes = kMaxProxyProtocolBytes);

// Appends a header to `out`. Addresses of which one is IPv4 and one IPv6 are both written as IPv6;
// what version or family cannot carry is written as unknown, without TLVs. Version 1 has no TLVs
// and no LOCAL, which becomes UNKNOWN. `checksum`: version 2 ends with a CRC32c; one
// among the TLVs is left out. The error says which TLV is too long; then nothing was appended.
absl::Status writeProxyProtocol(const ProxyProtocolHeader& header, std::string& out,
                                bool checksum = false);

}  // namespace weir::network
