#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "source/network/proxy_protocol.h"
#include "source/network/transport_socket.h"

namespace weir::extensions::transport_sockets::proxy_protocol {

// What the configuration says of the header. Immutable.
struct ProxyProtocolConfig {
  uint8_t version = 2;
  bool authority = true;
  bool alpn = true;
  bool pass_tlvs = true;
  bool ssl = false;
  bool checksum = false;
  std::vector<network::ProxyProtocolTlv> tlvs;
};

// The bytes of the header of a connection made for `target`. When the TLVs are too much for one
// header, those that the client has caused are left out.
std::string clientHeader(const ProxyProtocolConfig& config, const network::TransportTarget& target);

// The first common name of a subject as of RFC 2253 ("CN=web,O=Example"), unescaped; empty: none.
std::string commonName(std::string_view subject);

}  // namespace weir::extensions::transport_sockets::proxy_protocol
