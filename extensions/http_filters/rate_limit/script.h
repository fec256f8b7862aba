#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace weir::extensions::http_filters::rate_limit {

// Limits that one request is asked for at most.
inline constexpr size_t kMaxAsked = 16;

// How a limit is counted in Redis. Value; part of the configuration.
struct CountedLimit {
  enum class Kind : uint8_t { kWindow, kBucket };
  CountedLimit() = default;
  CountedLimit(Kind kind, uint64_t requests, std::chrono::milliseconds per, uint64_t burst);

  // "w" or "b", requests, microseconds, burst: as the script takes them.
  static constexpr size_t kArguments = 4;
  std::array<std::string, kArguments> arguments;
};

// What the script in Redis does, in one step: asks all limits, by the clock of Redis, and counts
// the request in all of them when none is reached; else in none. A limit of which only the standing
// is wanted (a shadow) counts by itself. KEYS: one for each limit; ARGV: those of each limit, then
// for each "0", or "1" for a shadow. Writes nothing when nothing is counted.
//
// A window is a hash of counts by slices of a tenth of it, of which the last eleven are looked at:
// they cover a whole window and a part of a slice, so that what passes is never over the limit in
// any window. A bucket is the time at which it will be full (as for TokenBucket).
//
// It answers with a text: for each limit "passes left until_next until_full;", times in
// milliseconds.
std::string_view countingScript();

// What it says of one limit. Value.
struct CountedStanding {
  bool passes = false;
  uint64_t left = 0;
  std::chrono::milliseconds until_next{0};
  std::chrono::milliseconds until_full{0};
};

// The standings of as many limits as `to` has; false when the text is not of the script.
bool readStandings(std::string_view text, std::span<CountedStanding> to);

}  // namespace weir::extensions::http_filters::rate_limit
