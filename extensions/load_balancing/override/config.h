#pragma once

#include <memory>
#include <string_view>

#include "source/config/extensions.h"

namespace weir::extensions::load_balancing::override {

// Registers load_balancing/override. Immutable.
class OverrideExtension final : public config::LoadBalancingExtension {
 public:
  std::string_view name() const override { return "override"; }
  std::string_view configType() const override {
    return "weir.extensions.load_balancing.override.v1.Override";
  }
  std::shared_ptr<const upstream::LoadBalancerFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::load_balancing::override
