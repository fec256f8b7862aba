#pragma once

#include <optional>
#include <string_view>

#include "source/event/dispatcher.h"

namespace weir::http {

// A date of HTTP in any of its three formats (RFC 9110, 5.6.7); the day of the week is not checked.
// Of two-digit years those that would lie more than 50 years after `now` are of the past. Of
// dates before 1970 and after 2199 the nearest that is not: the clock, in nanoseconds, has room for
// 292 years either way, and callers add and subtract.
std::optional<event::SystemTime> parseHttpDate(std::string_view text, event::SystemTime now);

}  // namespace weir::http
