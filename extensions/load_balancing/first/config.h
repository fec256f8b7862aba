#pragma once

#include <memory>

#include "source/config/extensions.h"

namespace weir::extensions::load_balancing::first {

// Registers load_balancing/first. Immutable.
class FirstExtension final : public config::LoadBalancingExtension {
 public:
  std::string_view name() const override { return "first"; }
  std::string_view configType() const override {
    return "weir.extensions.load_balancing.first.v1.First";
  }
  std::shared_ptr<const upstream::LoadBalancerFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::load_balancing::first
