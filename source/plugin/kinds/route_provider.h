#pragma once

#include <memory>

#include "source/http/route.h"
#include "source/plugin/plugin_config.h"

namespace weir::plugin {

// A route provider of a plugin as configured. Immutable.
class PluginRouteProviderFactory final : public http::RouteProviderFactory {
 public:
  PluginRouteProviderFactory(const Kind& kind, std::shared_ptr<const PluginConfig> config)
      : kind_(kind), config_(std::move(config)) {}
  std::unique_ptr<http::WorkerRouteProvider> bind(base::ServiceMap& services) const override;

 private:
  const Kind& kind_;
  const std::shared_ptr<const PluginConfig> config_;
};

}  // namespace weir::plugin
