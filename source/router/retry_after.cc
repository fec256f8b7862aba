#include "source/router/retry_after.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "source/base/ascii.h"
#include "source/http/http_date.h"

namespace weir::router {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// Nobody waits longer; numbers go no further.
constexpr int64_t kMostSeconds = int64_t{1} << 40;

// "12", also "12.5" as some have it, which is 13.
std::optional<int64_t> readSeconds(std::string_view text) {
  int64_t value = 0;
  size_t i = 0;
  for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i) {
    value = std::min(value * 10 + (text[i] - '0'), kMostSeconds);
  }
  if (i == 0) return std::nullopt;
  if (i == text.size()) return value;
  if (text[i] != '.' || i + 1 == text.size()) return std::nullopt;
  const auto digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!std::all_of(text.begin() + static_cast<std::ptrdiff_t>(i) + 1, text.end(), digit)) {
    return std::nullopt;
  }
  return value + 1;
}

milliseconds until(event::SystemTime then, event::SystemTime now) {
  if (then <= now) return milliseconds(0);
  return std::chrono::ceil<milliseconds>(then - now);
}

std::optional<milliseconds> fromNow(std::string_view text) {
  const auto count = readSeconds(text);
  if (!count) return std::nullopt;
  return seconds(*count);
}

std::optional<milliseconds> fromUnixTime(std::string_view text, event::SystemTime now) {
  const auto count = readSeconds(text);
  if (!count) return std::nullopt;
  const auto since = std::chrono::floor<seconds>(now.time_since_epoch());
  return std::max(seconds(0), seconds(*count) - since);
}

}  // namespace

std::optional<milliseconds> retryAfter(const RetryPolicy& policy, const http::HeaderMap& fields,
                                       event::SystemTime now) {
  for (const RetryPolicy::ResetField& field : policy.reset_fields) {
    const std::string_view text = base::trimOws(fields.get(field.name));
    const auto wait = field.unix_time ? fromUnixTime(text, now) : fromNow(text);
    if (wait) return wait;
  }
  const std::string_view text = base::trimOws(fields.get("retry-after"));
  if (text.empty()) return std::nullopt;
  if (const auto wait = fromNow(text)) return wait;
  const auto date = http::parseHttpDate(text, now);
  return date ? std::optional(until(*date, now)) : std::nullopt;
}

}  // namespace weir::router
