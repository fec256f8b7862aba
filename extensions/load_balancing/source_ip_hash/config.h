#pragma once

#include <memory>

#include "source/config/extensions.h"

namespace weir::extensions::load_balancing::source_ip_hash {

// Registers load_balancing/source_ip_hash. Immutable.
class SourceIpHashExtension final : public config::LoadBalancingExtension {
 public:
  std::string_view name() const override { return "source_ip_hash"; }
  std::string_view configType() const override {
    return "weir.extensions.load_balancing.source_ip_hash.v1.SourceIpHash";
  }
  std::shared_ptr<const upstream::LoadBalancerFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::load_balancing::source_ip_hash
