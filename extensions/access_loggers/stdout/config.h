#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::access_loggers::stdout {

// Registers access_loggers/stdout. Immutable.
class StdoutLoggerExtension final : public config::AccessLoggerExtension {
 public:
  std::string_view name() const override { return "stdout"; }
  std::string_view configType() const override {
    return "weir.extensions.access_loggers.stdout.v1.Stdout";
  }
  std::shared_ptr<const http::AccessLoggerFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::access_loggers::stdout
