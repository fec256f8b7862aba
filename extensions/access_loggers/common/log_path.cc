#include "extensions/access_loggers/common/log_path.h"

#include <filesystem>
#include <system_error>

#include "source/base/concat.h"

namespace weir::extensions::access_loggers {

bool checkLogPath(const std::string& path, const config::Cursor& at) {
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

}  // namespace weir::extensions::access_loggers
