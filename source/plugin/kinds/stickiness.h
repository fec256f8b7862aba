#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "source/plugin/plugin_config.h"
#include "source/upstream/stickiness.h"

namespace weir::plugin {

// A stickiness of a plugin as configured. Immutable.
class PluginStickinessFactory final : public upstream::StickinessFactory {
 public:
  PluginStickinessFactory(const Kind& kind, std::shared_ptr<const PluginConfig> config)
      : kind_(kind), config_(std::move(config)) {}
  std::string_view name() const override { return kind_.name(); }
  bool servesConnections() const override;
  std::unique_ptr<upstream::Stickiness> create(
      const upstream::StickinessContext& context) const override;

 private:
  const Kind& kind_;
  const std::shared_ptr<const PluginConfig> config_;
};

}  // namespace weir::plugin
