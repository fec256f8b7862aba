#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::load_balancing::prequal {

// Registers load_balancing/prequal. Immutable.
class PrequalExtension final : public config::LoadBalancingExtension {
 public:
  std::string_view name() const override { return "prequal"; }
  std::string_view configType() const override {
    return "weir.extensions.load_balancing.prequal.v1.Prequal";
  }
  std::shared_ptr<const upstream::LoadBalancerFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::load_balancing::prequal
