#include "extensions/http_filters/static_files/conditions.h"

#include "source/base/ascii.h"
#include "source/http/http_date.h"

namespace weir::extensions::http_filters::static_files {
namespace {

using http::HeaderId;
using http::HeaderMap;

// Takes the first entity tag off `list`; false at its end, or where it is malformed.
bool takeTag(std::string_view& list, std::string_view& tag) {
  while (!list.empty() && (list.front() == ',' || list.front() == ' ' || list.front() == '\t')) {
    list.remove_prefix(1);
  }
  const size_t open = list.starts_with("W/") ? 2 : 0;
  if (list.size() <= open || list[open] != '"') return false;
  const size_t close = list.find('"', open + 1);
  if (close == std::string_view::npos) return false;
  tag = list.substr(0, close + 1);
  list.remove_prefix(close + 1);
  return true;
}

// `own` is strong. Weakly, W/"a" is "a".
bool matches(std::string_view tag, std::string_view own, bool weakly) {
  if (weakly && tag.starts_with("W/")) tag.remove_prefix(2);
  return tag == own;
}

bool anyMatches(const HeaderMap& request, std::string_view name, std::string_view own,
                bool weakly) {
  bool found = false;
  request.forEach([&](const HeaderMap::Field& field) {
    if (!base::equalsIgnoreCase(field.name, name)) return;
    std::string_view list = base::trimOws(field.value);
    found |= list == "*";
    std::string_view tag;
    while (!found && takeTag(list, tag)) found = matches(tag, own, weakly);
  });
  return found;
}

}  // namespace

uint16_t evaluateConditions(const HeaderMap& request, const Validators& file,
                            event::SystemTime now) {
  if (request.has("if-match")) {
    if (!anyMatches(request, "if-match", file.etag, /*weakly=*/false)) return 412;
  } else if (const auto since = http::parseHttpDate(request.get("if-unmodified-since"), now)) {
    if (file.modified > *since) return 412;
  }
  if (request.has(HeaderId::kIfNoneMatch)) {
    return anyMatches(request, "if-none-match", file.etag, /*weakly=*/true) ? 304 : 200;
  }
  const auto since = http::parseHttpDate(request.get(HeaderId::kIfModifiedSince), now);
  return since && file.modified <= *since ? 304 : 200;
}

bool rangeApplies(const HeaderMap& request, const Validators& file, event::SystemTime now) {
  if (!request.has("if-range")) return true;
  const std::string_view value = base::trimOws(request.get("if-range"));
  if (value.starts_with('"') || value.starts_with("W/")) return value == file.etag;
  const auto date = http::parseHttpDate(value, now);
  // A date is a strong validator only when it is well past (8.8.2.2).
  return date && *date == file.modified && now - file.modified >= std::chrono::seconds(60);
}

}  // namespace weir::extensions::http_filters::static_files
