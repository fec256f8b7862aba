#pragma once

#include <string>

#include "source/config/diagnostics.h"

namespace weir::extensions::access_loggers {

// False, with an error at `at`, when a line could never be written to the file `path`.
bool checkLogPath(const std::string& path, const config::Cursor& at);

}  // namespace weir::extensions::access_loggers
