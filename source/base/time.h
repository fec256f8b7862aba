#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string_view>

// Times as text, in UTC, written into the caller's bytes without allocation or locale. Years 0 to
// 9999; what lies outside is written as the nearest moment inside.
namespace weir::base {

inline constexpr size_t kRfc3339Size = 24;
inline constexpr size_t kHttpDateSize = 29;

// "2026-11-21T03:43:51.123Z" (RFC 3339, milliseconds, rounded down).
std::string_view formatRfc3339(std::chrono::system_clock::time_point time,
                               std::span<char, kRfc3339Size> text);

// "Sat, 21 Nov 2026 03:43:51 GMT" (IMF-fixdate, RFC 9110, 5.6.7).
std::string_view formatHttpDate(std::chrono::system_clock::time_point time,
                                std::span<char, kHttpDateSize> text);

// The time of day where there is no dispatcher to tell it: while a configuration is compiled.
std::chrono::system_clock::time_point wallClock();

// The steady clock as of the kernel's last tick, 1 to 10 ms ago: a few nanoseconds to ask, for what
// is measured often and matters only when it is long.
std::chrono::steady_clock::time_point coarseNow();

}  // namespace weir::base
