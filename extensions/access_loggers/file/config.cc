#include "extensions/access_loggers/file/config.h"

#include <filesystem>
#include <system_error>

#include "api/weir/extensions/access_loggers/file/v1/file.pb.h"
#include "extensions/access_loggers/common/line_config.h"
#include "source/base/concat.h"

namespace weir::extensions::access_loggers::file {
namespace {

// False, with an error at `at`, when a line could never be written there.
bool checkPath(const std::string& path, const config::Cursor& at) {
  namespace fs = std::filesystem;
  std::error_code error;
  const fs::path folder = fs::path(path).parent_path();
  if (!folder.empty() && !fs::is_directory(folder, error)) {
    at.error(base::concat("folder \"", folder.string(), "\" does not exist"),
             "make it, or name another");
    return false;
  }
  if (fs::is_directory(path, error)) {
    at.error(base::concat("\"", path, "\" is a folder"), "name a file in it");
    return false;
  }
  return true;
}

}  // namespace

std::shared_ptr<const http::AccessLoggerFactory> FileLoggerExtension::compile(
    const google::protobuf::Message& config, const config::Cursor& at,
    config::CompileContext& context) const {
  const auto& proto = static_cast<const weir::extensions::access_loggers::file::v1::File&>(config);
  if (proto.path().empty()) {
    at.error("path is missing", "name the file that lines are appended to");
    return nullptr;
  }
  const std::string path = at.field("path").resolvePath(proto.path());
  const bool path_ok = checkPath(path, at.field("path"));
  auto factory = compileLineLogger(
      path, proto.format(), {proto.json_format().begin(), proto.json_format().end()}, at, context);
  return path_ok ? factory : nullptr;
}

}  // namespace weir::extensions::access_loggers::file
