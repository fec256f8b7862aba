// The part of proxy_protocol.h that writes, and the checksum.

#include <netinet/in.h>
#include <sys/un.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <iterator>

#include "source/base/concat.h"
#include "source/network/proxy_protocol.h"
#include "source/network/proxy_protocol_bytes.h"

namespace weir::network {
namespace {

constexpr size_t kMaxBlockBytes = 65535;

constexpr uint8_t kClientTls = 0x01;
constexpr uint8_t kClientCertificateOnConnection = 0x02;
constexpr uint8_t kClientCertificateInSession = 0x04;
constexpr size_t kSslHeadBytes = 5;

// Sub-types from 0x21 on, in this order.
constexpr uint8_t kFirstSslSubtype = 0x21;
constexpr std::string ProxyProtocolSsl::*kSslTexts[] = {
    &ProxyProtocolSsl::version, &ProxyProtocolSsl::common_name, &ProxyProtocolSsl::cipher,
    &ProxyProtocolSsl::signature_algorithm, &ProxyProtocolSsl::key_algorithm};

constexpr std::array<uint32_t, 256> makeCrcTable() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < table.size(); ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1 ? 0x82f63b78u : 0);
    table[i] = crc;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kCrcTable = makeCrcTable();

void appendBig16(std::string& out, size_t value) {
  out.push_back(static_cast<char>(value >> 8));
  out.push_back(static_cast<char>(value));
}

void appendBig32(std::string& out, uint32_t value) {
  appendBig16(out, value >> 16);
  appendBig16(out, value & 0xffff);
}

void appendTlv(std::string& out, uint8_t type, std::string_view value) {
  out.push_back(static_cast<char>(type));
  appendBig16(out, value.size());
  out.append(value);
}

// IPv4 ones as the IPv6 addresses that stand for them (RFC 4291, 2.5.5.2).
in6_addr toIpv6(const Address& address) {
  in6_addr bytes{};
  if (address.family() == Address::Family::kIpv6) {
    return reinterpret_cast<const sockaddr_in6*>(address.data())->sin6_addr;
  }
  bytes.s6_addr[10] = bytes.s6_addr[11] = 0xff;
  std::memcpy(bytes.s6_addr + 12, &reinterpret_cast<const sockaddr_in*>(address.data())->sin_addr,
              4);
  return bytes;
}

Address asIpv6(const Address& address) {
  sockaddr_in6 v6{};
  v6.sin6_family = AF_INET6;
  v6.sin6_addr = toIpv6(address);
  return Address::fromSockaddr(reinterpret_cast<const sockaddr*>(&v6), sizeof v6)
      .withPort(address.port());
}

// The family both can be written in; kNone when there is none.
Address::Family commonFamily(const ProxyProtocolHeader& header) {
  if (header.local) return Address::Family::kNone;
  if (header.source.family() == header.destination.family()) return header.source.family();
  const bool ip = header.source.isIp() && header.destination.isIp();
  return ip ? Address::Family::kIpv6 : Address::Family::kNone;
}

void writeV1(const ProxyProtocolHeader& header, std::string& out) {
  const Address::Family family = commonFamily(header);
  if (family != Address::Family::kIpv4 && family != Address::Family::kIpv6) {
    out.append("PROXY UNKNOWN\r\n");
    return;
  }
  const bool v6 = family == Address::Family::kIpv6;
  const Address source = v6 ? asIpv6(header.source) : header.source;
  const Address destination = v6 ? asIpv6(header.destination) : header.destination;
  out += base::concat("PROXY ", v6 ? "TCP6 " : "TCP4 ", source.ip(), " ", destination.ip(), " ",
                      source.port(), " ", destination.port(), "\r\n");
}

void appendUnixName(std::string& out, const Address& address) {
  const auto* name = reinterpret_cast<const sockaddr_un*>(address.data());
  std::string path(name->sun_path, address.length() - offsetof(sockaddr_un, sun_path));
  path.resize(sizeof name->sun_path);
  out += path;
}

void appendAddresses(std::string& out, const ProxyProtocolHeader& header, Address::Family family) {
  switch (family) {
    case Address::Family::kNone:
      return;
    case Address::Family::kIpv4:
      for (const Address* address : {&header.source, &header.destination}) {
        const auto* v4 = reinterpret_cast<const sockaddr_in*>(address->data());
        out.append(reinterpret_cast<const char*>(&v4->sin_addr), 4);
      }
      break;
    case Address::Family::kIpv6:
      for (const Address* address : {&header.source, &header.destination}) {
        const in6_addr bytes = toIpv6(*address);
        out.append(reinterpret_cast<const char*>(&bytes), sizeof bytes);
      }
      break;
    case Address::Family::kUnix:
      appendUnixName(out, header.source);
      appendUnixName(out, header.destination);
      return;
  }
  appendBig16(out, header.source.port());
  appendBig16(out, header.destination.port());
}

uint8_t familyByte(Address::Family family, bool datagram) {
  const uint8_t transport = datagram ? 2 : 1;
  switch (family) {
    case Address::Family::kNone:
      return 0;
    case Address::Family::kIpv4:
      return 0x10 | transport;
    case Address::Family::kIpv6:
      return 0x20 | transport;
    case Address::Family::kUnix:
      return 0x30 | transport;
  }
  return 0;
}

absl::Status tooLong(const ProxyProtocolTlv& tlv, size_t limit) {
  return absl::InvalidArgumentError(
      base::concat("PROXY protocol: the TLV of type ", static_cast<unsigned>(tlv.type), " has ",
                   tlv.value.size(), " bytes; at most ", limit, " fit"));
}

absl::Status appendTlvs(std::string& block, const ProxyProtocolHeader& header, bool checksum) {
  const size_t end = kMaxBlockBytes - (checksum ? TlvReader::kHeadBytes + 4 : 0);
  for (const ProxyProtocolTlv& tlv : header.tlvs) {
    if (tlv.type == ProxyProtocolTlv::kCrc32c) continue;
    const size_t room = end - block.size();
    size_t limit = room < TlvReader::kHeadBytes ? 0 : room - TlvReader::kHeadBytes;
    if (tlv.type == ProxyProtocolTlv::kUniqueId) {
      limit = std::min(limit, ProxyProtocolTlv::kMaxUniqueIdBytes);
    }
    if (tlv.value.size() > limit || room < TlvReader::kHeadBytes) return tooLong(tlv, limit);
    appendTlv(block, tlv.type, tlv.value);
  }
  return absl::OkStatus();
}

}  // namespace

