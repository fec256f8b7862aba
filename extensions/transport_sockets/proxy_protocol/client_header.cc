#include "extensions/transport_sockets/proxy_protocol/client_header.h"

#include <algorithm>

#include "source/network/address.h"
#include "source/network/connection_info.h"

namespace weir::extensions::transport_sockets::proxy_protocol {

namespace {

using network::ProxyProtocolHeader;
using network::ProxyProtocolTlv;

// A host name has at most 253 bytes; what is longer is none.
constexpr size_t kMaxAuthorityBytes = 255;
constexpr size_t kMaxAlpnBytes = 255;

void addUnlessThere(ProxyProtocolHeader& header, uint8_t type, std::string_view value) {
  if (header.tlv(type) == nullptr) header.tlvs.push_back({type, std::string(value)});
}

// Those of the configuration are in `header`: they stand in the place of others of their type.
void addKept(const network::ConnectionInfo& info, ProxyProtocolHeader& header) {
  const size_t configured = header.tlvs.size();
  for (const network::ConnectionInfo::ProxyTlv& tlv : info.proxy_tlvs) {
    const auto end = header.tlvs.begin() + static_cast<std::ptrdiff_t>(configured);
    const bool there = std::any_of(header.tlvs.begin(), end, [&](const ProxyProtocolTlv& other) {
      return other.type == tlv.type;
    });
    if (!there) header.tlvs.push_back({tlv.type, tlv.value});
  }
}

ProxyProtocolTlv sslTlv(const network::SecurityInfo& security) {
  network::ProxyProtocolSsl ssl;
  ssl.over_tls = true;
  ssl.version = std::string(security.tlsVersion());
  ssl.cipher = std::string(security.cipher());
  if (const network::CertificateFacts* certificate = security.peerCertificate()) {
    ssl.certificate_on_connection = !security.resumed();
    ssl.certificate_in_session = true;
    ssl.verify = security.peerVerified() ? 0 : 1;
    ssl.common_name = commonName(certificate->subject);
  }
  return ssl.toTlv();
}

void addFacts(const ProxyProtocolConfig& config, const network::TransportTarget& target,
              ProxyProtocolHeader& header) {
  if (config.pass_tlvs && target.info != nullptr) addKept(*target.info, header);
  const std::string_view name = target.server_name;
  if (config.authority && !name.empty() && name.size() <= kMaxAuthorityBytes) {
    addUnlessThere(header, ProxyProtocolTlv::kAuthority, name);
  }
  if (config.alpn && target.info != nullptr && target.info->application_protocols.size() == 1 &&
      target.info->application_protocols[0].size() <= kMaxAlpnBytes) {
    addUnlessThere(header, ProxyProtocolTlv::kAlpn, target.info->application_protocols[0]);
  }
  if (config.ssl && target.client_security != nullptr &&
      header.tlv(ProxyProtocolTlv::kSsl) == nullptr) {
    header.tlvs.push_back(sslTlv(*target.client_security));
  }
}

// Value of the attribute that begins at `at`, up to its unescaped end. "\2C" and "\," are ",".
std::string unescapedValue(std::string_view subject, size_t at) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
  };
  std::string value;
  for (; at < subject.size() && subject[at] != ',' && subject[at] != '+'; ++at) {
    if (subject[at] != '\\' || at + 1 == subject.size()) {
      value.push_back(subject[at]);
      continue;
    }
    const int high = digit(subject[at + 1]);
    const int low = at + 2 < subject.size() ? digit(subject[at + 2]) : -1;
    if (high >= 0 && low >= 0) {
      value.push_back(static_cast<char>(high * 16 + low));
      at += 2;
    } else {
      value.push_back(subject[++at]);
    }
  }
  return value;
}

}  // namespace

std::string commonName(std::string_view subject) {
  bool start = true;  // of an attribute
  for (size_t at = 0; at < subject.size(); ++at) {
    if (start && subject.substr(at, 3) == "CN=") return unescapedValue(subject, at + 3);
    start = subject[at] == ',' || subject[at] == '+';
    if (subject[at] == '\\') ++at;
  }
  return {};
}

std::string clientHeader(const ProxyProtocolConfig& config,
                         const network::TransportTarget& target) {
  ProxyProtocolHeader header;
  header.version = config.version;
  const bool known = target.source != nullptr && target.destination != nullptr &&
                     target.source->family() != network::Address::Family::kNone &&
                     target.destination->family() != network::Address::Family::kNone;
  if (known) {
    header.source = *target.source;
    header.destination = *target.destination;
    header.tlvs = config.tlvs;
    if (config.version == 2) addFacts(config, target, header);
  }
  header.local = !known;
  std::string bytes;
  if (!network::writeProxyProtocol(header, bytes, config.checksum).ok()) {
    header.tlvs = config.tlvs;  // which fit
    (void)network::writeProxyProtocol(header, bytes, config.checksum);
  }
  return bytes;
}

}  // namespace weir::extensions::transport_sockets::proxy_protocol
