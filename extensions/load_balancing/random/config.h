#pragma once

#include <memory>

#include "source/config/extensions.h"

namespace weir::extensions::load_balancing::random {

// Registers load_balancing/random. Immutable.
class RandomExtension final : public config::LoadBalancingExtension {
 public:
  std::string_view name() const override { return "random"; }
  std::string_view configType() const override {
    return "weir.extensions.load_balancing.random.v1.Random";
  }
  std::shared_ptr<const upstream::LoadBalancerFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::load_balancing::random
