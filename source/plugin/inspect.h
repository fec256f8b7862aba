#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace weir::plugin {

// Loads the plugin at `path`, which runs its entry function, and says what it offers, for `weir
// plugin inspect`. The message of an error is "path: what is wrong; what would be right".
// Main-thread only.
absl::StatusOr<std::string> inspectPlugin(const std::string& path);

}  // namespace weir::plugin
