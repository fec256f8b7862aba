#pragma once

#include <span>
#include <string>

#include "absl/status/status.h"

#include "source/base/registry.h"

namespace weir::extensions {

// Registers every extension of this program.
absl::Status registerAllExtensions(base::Registry& registry);

// `weir lua test`: runs the tests of scripts in these files; what came of them goes to `report`.
// What the process is to exit with.
int runLuaTests(std::span<const std::string> files, std::string& report);

}  // namespace weir::extensions
