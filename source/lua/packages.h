#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace weir::lua {

inline constexpr size_t kMaxSourceBytes = size_t{4} << 20;

// A Lua file that was read. Value.
struct Package {
  std::string path;
  std::string text;
};
using Packages = std::map<std::string, Package, std::less<>>;  // by the name in require()

// At most kMaxSourceBytes of text; bytecode is refused.
absl::StatusOr<std::string> readSource(const std::string& path);
// What require(name) means: a/b.lua or a/b/init.lua for "a.b", in the first folder that has one.
absl::StatusOr<Package> findPackage(std::string_view name, const std::vector<std::string>& folders);

// What Lua is told that a file is called: its path, or only the file's name when messages had no
// room for the path.
std::string chunkName(const std::string& path);

}  // namespace weir::lua
