#pragma once

#include <string>

#include "source/base/registry.h"

namespace weir::config {

// Every extension with its category, configuration message and the fields of that with their types,
// for `weir extensions`:
//
//   load_balancing/least_request
//     weir.extensions.load_balancing.least_request.v1.LeastRequest
//       choices: uint32
//       full_scan_size: uint32
std::string describeExtensions(const base::Registry& registry);

}  // namespace weir::config
