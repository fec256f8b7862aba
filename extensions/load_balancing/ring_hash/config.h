#pragma once

#include <memory>

#include "source/config/extensions.h"

namespace weir::extensions::load_balancing::ring_hash {

// Registers load_balancing/ring_hash. Immutable.
class RingHashExtension final : public config::LoadBalancingExtension {
 public:
  std::string_view name() const override { return "ring_hash"; }
  std::string_view configType() const override {
    return "weir.extensions.load_balancing.ring_hash.v1.RingHash";
  }
  std::shared_ptr<const upstream::LoadBalancerFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::load_balancing::ring_hash
