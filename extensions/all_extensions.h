#pragma once

#include <cstdio>
#include <span>
#include <string>

#include "absl/status/status.h"

#include "source/base/registry.h"

namespace weir::extensions {

// Registers every extension of this program.
absl::Status registerAllExtensions(base::Registry& registry);

// `weir lua test`: runs the tests of scripts in these files, and writes what came of them to `out`.
// What the process is to exit with.
int runLuaTests(std::span<const std::string> files, std::FILE* out);

}  // namespace weir::extensions
