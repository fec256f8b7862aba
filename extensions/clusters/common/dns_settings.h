#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "extensions/clusters/common/dns_stats.h"
#include "source/network/dns_ares_resolver.h"

namespace weir::extensions::clusters {

// Which addresses of a name are used, and in which order.
enum class DnsFamilies : uint8_t { kIpv4Only, kIpv6Only, kIpv4Preferred, kIpv6Preferred, kAll };

// How names are resolved, as the configuration says. Value.
struct DnsSettings {
  network::DnsOptions resolver = {};
  DnsFamilies families = DnsFamilies::kIpv4Preferred;
  std::chrono::milliseconds min_ttl{5'000};
  std::chrono::milliseconds max_ttl{300'000};
  std::chrono::milliseconds retry{1'000};
  std::chrono::milliseconds max_retry{30'000};
  bool keep_when_gone = true;  // though the servers say that there is nothing (any more)
};

// What all DNS clusters have in common. Value.
struct DnsCluster {
  std::string name;
  std::string identity;  // all of its configuration that makes members what they are
  DnsSettings settings;
  DnsStats stats;
};

}  // namespace weir::extensions::clusters
