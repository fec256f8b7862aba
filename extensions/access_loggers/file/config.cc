#include "extensions/access_loggers/file/config.h"

#include "api/weir/extensions/access_loggers/file/v1/file.pb.h"
#include "extensions/access_loggers/common/line_config.h"
#include "extensions/access_loggers/common/log_path.h"

namespace weir::extensions::access_loggers::file {

std::shared_ptr<const http::AccessLoggerFactory> FileLoggerExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& proto = static_cast<const weir::extensions::access_loggers::file::v1::File&>(config);
  if (proto.path().empty()) {
    at.error("path is missing", "name the file that lines are appended to");
    return nullptr;
  }
  const std::string path = at.field("path").resolvePath(proto.path());
  const bool path_ok = checkLogPath(path, at.field("path"));
  auto factory = compileLineLogger(
      path, proto.format(), {proto.json_format().begin(), proto.json_format().end()}, at, context);
  return path_ok ? factory : nullptr;
}

}  // namespace weir::extensions::access_loggers::file
