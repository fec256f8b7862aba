#pragma once

#include <bitset>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "source/network/listener_filter.h"
#include "source/network/proxy_protocol.h"
#include "source/stats/stats.h"

namespace weir::extensions::listener_filters::proxy_protocol {

// What the configuration says. Immutable.
struct ProxyProtocolConfig {
  std::string listener;  // in statistics
  bool version_1 = true;
  bool version_2 = true;
  std::vector<network::Prefix> trusted_sources;  // empty: everybody
  bool pass_untrusted = false;
  bool allow_absent = false;
  std::bitset<256> keep_tlvs;
  size_t max_header_bytes = 4096;

  bool trusts(const network::Address& source) const;
};

// Counts what headers came to on one worker. Worker-confined.
class ProxyProtocolMetrics {
 public:
  ProxyProtocolMetrics(const std::string& listener, stats::Store& store, stats::Block& block);

  stats::Cell& version1;
  stats::Cell& version2;
  stats::Cell& local;
  stats::Cell& absent;
  stats::Cell& untrusted;
  stats::Cell& malformed(network::ProxyProtocolError error) {
    return *malformed_[static_cast<size_t>(error)];
  }
  stats::Cell& wrong_version;

 private:
  stats::Cell* malformed_[network::kProxyProtocolErrors] = {};  // none for kNone
};

// Reads the header of one connection and puts its addresses in the place of the socket's.
// Worker-confined.
class ProxyProtocolFilter final : public network::ListenerFilter {
 public:
  ProxyProtocolFilter(const ProxyProtocolConfig& config, ProxyProtocolMetrics& metrics)
      : config_(config), metrics_(metrics) {}

  // None of a connection whose header would not be believed.
  size_t maxBytes(const network::InspectedConnection& connection) const override;
  Step inspect(std::string_view bytes, bool ended, network::InspectedConnection& connection,
               size_t& consume) override;

 private:
  Step accept(network::ProxyProtocolHeader header, network::InspectedConnection& connection);

  const ProxyProtocolConfig& config_;
  ProxyProtocolMetrics& metrics_;
};

// Makes them. Immutable.
class ProxyProtocolFactory final : public network::ListenerFilterFactory {
 public:
  explicit ProxyProtocolFactory(ProxyProtocolConfig config) : config_(std::move(config)) {}
  std::unique_ptr<network::WorkerListenerFilterFactory> bind(
      base::ServiceMap& services) const override;

 private:
  const ProxyProtocolConfig config_;
};

}  // namespace weir::extensions::listener_filters::proxy_protocol
