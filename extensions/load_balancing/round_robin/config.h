#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::load_balancing::round_robin {

// Registers load_balancing/round_robin. Immutable.
class RoundRobinExtension final : public config::LoadBalancingExtension {
 public:
  std::string_view name() const override { return "round_robin"; }
  std::string_view configType() const override {
    return "weir.extensions.load_balancing.round_robin.v1.RoundRobin";
  }
  std::shared_ptr<const upstream::LoadBalancerFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::load_balancing::round_robin
