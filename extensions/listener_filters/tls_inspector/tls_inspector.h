#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "source/network/client_hello.h"
#include "source/network/listener_filter.h"
#include "source/stats/stats.h"

namespace weir::extensions::listener_filters::tls_inspector {

// What the configuration says. Immutable.
struct TlsInspectorConfig {
  std::string listener;                    // in statistics
  std::chrono::milliseconds raw_after{0};  // zero: never
};

// Counts what was found on one worker. Worker-confined.
class TlsInspectorMetrics {
 public:
  TlsInspectorMetrics(const std::string& listener, stats::Store& store, stats::Block& block);

  stats::Cell& tls;
  stats::Cell& not_tls;
  stats::Cell& server_name;
  stats::Cell& protocols;
  stats::Cell& timeouts;
  stats::Cell& malformed(network::ClientHelloError error) {
    return *malformed_[static_cast<size_t>(error)];
  }

 private:
  stats::Cell* malformed_[network::kClientHelloErrors] = {};  // none for kNone
};

// Reads the ClientHello of one connection. Worker-confined.
class TlsInspectorFilter final : public network::ListenerFilter {
 public:
  TlsInspectorFilter(const TlsInspectorConfig& config, TlsInspectorMetrics& metrics)
      : config_(config), metrics_(metrics) {}

  size_t maxBytes(const network::InspectedConnection&) const override {
    return network::ClientHelloInspector::kMaxBytes;
  }
  Step inspect(std::string_view bytes, bool ended, network::InspectedConnection& connection,
               size_t& consume) override;
  std::chrono::milliseconds timeout() const override { return config_.raw_after; }
  // Goes on when nothing has come; what began as TLS must become it.
  Step onTimeout(network::InspectedConnection& connection) override;

 private:
  void take(network::ConnectionInfo& info);

  const TlsInspectorConfig& config_;
  TlsInspectorMetrics& metrics_;
  network::ClientHelloInspector inspector_;
  bool seen_any_ = false;
};

// Makes them. Immutable.
class TlsInspectorFactory final : public network::ListenerFilterFactory {
 public:
  explicit TlsInspectorFactory(TlsInspectorConfig config) : config_(std::move(config)) {}
  std::unique_ptr<network::WorkerListenerFilterFactory> bind(
      base::ServiceMap& services) const override;

 private:
  const TlsInspectorConfig config_;
};

}  // namespace weir::extensions::listener_filters::tls_inspector
