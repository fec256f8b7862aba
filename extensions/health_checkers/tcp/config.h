#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::health_checkers::tcp {

// Registers health_checkers/tcp. Immutable.
class TcpCheckExtension final : public config::HealthCheckerExtension {
 public:
  std::string_view name() const override { return "tcp"; }
  std::string_view configType() const override {
    return "weir.extensions.health_checkers.tcp.v1.TcpCheck";
  }
  std::shared_ptr<const upstream::HealthCheckerFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::health_checkers::tcp
