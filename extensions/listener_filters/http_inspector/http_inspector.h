#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "source/network/http_sniffer.h"
#include "source/network/listener_filter.h"
#include "source/stats/stats.h"

namespace weir::extensions::listener_filters::http_inspector {

// What the configuration says. Immutable.
struct HttpInspectorConfig {
  std::string listener;  // in statistics
  std::chrono::milliseconds timeout{500};
};

// Counts what was found on one worker. Worker-confined.
class HttpInspectorMetrics {
 public:
  HttpInspectorMetrics(const std::string& listener, stats::Store& store, stats::Block& block);

  stats::Cell& http1;
  stats::Cell& http2;
  stats::Cell& other;
  stats::Cell& timeouts;
};

// Tells of one connection whether it speaks HTTP. Worker-confined.
class HttpInspectorFilter final : public network::ListenerFilter {
 public:
  HttpInspectorFilter(const HttpInspectorConfig& config, HttpInspectorMetrics& metrics)
      : config_(config), metrics_(metrics) {}

  // None of a connection that is known to be TLS.
  size_t maxBytes(const network::InspectedConnection& connection) const override;
  // Never refuses: what is not HTTP, or ends before it is known, goes on as it is.
  Step inspect(std::string_view bytes, bool ended, network::InspectedConnection& connection,
               size_t& consume) override;
  std::chrono::milliseconds timeout() const override { return config_.timeout; }
  Step onTimeout(network::InspectedConnection& connection) override;

 private:
  const HttpInspectorConfig& config_;
  HttpInspectorMetrics& metrics_;
  network::HttpSniffer sniffer_;
};

// Makes them. Immutable.
class HttpInspectorFactory final : public network::ListenerFilterFactory {
 public:
  explicit HttpInspectorFactory(HttpInspectorConfig config) : config_(std::move(config)) {}
  std::unique_ptr<network::WorkerListenerFilterFactory> bind(
      base::ServiceMap& services) const override;

 private:
  const HttpInspectorConfig config_;
};

}  // namespace weir::extensions::listener_filters::http_inspector
