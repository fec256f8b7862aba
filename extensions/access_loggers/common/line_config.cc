#include "extensions/access_loggers/common/line_config.h"

#include <string_view>
#include <utility>

#include "source/base/concat.h"

namespace weir::extensions::access_loggers {
namespace {

// Status messages here read "what; right".
void report(const config::Cursor& at, const absl::Status& status) {
  const std::string_view message = base::view(status.message());
  const size_t border = message.rfind("; ");
  at.error(std::string(message.substr(0, border)), border == std::string_view::npos
                                                       ? std::string()
                                                       : std::string(message.substr(border + 2)));
}

template <class F>
std::shared_ptr<const http::AccessLoggerFactory> makeFactory(const std::string& path,
                                                             absl::StatusOr<F> format,
                                                             const config::Cursor& at) {
  if (!format.ok()) {
    report(at, format.status());
    return nullptr;
  }
  return std::make_shared<LineLoggerFactory>(path, *std::move(format));
}

}  // namespace

std::shared_ptr<const http::AccessLoggerFactory> compileLineLogger(
    const std::string& path, const std::string& format,
    const std::map<std::string, std::string>& json_format, const config::Cursor& at,
    const config::CompileContext& context) {
  if (!format.empty() && !json_format.empty()) {
    at.field("json_format").error("given together with format", "keep one of them");
    return nullptr;
  }
  if (!json_format.empty()) {
    return makeFactory(path, http::JsonFormat::parse(json_format), at.field("json_format"));
  }
  const std::string_view usual =
      context.logs_connections ? http::kDefaultConnectionFormat : http::kDefaultFormat;
  return makeFactory(path, http::Format::parse(format.empty() ? usual : format),
                     at.field("format"));
}

}  // namespace weir::extensions::access_loggers
