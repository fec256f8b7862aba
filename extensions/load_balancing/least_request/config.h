#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::load_balancing::least_request {

// Registers load_balancing/least_request. Immutable.
class LeastRequestExtension final : public config::LoadBalancingExtension {
 public:
  std::string_view name() const override { return "least_request"; }
  std::string_view configType() const override {
    return "weir.extensions.load_balancing.least_request.v1.LeastRequest";
  }
  std::shared_ptr<const upstream::LoadBalancerFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::load_balancing::least_request
