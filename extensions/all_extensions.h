#pragma once

#include "absl/status/status.h"

#include "source/base/registry.h"

namespace weir::extensions {

// Registers every extension of this program.
absl::Status registerAllExtensions(base::Registry& registry);

}  // namespace weir::extensions
