#pragma once

#include <string_view>

#include "absl/status/status.h"

namespace weir::config {

// A domain of a virtual host: a host, "*.suffix", "prefix.*" or "*", each with a port or without.
// The error is "what is wrong; what would be right".
absl::Status checkDomain(std::string_view domain);

}  // namespace weir::config
