#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "extensions/health_checkers/http/answer_judge.h"
#include "extensions/health_checkers/http/exchange.h"
#include "source/base/random.h"
#include "source/http/codec.h"
#include "source/http/http2/codec.h"
#include "source/upstream/cluster.h"
#include "source/upstream/health_checker.h"
#include "source/upstream/probe_connections.h"

namespace weir::extensions::health_checkers::http {

// Value.
struct HttpOptions {
  std::string method = "GET";
  std::string path = "/health";
  std::string host = {};  // empty: the address that is asked
  std::vector<std::pair<std::string, std::string>> fields = {};
  Expectation expected = {};
  std::optional<upstream::HttpProtocol> protocol = {};  // none: as the cluster
};

// Main-thread only.
class HttpChecker final : public upstream::HealthChecker {
 public:
  HttpChecker(base::ServiceMap& services, const upstream::ClusterConfig& cluster,
              const upstream::CheckSettings& settings, std::shared_ptr<const HttpOptions> options);
  ~HttpChecker() override;
  std::unique_ptr<upstream::HealthProbe> createProbe(const upstream::ProbeTarget& target,
                                                     upstream::ProbeListener& listener) override;

  // For probes.
  upstream::HttpProtocol protocol() const { return protocol_; }
  std::unique_ptr<Exchange> takeExchange();
  void giveExchange(std::unique_ptr<Exchange> exchange);
  // The request to one endpoint; until the next call.
  const weir::http::RequestHead& requestTo(const network::Address& address);
  weir::http::http2::CodecServices http2Services();

 private:
  static constexpr size_t kMostSpare = 64;
  // Only where HTTP/2 may be spoken.
  struct Http2Parts;

  const std::shared_ptr<const HttpOptions> options_;
  const upstream::HttpProtocol protocol_;
  const weir::http::CodecLimits limits_;
  const std::unique_ptr<Http2Parts> http2_;
  std::vector<std::unique_ptr<Exchange>> spare_;
  weir::http::RequestHead request_;
  upstream::ProbeConnections connections_;
};

// Immutable.
class HttpCheckerFactory final : public upstream::HealthCheckerFactory {
 public:
  explicit HttpCheckerFactory(std::shared_ptr<const HttpOptions> options)
      : options_(std::move(options)) {}
  std::string_view name() const override { return "http"; }
  std::unique_ptr<upstream::HealthChecker> create(
      base::ServiceMap& services, const upstream::ClusterConfig& cluster,
      const upstream::CheckSettings& settings) const override {
    return std::make_unique<HttpChecker>(services, cluster, settings, options_);
  }

 private:
  const std::shared_ptr<const HttpOptions> options_;
};

}  // namespace weir::extensions::health_checkers::http
