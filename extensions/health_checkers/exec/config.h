#pragma once

#include <memory>
#include <string_view>

#include "source/config/extensions.h"

namespace weir::extensions::health_checkers::exec {

// Registers health_checkers/exec. Immutable.
class ExecExtension final : public config::HealthCheckerExtension {
 public:
  std::string_view name() const override { return "exec"; }
  std::string_view configType() const override {
    return "weir.extensions.health_checkers.exec.v1.Exec";
  }
  bool connects() const override { return false; }
  std::shared_ptr<const upstream::HealthCheckerFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::health_checkers::exec
