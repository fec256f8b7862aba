#pragma once

#include <memory>
#include <string_view>

#include "source/plugin/plugin_config.h"
#include "source/upstream/health_checker.h"

namespace weir::plugin {

// A health checker of a plugin as configured. Immutable.
class PluginCheckerFactory final : public upstream::HealthCheckerFactory {
 public:
  PluginCheckerFactory(const Kind& kind, std::shared_ptr<const PluginConfig> config)
      : kind_(kind), config_(std::move(config)) {}
  std::string_view name() const override { return kind_.name(); }
  std::unique_ptr<upstream::HealthChecker> create(
      base::ServiceMap& services, const upstream::ClusterConfig& cluster,
      const upstream::CheckSettings& settings) const override;

 private:
  const Kind& kind_;
  const std::shared_ptr<const PluginConfig> config_;
};

}  // namespace weir::plugin
