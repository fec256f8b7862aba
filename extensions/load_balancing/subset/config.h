#pragma once

#include <memory>
#include <string_view>

#include "source/config/extensions.h"

namespace weir::extensions::load_balancing::subset {

// Registers load_balancing/subset. Immutable.
class SubsetExtension final : public config::LoadBalancingExtension {
 public:
  std::string_view name() const override { return "subset"; }
  std::string_view configType() const override {
    return "weir.extensions.load_balancing.subset.v1.Subset";
  }
  std::shared_ptr<const upstream::LoadBalancerFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::load_balancing::subset
