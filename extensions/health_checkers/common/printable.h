#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace weir::extensions::health_checkers {

// Bytes in a message for people: what is no printable ASCII, a quote or a backslash is written as
// \n, \xff and so on, and of more than `most` bytes the rest as "...".
std::string printable(std::string_view bytes, size_t most = 80);

}  // namespace weir::extensions::health_checkers
