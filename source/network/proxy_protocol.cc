#include "source/network/proxy_protocol.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstring>

#include "source/network/proxy_protocol_bytes.h"

// Reading. Writing is in proxy_protocol_writer.cc.
namespace weir::network {
namespace {

using State = ProxyProtocolResult::State;
using Error = ProxyProtocolError;

constexpr std::string_view kV1Prefix = "PROXY ";

ProxyProtocolResult malformed(Error error) {
  ProxyProtocolResult result;
  result.state = State::kMalformed;
  result.error = error;
  return result;
}

ProxyProtocolResult inState(State state) {
  ProxyProtocolResult result;
  result.state = state;
  return result;
}

// Version 1 ---------------------------------------------------------------------------------------

// Length of the line with its CRLF; 0: not there yet. Anything but printable ASCII ends the hope.
size_t findLineEnd(std::string_view bytes, Error& error) {
  const size_t limit = std::min(bytes.size(), kMaxProxyProtocolV1Bytes);
  for (size_t i = 0; i < limit; ++i) {
    const char c = bytes[i];
    if (c >= ' ' && c <= '~') continue;
    if (c == '\r' && i + 1 == limit) break;
    if (c == '\r' && bytes[i + 1] == '\n') return i + 2;
    error = Error::kBadSyntax;
    return 0;
  }
  if (limit == kMaxProxyProtocolV1Bytes) error = Error::kTooLong;
  return 0;
}

// The text up to the next space (taken too) or the end. Nothing when it is empty or `last` does not
// say truly whether the end was reached.
std::optional<std::string_view> takeWord(std::string_view& line, bool last) {
  const size_t space = line.find(' ');
  const bool ends = space == std::string_view::npos;
  const std::string_view word = line.substr(0, space);
  line.remove_prefix(ends ? line.size() : space + 1);
  if (word.empty() || ends != last) return std::nullopt;
  return word;
}

std::optional<uint16_t> parsePort(std::string_view text) {
  if (text.empty() || text.size() > 5 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  uint32_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port > 65535) return std::nullopt;
  return static_cast<uint16_t>(port);
}

// Family kNone when the text is no address of `family`.
Address parseIp(std::string_view text, int family, uint16_t port) {
  char copy[INET6_ADDRSTRLEN] = {};
  if (text.size() >= sizeof copy) return {};
  std::memcpy(copy, text.data(), text.size());
  if (family == AF_INET) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    if (inet_pton(AF_INET, copy, &v4.sin_addr) != 1) return {};
    return Address::fromSockaddr(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
  }
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_port = htons(port);
  if (inet_pton(AF_INET6, copy, &v6.sin6_addr) != 1) return {};
  return Address::fromSockaddr(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
}

// `line` is what stands behind "TCP4 " or "TCP6 ".
Error readEndpoints(std::string_view line, int family, ProxyProtocolHeader& header) {
  const auto source = takeWord(line, false);
  const auto destination = takeWord(line, false);
  const auto source_port = takeWord(line, false);
  const auto destination_port = takeWord(line, true);
  if (!source || !destination || !source_port || !destination_port) return Error::kBadSyntax;
  const auto from = parsePort(*source_port);
  const auto to = parsePort(*destination_port);
  if (!from || !to) return Error::kBadPort;
  header.source = parseIp(*source, family, *from);
  header.destination = parseIp(*destination, family, *to);
  const bool both = header.source.isIp() && header.destination.isIp();
  return both ? Error::kNone : Error::kBadAddress;
}

ProxyProtocolResult parseV1(std::string_view bytes) {
  Error error = Error::kNone;
  const size_t length = findLineEnd(bytes, error);
  if (error != Error::kNone) return malformed(error);
  if (length == 0) return inState(State::kNeedMore);
  std::string_view line = bytes.substr(kV1Prefix.size(), length - 2 - kV1Prefix.size());
  ProxyProtocolResult result;
  result.header.version = 1;
  if (line.starts_with("TCP4 ")) {
    error = readEndpoints(line.substr(5), AF_INET, result.header);
  } else if (line.starts_with("TCP6 ")) {
    error = readEndpoints(line.substr(5), AF_INET6, result.header);
  } else if (line != "UNKNOWN" && !line.starts_with("UNKNOWN ")) {
    error = Error::kBadSyntax;
  }
  if (error != Error::kNone) return malformed(error);
  result.state = State::kDone;
  result.consumed = length;
  return result;
}

// Version 2 ---------------------------------------------------------------------------------------

constexpr uint8_t kLocal = 0;
constexpr uint8_t kProxy = 1;
constexpr size_t kUnixPathBytes = 108;
static_assert(sizeof(sockaddr_un::sun_path) == kUnixPathBytes);

Address ipv4(const char* ip, const char* port) {
  sockaddr_in v4{};
  v4.sin_family = AF_INET;
  std::memcpy(&v4.sin_addr, ip, 4);
  std::memcpy(&v4.sin_port, port, 2);
  return Address::fromSockaddr(reinterpret_cast<const sockaddr*>(&v4), sizeof v4);
}

Address ipv6(const char* ip, const char* port) {
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  std::memcpy(&v6.sin6_addr, ip, 16);
  std::memcpy(&v6.sin6_port, port, 2);
  return Address::fromSockaddr(reinterpret_cast<const sockaddr*>(&v6), sizeof v6);
}

// A path ends at its NUL, an abstract name where only NULs follow; nothing but NULs has no name.
Address unixName(const char* bytes) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::string_view path(bytes, kUnixPathBytes);
  const size_t last = path.find_last_not_of('\0');
  path = path.substr(0, last == std::string_view::npos ? 0 : last + 1);
  const bool abstract = !path.empty() && path[0] == '\0';
  if (!abstract) path = path.substr(0, path.find('\0'));
  std::memcpy(address.sun_path, path.data(), path.size());
  const size_t length = offsetof(sockaddr_un, sun_path) + path.size();
  return Address::fromSockaddr(reinterpret_cast<const sockaddr*>(&address),
                               static_cast<socklen_t>(length));
}

// Takes the addresses from the front of `block`.
Error readAddresses(uint8_t family, std::string_view& block, ProxyProtocolHeader& header) {
  const size_t needed = family == 1 ? 12 : family == 2 ? 36 : 2 * kUnixPathBytes;
  if (block.size() < needed) return Error::kBadLength;
  const char* at = block.data();
  switch (family) {
    case 1:
      header.source = ipv4(at, at + 8);
      header.destination = ipv4(at + 4, at + 10);
      break;
    case 2:
      header.source = ipv6(at, at + 32);
      header.destination = ipv6(at + 16, at + 34);
      break;
    default:
      header.source = unixName(at);
      header.destination = unixName(at + kUnixPathBytes);
      break;
  }
  block.remove_prefix(needed);
  return Error::kNone;
}

// The sum of the whole header, as if its four bytes at `sum_at` were zero.
uint32_t checksumWithout(std::string_view header, size_t sum_at) {
  uint32_t crc = crc32c(0, header.substr(0, sum_at));
  crc = crc32c(crc, std::string_view("\0\0\0\0", 4));
  return crc32c(crc, header.substr(sum_at + 4));
}

Error readTlvs(std::string_view whole, std::string_view block, ProxyProtocolHeader& header) {
  std::optional<uint32_t> checksum;
  size_t checksum_at = 0;
  TlvReader reader(block);
  for (std::optional<TlvReader::Tlv> tlv; (tlv = reader.next());) {
    switch (tlv->type) {
      case ProxyProtocolTlv::kNoop:
        continue;
      case ProxyProtocolTlv::kCrc32c:
        if (tlv->value.size() != 4 || checksum) return Error::kBadTlv;
        checksum = readBig32(tlv->value.data());
        checksum_at = static_cast<size_t>(tlv->value.data() - whole.data());
        continue;
      case ProxyProtocolTlv::kUniqueId:
        if (tlv->value.size() > ProxyProtocolTlv::kMaxUniqueIdBytes) return Error::kBadTlv;
        break;
      case ProxyProtocolTlv::kSsl:
        if (!ProxyProtocolSsl::parse(tlv->value)) return Error::kBadTlv;
        break;
      default:
        break;
    }
    header.tlvs.push_back({tlv->type, std::string(tlv->value)});
  }
  if (!reader.complete()) return Error::kBadTlv;
  if (checksum && *checksum != checksumWithout(whole, checksum_at)) return Error::kBadChecksum;
  return Error::kNone;
}

// `whole`: signature to end. What LOCAL and unspecified ones carry is to be discarded.
Error readBlock(std::string_view whole, ProxyProtocolHeader& header) {
  const auto family_byte = static_cast<uint8_t>(whole[13]);
  const uint8_t family = family_byte >> 4;
  const uint8_t transport = family_byte & 0xf;
  if (header.local) return Error::kNone;
  if (family > 3 || transport > 2) return Error::kBadFamily;
  if (family == 0 || transport == 0) return Error::kNone;
  header.datagram = transport == 2;
  std::string_view block = whole.substr(kProxyProtocolV2HeadBytes);
  const Error error = readAddresses(family, block, header);
  return error != Error::kNone ? error : readTlvs(whole, block, header);
}

ProxyProtocolResult parseV2(std::string_view bytes, size_t max_bytes) {
  constexpr size_t kSignature = kProxyProtocolV2Signature.size();
  if (bytes.size() == kSignature) return inState(State::kNeedMore);
  const auto version_and_command = static_cast<uint8_t>(bytes[kSignature]);
  const uint8_t command = version_and_command & 0xf;
  if (version_and_command >> 4 != 2) return malformed(Error::kBadVersion);
  if (command != kLocal && command != kProxy) return malformed(Error::kBadCommand);
  if (bytes.size() < kProxyProtocolV2HeadBytes) return inState(State::kNeedMore);
  const size_t length = kProxyProtocolV2HeadBytes + readBig16(bytes.data() + kSignature + 2);
  if (length > max_bytes) return malformed(Error::kTooLong);
  if (bytes.size() < length) return inState(State::kNeedMore);
  ProxyProtocolResult result;
  result.header.local = command == kLocal;
  const Error error = readBlock(bytes.substr(0, length), result.header);
  if (error != Error::kNone) return malformed(error);
  result.state = State::kDone;
  result.consumed = length;
  return result;
}

}  // namespace

const ProxyProtocolTlv* ProxyProtocolHeader::tlv(uint8_t type) const {
  const auto found =
      std::find_if(tlvs.begin(), tlvs.end(), [&](const auto& tlv) { return tlv.type == type; });
  return found == tlvs.end() ? nullptr : &*found;
}

std::string_view proxyProtocolErrorName(ProxyProtocolError error) {
  static constexpr std::string_view kNames[kProxyProtocolErrors] = {
      "none",        "too_long",   "bad_syntax", "bad_address", "bad_port",    "bad_version",
      "bad_command", "bad_family", "bad_length", "bad_tlv",     "bad_checksum"};
  return kNames[static_cast<size_t>(error)];
}

ProxyProtocolResult parseProxyProtocol(std::string_view bytes, size_t max_bytes) {
  const auto agrees = [&](std::string_view prefix) {
    const size_t common = std::min(bytes.size(), prefix.size());
    return bytes.substr(0, common) == prefix.substr(0, common);
  };
  const bool v1 = agrees(kV1Prefix);
  const bool v2 = agrees(kProxyProtocolV2Signature);
  if (!v1 && !v2) return inState(State::kAbsent);
  if (v1 && bytes.size() >= kV1Prefix.size()) return parseV1(bytes);
  if (v2 && bytes.size() >= kProxyProtocolV2Signature.size()) return parseV2(bytes, max_bytes);
  return inState(State::kNeedMore);
}

}  // namespace weir::network
