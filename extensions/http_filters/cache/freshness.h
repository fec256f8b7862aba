#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "extensions/http_filters/cache/cache_control.h"
#include "source/event/dispatcher.h"
#include "source/http/header_map.h"

namespace weir::extensions::http_filters::cache {

using event::SystemTime;

// How long responses are fresh where they do not say, or whatever they say. Value.
struct FreshnessRules {
  std::optional<Seconds> override_ttl;  // instead of all that a storable response says
  Seconds default_ttl{0};               // where a response says nothing; 0: such are not stored
  Seconds min_ttl{0};
  Seconds max_ttl = CacheControl::kMost;
  uint32_t heuristic_percent = 10;  // of the time since Last-Modified (RFC 9111 4.2.2); 0: never
  Seconds heuristic_most{std::chrono::hours(24)};
  // Where the response does not say; it may still forbid it.
  Seconds stale_while_revalidate{0};
  Seconds stale_if_error{0};
};

// The times of a response, as RFC 9111 4.2 reckons with them. Value.
struct Freshness {
  SystemTime response_time;  // when it came
  Seconds initial_age{0};    // corrected_initial_age (4.2.3)
  Seconds lifetime{0};       // freshness_lifetime (4.2.1)
  Seconds while_revalidate{0};
  Seconds if_error{0};
  bool explicit_lifetime = false;  // the response, or a rule, says so
  bool heuristic = false;
  bool must_revalidate = false;  // must not be used stale, whoever asks (5.2.2.2, .8, .10)
  bool no_cache = false;         // must not be used without validation
  bool told_age = false;         // another cache has had it before (5.1)

  // current_age (4.2.3). Clocks that went back count as not having moved.
  Seconds age(SystemTime now) const;
  bool fresh(SystemTime now) const { return !no_cache && lifetime > age(now); }
  // Negative when stale.
  Seconds left(SystemTime now) const { return lifetime - age(now); }
  // Stale, but it may be used while it is validated, or as long as that fails.
  bool usableWhileRevalidating(SystemTime now) const;
  bool usableOnError(SystemTime now) const;
};

// `request_time`: when the request was sent on.
Freshness readFreshness(const http::HeaderMap& response, const CacheControl& control,
                        uint16_t status, SystemTime request_time, SystemTime response_time,
                        const FreshnessRules& rules);

// May a stored response be used for a request with these directives, or must it be validated?
// (RFC 9111 4.2.4, 5.2.1)
enum class Use : uint8_t {
  kFresh,              // as it is
  kStaleAllowed,       // stale, but the client takes that (max-stale)
  kWhileRevalidating,  // stale, while it is validated in the background
  kValidate,           // only when validated
};
Use usable(const Freshness& stored, const CacheControl& request, SystemTime now);

// Status codes that may be stored without being told how long they are fresh (RFC 9110 15.1).
bool cacheableByDefault(uint16_t status);

}  // namespace weir::extensions::http_filters::cache
