#include "extensions/http_filters/common/byte_ranges.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include "source/base/ascii.h"

namespace weir::extensions::http_filters::common {
namespace {

std::optional<uint64_t> readNumber(std::string_view text) {
  uint64_t number = 0;
  if (text.empty()) return std::nullopt;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
  }
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc::result_out_of_range) return ~uint64_t{0};
  return number;
}

// "5-9", "5-", "-5". False: malformed. `satisfiable`: there are such bytes.
bool readRange(std::string_view text, uint64_t size, ByteRange& range, bool& satisfiable) {
  const size_t dash = text.find('-');
  if (dash == std::string_view::npos) return false;
  const std::string_view from = text.substr(0, dash);
  const std::string_view to = text.substr(dash + 1);
  if (from.empty()) {
    const auto suffix = readNumber(to);
    if (!suffix) return false;
    satisfiable = *suffix > 0 && size > 0;
    if (satisfiable) range = {size - std::min(*suffix, size), size - 1};
    return true;
  }
  const auto first = readNumber(from);
  const auto last = to.empty() ? std::optional(~uint64_t{0}) : readNumber(to);
  if (!first || !last || *last < *first) return false;
  satisfiable = *first < size;
  if (satisfiable) range = {*first, std::min(*last, size - 1)};
  return true;
}

}  // namespace

ByteRanges readByteRanges(std::string_view field, uint64_t size) {
  constexpr std::string_view kUnit = "bytes=";
  ByteRanges ranges;
  if (!base::startsWithIgnoreCase(field, kUnit)) return ranges;
  std::string_view rest = field.substr(kUnit.size());
  uint64_t total = 0;
  bool any = false;
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view text = base::trimOws(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    if (text.empty()) continue;
    ByteRange range;
    bool satisfiable = false;
    if (!readRange(text, size, range, satisfiable)) return {};
    any = true;
    if (!satisfiable) continue;
    if (ranges.count == ByteRanges::kMost) return {};
    ranges.all[ranges.count++] = range;
    total += range.size();
    if (total > size) return {};
  }
  if (!any) return {};
  ranges.kind = ranges.count > 0 ? ByteRanges::Kind::kParts : ByteRanges::Kind::kUnsatisfiable;
  return ranges;
}

}  // namespace weir::extensions::http_filters::common
