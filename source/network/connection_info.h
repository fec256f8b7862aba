#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "source/network/address.h"

namespace weir::network {

// What was found out about an accepted connection beside its addresses: by listener filters from
// its first bytes or its socket, and by network filters for those behind them. Worker-confined.
struct ConnectionInfo {
  enum class Protocol : uint8_t {
    kUnknown,  // nobody looked
    kRaw,
    kTls,
  };
  Protocol protocol = Protocol::kUnknown;
  std::string server_name;                         // SNI in lower case; empty: none
  std::vector<std::string> application_protocols;  // offered by ALPN, or found by looking
  // The peer of the socket, when a PROXY header has put another source in its place.
  std::optional<Address> direct_source;
  // Where the client wanted to go before a redirect rule sent it here.
  std::optional<Address> original_destination;
  // One type-length-value of a PROXY v2 header that the configuration asked to keep.
  struct ProxyTlv {
    uint8_t type;
    std::string value;
  };
  std::vector<ProxyTlv> proxy_tlvs;
  // Cluster that a network filter chose for the terminal one; empty: by configuration.
  std::string cluster;
  // What network filters have set for those behind them, and for the exchanges of the connection.
  struct MetadataEntry {
    std::string name_space;  // a filter's name
    std::string key;
    std::variant<bool, double, std::string> value;
  };
  std::vector<MetadataEntry> metadata;
};

}  // namespace weir::network
