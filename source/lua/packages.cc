#include "source/lua/packages.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "absl/status/status.h"

#include "source/base/concat.h"

namespace weir::lua {
namespace {

bool isName(std::string_view name) {
  if (name.empty() || name.size() > 200 || name.front() == '.' || name.back() == '.') return false;
  if (name.find("..") != std::string_view::npos) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' ||
           c == '-' || c == '.';
  });
}

}  // namespace

std::string chunkName(const std::string& path) {
  static constexpr size_t kRoom = 59;  // LUA_IDSIZE - 1
  if (path.size() <= kRoom) return base::concat("=", path);
  return base::concat("=", std::filesystem::path(path).filename().string());
}

absl::StatusOr<std::string> readSource(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return absl::NotFoundError(base::concat("there is no file \"", path, "\""));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) return absl::PermissionDeniedError(base::concat("cannot read \"", path, "\""));
  std::string text(kMaxSourceBytes + 1, '\0');
  file.read(text.data(), static_cast<std::streamsize>(text.size()));
  text.resize(static_cast<size_t>(file.gcount()));
  if (file.bad()) return absl::DataLossError(base::concat("cannot read \"", path, "\""));
  if (text.size() > kMaxSourceBytes) {
    return absl::OutOfRangeError(
        base::concat("\"", path, "\" has more than ", kMaxSourceBytes, " bytes"));
  }
  if (!text.empty() && text.front() == '\x1b') {
    return absl::InvalidArgumentError(
        base::concat("\"", path, "\" is bytecode; only text is loaded"));
  }
  return text;
}

absl::StatusOr<Package> findPackage(std::string_view name,
                                    const std::vector<std::string>& folders) {
  if (!isName(name)) {
    return absl::InvalidArgumentError(base::concat(
        "'", name,
        "' is no name of a package; it has letters, digits, '_', '-', and dots between"));
  }
  std::string tried;
  std::string relative(name);
  std::replace(relative.begin(), relative.end(), '.', '/');
  for (const std::string& folder : folders) {
    for (const char* const ending : {".lua", "/init.lua"}) {
      const std::string path = base::concat(folder, "/", relative, ending);
      std::error_code error;
      if (std::filesystem::is_regular_file(path, error)) {
        auto text = readSource(path);
        if (!text.ok()) return text.status();
        return Package{path, *std::move(text)};
      }
      tried += base::concat(tried.empty() ? "" : ", ", path);
    }
  }
  if (folders.empty()) {
    return absl::NotFoundError(base::concat(
        "there is no package '", name, "': the script's configuration has no package_folders"));
  }
  return absl::NotFoundError(base::concat("there is no package '", name, "'; tried ", tried));
}

}  // namespace weir::lua
