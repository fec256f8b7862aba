#pragma once

#include <memory>

#include "source/config/extensions.h"

namespace weir::extensions::load_balancing::least_time {

// Registers load_balancing/least_time. Immutable.
class LeastTimeExtension final : public config::LoadBalancingExtension {
 public:
  std::string_view name() const override { return "least_time"; }
  std::string_view configType() const override {
    return "weir.extensions.load_balancing.least_time.v1.LeastTime";
  }
  std::shared_ptr<const upstream::LoadBalancerFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::load_balancing::least_time
