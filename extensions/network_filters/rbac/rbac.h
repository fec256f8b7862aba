#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "extensions/network_filters/rbac/rules.h"
#include "source/network/network_filter.h"
#include "source/stats/stats.h"

namespace weir::extensions::network_filters::rbac {

// A list of rules with a counter for what each has decided, the default last. Immutable.
struct CountedRules {
  RuleList list;
  std::vector<stats::CounterId> decided;
};

// The configuration, validated. Immutable.
struct RbacConfig {
  std::string name;
  CountedRules rules;
  std::optional<CountedRules> shadow;
};

// Immutable.
class RbacFactory final : public network::NetworkFilterFactory {
 public:
  explicit RbacFactory(std::shared_ptr<const RbacConfig> config) : config_(std::move(config)) {}
  std::unique_ptr<network::WorkerNetworkFilterFactory> bind(
      base::ServiceMap& services) const override;

 private:
  const std::shared_ptr<const RbacConfig> config_;
};

}  // namespace weir::extensions::network_filters::rbac
