#pragma once

#include <memory>
#include <string>

#include "extensions/health_checkers/tcp/expectations.h"
#include "source/upstream/health_checker.h"
#include "source/upstream/probe_connections.h"

namespace weir::extensions::health_checkers::tcp {

// Value.
struct TcpOptions {
  std::string send;  // may be empty
  Expectations expect;
};

// Main-thread only.
class TcpChecker final : public upstream::HealthChecker {
 public:
  TcpChecker(base::ServiceMap& services, const upstream::ClusterConfig& cluster,
             const upstream::CheckSettings& settings, std::shared_ptr<const TcpOptions> options);
  std::unique_ptr<upstream::HealthProbe> createProbe(const upstream::ProbeTarget& target,
                                                     upstream::ProbeListener& listener) override;

 private:
  const std::shared_ptr<const TcpOptions> options_;
  upstream::ProbeConnections connections_;
};

// Immutable.
class TcpCheckerFactory final : public upstream::HealthCheckerFactory {
 public:
  explicit TcpCheckerFactory(std::shared_ptr<const TcpOptions> options)
      : options_(std::move(options)) {}
  std::string_view name() const override { return "tcp"; }
  std::unique_ptr<upstream::HealthChecker> create(
      base::ServiceMap& services, const upstream::ClusterConfig& cluster,
      const upstream::CheckSettings& settings) const override {
    return std::make_unique<TcpChecker>(services, cluster, settings, options_);
  }

 private:
  const std::shared_ptr<const TcpOptions> options_;
};

}  // namespace weir::extensions::health_checkers::tcp
