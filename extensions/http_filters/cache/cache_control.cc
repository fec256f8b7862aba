#include "extensions/http_filters/cache/cache_control.h"

#include <algorithm>

#include "source/base/ascii.h"

namespace weir::extensions::http_filters::cache {
namespace {

using base::equalsIgnoreCase;

// The argument of a directive, without its quotes. What a quoted string escapes stays as it is:
// no argument that counts has such.
std::string_view unquoted(std::string_view argument) {
  if (argument.size() >= 2 && argument.front() == '"' && argument.back() == '"') {
    return argument.substr(1, argument.size() - 2);
  }
  return argument;
}

// Of several the least; what is no number is 0: whoever meant something meant it to end.
void takeLeast(std::optional<Seconds>& to, std::string_view argument) {
  const Seconds said = readDeltaSeconds(unquoted(argument)).value_or(Seconds(0));
  to = to ? std::min(*to, said) : said;
}

struct Directive {
  std::string_view name;
  std::string_view argument;
  bool has_argument = false;
};

Directive splitDirective(std::string_view element) {
  const size_t equals = element.find('=');
  if (equals == std::string_view::npos) return {element, {}, false};
  return {base::trimOws(element.substr(0, equals)), base::trimOws(element.substr(equals + 1)),
          true};
}

struct Flag {
  std::string_view name;
  bool CacheControl::*member;
};
constexpr Flag kFlags[] = {
    {"no-cache", &CacheControl::no_cache},
    {"no-store", &CacheControl::no_store},
    {"no-transform", &CacheControl::no_transform},
    {"only-if-cached", &CacheControl::only_if_cached},
    {"private", &CacheControl::is_private},
    {"public", &CacheControl::is_public},
    {"must-revalidate", &CacheControl::must_revalidate},
    {"proxy-revalidate", &CacheControl::proxy_revalidate},
    {"must-understand", &CacheControl::must_understand},
    {"immutable", &CacheControl::immutable},
};

struct Time {
  std::string_view name;
  std::optional<Seconds> CacheControl::*member;
};
constexpr Time kTimes[] = {
    {"max-age", &CacheControl::max_age},
    {"s-maxage", &CacheControl::s_maxage},
    {"min-fresh", &CacheControl::min_fresh},
    {"stale-while-revalidate", &CacheControl::stale_while_revalidate},
    {"stale-if-error", &CacheControl::stale_if_error},
};

void read(const Directive& directive, CacheControl& to) {
  for (const Time& time : kTimes) {
    if (!equalsIgnoreCase(directive.name, time.name)) continue;
    return takeLeast(to.*time.member, directive.argument);
  }
  for (const Flag& flag : kFlags) {
    if (!equalsIgnoreCase(directive.name, flag.name)) continue;
    to.*flag.member = true;
    return;
  }
  if (!equalsIgnoreCase(directive.name, "max-stale")) return;
  if (directive.has_argument) return takeLeast(to.max_stale, directive.argument);
  if (!to.max_stale) to.max_stale = CacheControl::kMost;
}

}  // namespace

std::optional<Seconds> readDeltaSeconds(std::string_view text) {
  if (text.empty()) return std::nullopt;
  int64_t value = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    value = std::min<int64_t>(value * 10 + (c - '0'), CacheControl::kMost.count());
  }
  return Seconds(value);
}

bool nextListElement(std::string_view& list, std::string_view& element) {
  while (!list.empty()) {
    size_t end = 0;
    bool quoted = false;
    for (; end < list.size() && (quoted || list[end] != ','); ++end) {
      if (quoted && list[end] == '\\') {
        ++end;
      } else if (list[end] == '"') {
        quoted = !quoted;
      }
    }
    end = std::min(end, list.size());
    element = base::trimOws(list.substr(0, end));
    list.remove_prefix(std::min(end + 1, list.size()));
    if (!element.empty()) return true;
  }
  return false;
}

CacheControl readCacheControl(const http::HeaderMap& fields) {
  CacheControl control;
  fields.forEach(http::HeaderId::kCacheControl, [&control](const http::HeaderMap::Field& field) {
    control.present = true;
    std::string_view list = field.value;
    std::string_view element;
    while (nextListElement(list, element)) read(splitDirective(element), control);
  });
  return control;
}

}  // namespace weir::extensions::http_filters::cache