uint32_t crc32c(uint32_t crc, std::string_view bytes) {
  crc = ~crc;
  for (const char c : bytes) crc = crc >> 8 ^ kCrcTable[(crc ^ static_cast<uint8_t>(c)) & 0xff];
  return ~crc;
}

absl::Status writeProxyProtocol(const ProxyProtocolHeader& header, std::string& out,
                                bool checksum) {
  if (header.version == 1) {
    writeV1(header, out);
    return absl::OkStatus();
  }
  const Address::Family family = commonFamily(header);
  std::string block;
  appendAddresses(block, header, family);
  if (family != Address::Family::kNone) {
    const absl::Status status = appendTlvs(block, header, checksum);
    if (!status.ok()) return status;
    if (checksum) appendTlv(block, ProxyProtocolTlv::kCrc32c, std::string_view("\0\0\0\0", 4));
  }
  std::string whole(kProxyProtocolV2Signature);
  whole.push_back(header.local ? 0x20 : 0x21);
  whole.push_back(static_cast<char>(familyByte(family, header.datagram)));
  appendBig16(whole, block.size());
  whole += block;
  if (checksum && family != Address::Family::kNone) {
    const uint32_t sum = crc32c(0, whole);
    whole.resize(whole.size() - 4);
    appendBig32(whole, sum);
  }
  out += whole;
  return absl::OkStatus();
}

std::optional<ProxyProtocolSsl> ProxyProtocolSsl::parse(std::string_view value) {
  if (value.size() < kSslHeadBytes) return std::nullopt;
  const auto client = static_cast<uint8_t>(value[0]);
  ProxyProtocolSsl ssl;
  ssl.over_tls = (client & kClientTls) != 0;
  ssl.certificate_on_connection = (client & kClientCertificateOnConnection) != 0;
  ssl.certificate_in_session = (client & kClientCertificateInSession) != 0;
  ssl.verify = readBig32(value.data() + 1);
  TlvReader reader(value.substr(kSslHeadBytes));
  while (const auto tlv = reader.next()) {
    const size_t index = static_cast<size_t>(tlv->type) - kFirstSslSubtype;
    if (index < std::size(kSslTexts)) ssl.*kSslTexts[index] = std::string(tlv->value);
  }
  if (!reader.complete()) return std::nullopt;
  return ssl;
}

ProxyProtocolTlv ProxyProtocolSsl::toTlv() const {
  ProxyProtocolTlv tlv{ProxyProtocolTlv::kSsl, {}};
  tlv.value.push_back(
      static_cast<char>((over_tls ? kClientTls : 0) |
                        (certificate_on_connection ? kClientCertificateOnConnection : 0) |
                        (certificate_in_session ? kClientCertificateInSession : 0)));
  appendBig32(tlv.value, verify);
  for (size_t i = 0; i < std::size(kSslTexts); ++i) {
    const std::string& text = this->*kSslTexts[i];
    if (!text.empty()) appendTlv(tlv.value, static_cast<uint8_t>(kFirstSslSubtype + i), text);
  }
  return tlv;
}

}  // namespace weir::network
