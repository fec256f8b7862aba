#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "source/config/extensions.h"

namespace weir::extensions::health_checkers::grpc {

// Registers health_checkers/grpc. Immutable.
class GrpcExtension final : public config::HealthCheckerExtension {
 public:
  std::string_view name() const override { return "grpc"; }
  std::string_view configType() const override {
    return "weir.extensions.health_checkers.grpc.v1.Grpc";
  }
  std::vector<std::string> applicationProtocols(const google::protobuf::Message&) const override {
    return {"h2"};
  }
  std::shared_ptr<const upstream::HealthCheckerFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::health_checkers::grpc
