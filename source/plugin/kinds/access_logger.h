#pragma once

#include <memory>

#include "source/http/access_log.h"
#include "source/plugin/plugin_config.h"

namespace weir::plugin {

// An access logger of a plugin as configured. Immutable.
class PluginAccessLoggerFactory final : public http::AccessLoggerFactory {
 public:
  // `of_connections`: it logs those, which have no heads.
  PluginAccessLoggerFactory(const Kind& kind, std::shared_ptr<const PluginConfig> config,
                            bool of_connections)
      : kind_(kind), config_(std::move(config)), of_connections_(of_connections) {}
  std::unique_ptr<http::AccessLogger> bind(base::ServiceMap& services) const override;

 private:
  const Kind& kind_;
  const std::shared_ptr<const PluginConfig> config_;
  const bool of_connections_;
};

}  // namespace weir::plugin
