#include "extensions/http_filters/cache/freshness.h"

#include <algorithm>

#include "source/base/ascii.h"
#include "source/http/http_date.h"

namespace weir::extensions::http_filters::cache {
namespace {

using http::HeaderId;
using std::chrono::duration_cast;

Seconds atLeastZero(SystemTime::duration time) {
  return std::clamp(duration_cast<Seconds>(time), Seconds(0), CacheControl::kMost);
}

// Nothing: not there, or no date.
std::optional<SystemTime> readDate(std::string_view text, SystemTime now) {
  if (text.empty()) return std::nullopt;
  return http::parseHttpDate(text, now);
}

// Of several Age fields, or a list, the first that is a number; what is malformed is ignored.
std::optional<Seconds> readAge(const http::HeaderMap& fields) {
  std::optional<Seconds> age;
  for (const http::HeaderMap::Field& field : fields.fields()) {
    if (field.removed || age || !base::equalsIgnoreCase(field.name, "age")) continue;
    age = readDeltaSeconds(base::trimOws(field.value.substr(0, field.value.find(','))));
  }
  return age;
}

// Expires less Date; what is no date has been (5.3).
std::optional<Seconds> expiresAfter(const http::HeaderMap& fields, SystemTime date,
                                    SystemTime now) {
  if (!fields.has("expires")) return std::nullopt;
  if (fields.count("expires") > 1) {
    // Several that disagree are none that could be trusted.
    std::string_view first = fields.get("expires");
    bool same = true;
    for (const http::HeaderMap::Field& field : fields.fields()) {
      if (field.removed || !base::equalsIgnoreCase(field.name, "expires")) continue;
      same = same && field.value == first;
    }
    if (!same) return Seconds(0);
  }
  const auto expires = readDate(fields.get("expires"), now);
  return expires ? atLeastZero(*expires - date) : Seconds(0);
}

std::optional<Seconds> saidLifetime(const http::HeaderMap& fields, const CacheControl& control,
                                    SystemTime date, SystemTime now) {
  if (control.s_maxage) return control.s_maxage;
  if (control.max_age) return control.max_age;
  return expiresAfter(fields, date, now);
}

std::optional<Seconds> guessedLifetime(const http::HeaderMap& fields, const CacheControl& control,
                                       uint16_t status, SystemTime date, SystemTime now,
                                       const FreshnessRules& rules) {
  if (rules.heuristic_percent == 0) return std::nullopt;
  if (!cacheableByDefault(status) && !control.is_public) return std::nullopt;
  const auto modified = readDate(fields.get(HeaderId::kLastModified), now);
  if (!modified || *modified > date) return std::nullopt;
  const Seconds since = atLeastZero(date - *modified);
  return std::min(Seconds(since.count() * rules.heuristic_percent / 100), rules.heuristic_most);
}

}  // namespace

Seconds Freshness::age(SystemTime now) const {
  return std::min(initial_age + atLeastZero(now - response_time), CacheControl::kMost);
}

bool Freshness::usableWhileRevalidating(SystemTime now) const {
  return !must_revalidate && !no_cache && age(now) < lifetime + while_revalidate;
}

bool Freshness::usableOnError(SystemTime now) const {
  return !must_revalidate && !no_cache && age(now) < lifetime + if_error;
}

Freshness readFreshness(const http::HeaderMap& response, const CacheControl& control,
                        uint16_t status, SystemTime request_time, SystemTime response_time,
                        const FreshnessRules& rules) {
  Freshness to;
  to.response_time = response_time;
  const SystemTime date =
      readDate(response.get(HeaderId::kDate), response_time).value_or(response_time);
  const Seconds apparent = atLeastZero(response_time - date);
  const std::optional<Seconds> told = readAge(response);
  to.told_age = told.has_value();
  const Seconds corrected = told.value_or(Seconds(0)) + atLeastZero(response_time - request_time);
  to.initial_age = std::max(apparent, corrected);

  std::optional<Seconds> lifetime = saidLifetime(response, control, date, response_time);
  to.explicit_lifetime = lifetime.has_value();
  if (!lifetime) {
    lifetime = guessedLifetime(response, control, status, date, response_time, rules);
    to.heuristic = lifetime.has_value();
  }
  if (rules.override_ttl) {
    lifetime = to.initial_age + *rules.override_ttl;
    to.explicit_lifetime = true;
  } else if (!lifetime && rules.default_ttl.count() > 0 && cacheableByDefault(status)) {
    lifetime = to.initial_age + rules.default_ttl;
    to.explicit_lifetime = true;
  }
  to.lifetime = std::clamp(lifetime.value_or(Seconds(0)), rules.min_ttl,
                           std::max(rules.min_ttl, rules.max_ttl));
  to.explicit_lifetime |= rules.min_ttl.count() > 0 && lifetime.has_value();
  // s-maxage says proxy-revalidate too (5.2.2.10).
  to.must_revalidate =
      control.must_revalidate || control.proxy_revalidate || control.s_maxage.has_value();
  to.no_cache = control.no_cache && !rules.override_ttl;
  to.while_revalidate = control.stale_while_revalidate.value_or(rules.stale_while_revalidate);
  to.if_error = control.stale_if_error.value_or(rules.stale_if_error);
  return to;
}

Use usable(const Freshness& stored, const CacheControl& request, SystemTime now) {
  if (stored.no_cache || request.no_cache) return Use::kValidate;
  const Seconds age = stored.age(now);
  const bool young = !request.max_age || age <= *request.max_age;
  const bool long_enough = stored.left(now) >= request.min_fresh.value_or(Seconds(0));
  if (stored.fresh(now)) return young && long_enough ? Use::kFresh : Use::kValidate;
  if (stored.must_revalidate || request.min_fresh) return Use::kValidate;
  const bool taken = request.max_stale && age - stored.lifetime <= *request.max_stale;
  if (taken && young) return Use::kStaleAllowed;
  if (!young) return Use::kValidate;
  return stored.usableWhileRevalidating(now) ? Use::kWhileRevalidating : Use::kValidate;
}

bool cacheableByDefault(uint16_t status) {
  switch (status) {
    case 200:
    case 203:
    case 204:
    case 300:
    case 301:
    case 308:
    case 404:
    case 405:
    case 410:
    case 414:
    case 501:
      return true;
    default:
      return false;
  }
}

}  // namespace weir::extensions::http_filters::cache
