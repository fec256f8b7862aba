#pragma once

#include <string_view>

namespace weir::base {

// Semantic version of this build.
inline constexpr std::string_view kVersion = "0.1.0";

}  // namespace weir::base
