#pragma once

#include "source/config/extensions.h"

namespace weir::extensions::access_loggers::file {

// Registers access_loggers/file. Immutable.
class FileLoggerExtension final : public config::AccessLoggerExtension {
 public:
  std::string_view name() const override { return "file"; }
  std::string_view configType() const override {
    return "weir.extensions.access_loggers.file.v1.File";
  }
  std::shared_ptr<const http::AccessLoggerFactory> compile(
      const google::protobuf::Message& config, const config::Cursor& at,
      config::CompileContext& context) const override;
};

}  // namespace weir::extensions::access_loggers::file
