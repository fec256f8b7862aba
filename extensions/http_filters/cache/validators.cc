#include "extensions/http_filters/cache/validators.h"

#include <chrono>

#include "extensions/http_filters/cache/cache_control.h"
#include "source/base/ascii.h"
#include "source/http/http_date.h"

namespace weir::extensions::http_filters::cache {
namespace {

using http::HeaderId;

bool isWeak(std::string_view tag) {
  return tag.starts_with("W/");
}
std::string_view opaque(std::string_view tag) {
  return isWeak(tag) ? tag.substr(2) : tag;
}

bool isTag(std::string_view tag) {
  const std::string_view inside = opaque(tag);
  return inside.size() >= 2 && inside.front() == '"' && inside.back() == '"';
}

}  // namespace

Validators readValidators(const http::HeaderMap& response, event::SystemTime now) {
  Validators to;
  to.etag = response.get(HeaderId::kETag);
  to.last_modified = response.get(HeaderId::kLastModified);
  if (!to.last_modified.empty()) to.modified = http::parseHttpDate(to.last_modified, now);
  if (!to.modified) to.last_modified = {};
  return to;
}

bool sameWeakly(std::string_view a, std::string_view b) {
  return !a.empty() && opaque(a) == opaque(b);
}

bool sameStrongly(std::string_view a, std::string_view b) {
  return !a.empty() && a == b && !isWeak(a);
}

bool notModified(const http::HeaderMap& request, const Validators& stored, event::SystemTime now) {
  if (request.has(HeaderId::kIfNoneMatch)) {
    bool matches = false;
    request.forEach(HeaderId::kIfNoneMatch, [&](const http::HeaderMap::Field& field) {
      std::string_view list = field.value;
      std::string_view tag;
      while (nextListElement(list, tag)) matches |= tag == "*" || sameWeakly(tag, stored.etag);
    });
    return matches;  // If-Modified-Since does not count then
  }
  if (request.count(HeaderId::kIfModifiedSince) != 1 || !stored.modified) return false;
  const auto since = http::parseHttpDate(request.get(HeaderId::kIfModifiedSince), now);
  return since && *stored.modified <= *since;
}

bool rangeHolds(const http::HeaderMap& request, const Validators& stored, event::SystemTime date,
                event::SystemTime now) {
  if (!request.has("if-range")) return true;
  const std::string_view condition = base::trimOws(request.get("if-range"));
  if (isTag(condition)) return sameStrongly(condition, stored.etag);
  // A date is strong only when what it dates was long made (RFC 9110 8.8.2.2).
  if (condition != stored.last_modified || !stored.modified) return false;
  const auto said = http::parseHttpDate(condition, now);
  return said && *said == *stored.modified && date - *said >= std::chrono::seconds(1);
}

bool hasPreconditionForOrigin(const http::HeaderMap& request) {
  return request.has("if-match") || request.has("if-unmodified-since");
}

}  // namespace weir::extensions::http_filters::cache
