#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "absl/status/status.h"

#include "source/config/diagnostics.h"
#include "source/network/address.h"

namespace google::protobuf {
class Duration;
}

// Reading single fields: each function reports what is wrong at `at`, the field's cursor, and then
// returns something harmless.
namespace weir::config {

inline constexpr uint32_t kMaxConnections = 10'000'000;

struct NumberRange {
  uint64_t least;
  uint64_t most;
};
uint64_t readNumber(uint64_t value, NumberRange range, const Cursor& at);
// 0 stands for `fallback`.
uint64_t readNumberOr(uint64_t value, uint64_t fallback, NumberRange range, const Cursor& at);

struct DurationRange {
  std::chrono::milliseconds least;
  std::chrono::milliseconds most = std::chrono::hours(24);
};
// `value` null: not given. Whole milliseconds; what is shorter than one is refused unless zero.
std::chrono::milliseconds readDuration(const google::protobuf::Duration* value,
                                       std::chrono::milliseconds fallback, DurationRange range,
                                       const Cursor& at);
// "250 ms", "1.5 s", "10 min", "24 h"
std::string durationText(std::chrono::milliseconds value);

// How many leading bits of an address count, as `from` has it in ipv4_prefix_length and
// ipv6_prefix_length; `to` has the defaults, in ipv4_bits and ipv6_bits.
template <class Message, class Bits>
void readPrefixLengths(const Message& from, const Cursor& at, Bits& to) {
  if (from.has_ipv4_prefix_length()) {
    to.ipv4_bits = static_cast<uint8_t>(
        readNumber(from.ipv4_prefix_length(), {1, 32}, at.field("ipv4_prefix_length")));
  }
  if (from.has_ipv6_prefix_length()) {
    to.ipv6_bits = static_cast<uint8_t>(
        readNumber(from.ipv6_prefix_length(), {1, 128}, at.field("ipv6_prefix_length")));
  }
}

// Reports when `text` is empty.
bool require(std::string_view text, const Cursor& at, std::string_view remedy = {});

network::Address readAddress(std::string_view text, bool allow_port_zero, const Cursor& at);

// The content of a file that the configuration names, relative to its folder; at most one byte more
// than `most_bytes`, so that the caller sees an excess.
std::string readFile(std::string_view name, size_t most_bytes, const Cursor& at);

// A status whose message is "what is wrong; what would be right".
void report(const absl::Status& status, const Cursor& at);

// Reports a file that cannot be written because its folder is not there; opens nothing.
void checkFolderExists(std::string_view path, const Cursor& at);

// Reports a `name` that is in `names` already, else puts it there with its index. Empty names pass.
// `kind`: "listener".
void checkUnique(const std::string& name, int index, std::map<std::string, int>& names,
                 std::string_view kind, const Cursor& at);

}  // namespace weir::config
