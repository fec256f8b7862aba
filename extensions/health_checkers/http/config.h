#pragma once

#include <string>
#include <vector>

#include "source/config/extensions.h"

namespace weir::extensions::health_checkers::http {

// Registers health_checkers/http. Immutable.
class HttpCheckExtension final : public config::HealthCheckerExtension {
 public:
  std::string_view name() const override { return "http"; }
  std::string_view configType() const override {
    return "weir.extensions.health_checkers.http.v1.HttpCheck";
  }
  std::vector<std::string> applicationProtocols(
      const google::protobuf::Message& config) const override;
  std::shared_ptr<const upstream::HealthCheckerFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::health_checkers::http
