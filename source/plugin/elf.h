#pragma once

#include <cstddef>
#include <span>

#include "absl/status/status.h"

namespace weir::plugin {

// How many bytes of a file checkElf() wants to see.
inline constexpr size_t kElfHeadBytes = 64;

// Whether a file of `file_bytes` that begins with `head` is a whole shared object for the machine
// that this program was built for. The message is "what is wrong; what would be right". Pure.
absl::Status checkElf(std::span<const char> head, size_t file_bytes);

}  // namespace weir::plugin
