#include "extensions/access_loggers/stdout/config.h"

#include "api/weir/extensions/access_loggers/stdout/v1/stdout.pb.h"
#include "extensions/access_loggers/common/line_config.h"

namespace weir::extensions::access_loggers::stdout {

std::shared_ptr<const http::AccessLoggerFactory> StdoutLoggerExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& proto =
      static_cast<const weir::extensions::access_loggers::stdout::v1::Stdout&>(config);
  return compileLineLogger("", proto.format(),
                           {proto.json_format().begin(), proto.json_format().end()}, at, context);
}

}  // namespace weir::extensions::access_loggers::stdout
