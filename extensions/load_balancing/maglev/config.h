#pragma once

#include <memory>

#include "source/config/extensions.h"

namespace weir::extensions::load_balancing::maglev {

// Registers load_balancing/maglev. Immutable.
class MaglevExtension final : public config::LoadBalancingExtension {
 public:
  std::string_view name() const override { return "maglev"; }
  std::string_view configType() const override {
    return "weir.extensions.load_balancing.maglev.v1.Maglev";
  }
  std::shared_ptr<const upstream::LoadBalancerFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::load_balancing::maglev
