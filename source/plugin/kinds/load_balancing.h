#pragma once

#include <memory>
#include <string_view>

#include "source/plugin/plugin_config.h"
#include "source/upstream/grouped_balancer.h"

namespace weir::plugin {

// A load-balancing policy of a plugin as configured. Immutable.
class PluginAlgorithmFactory final : public upstream::AlgorithmFactory {
 public:
  PluginAlgorithmFactory(const Kind& kind, std::shared_ptr<const PluginConfig> config,
                         bool uses_hash)
      : kind_(kind), config_(std::move(config)), uses_hash_(uses_hash) {}
  std::string_view name() const override { return kind_.name(); }
  bool usesHash() const override { return uses_hash_; }
  std::unique_ptr<upstream::Algorithm> createAlgorithm(
      const upstream::BalancerContext& context) const override;

 private:
  const Kind& kind_;
  const std::shared_ptr<const PluginConfig> config_;
  const bool uses_hash_;
};

}  // namespace weir::plugin
