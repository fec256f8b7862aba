#pragma once

#include <map>
#include <memory>
#include <string>

#include "extensions/access_loggers/common/line_logger.h"
#include "source/config/extensions.h"

namespace weir::extensions::access_loggers {

// What the file and stdout loggers have in common: `format` or `json_format` into a factory.
// Reports at `at` and returns null when a format is wrong or both are given.
std::shared_ptr<const http::AccessLoggerFactory> compileLineLogger(
    const std::string& path, const std::string& format,
    const std::map<std::string, std::string>& json_format, const config::Cursor& at,
    const config::CompileContext& context);

}  // namespace weir::extensions::access_loggers
