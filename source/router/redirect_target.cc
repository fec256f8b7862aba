#include "source/router/redirect_target.h"

#include <algorithm>
#include <array>

#include "source/base/arena.h"
#include "source/base/ascii.h"
#include "source/http/semantics.h"

namespace weir::router {
namespace {

std::string_view joined(std::string_view a, std::string_view b, base::Arena& arena) {
  char* const text = static_cast<char*>(arena.allocate(a.size() + b.size(), 1));
  std::copy(b.begin(), b.end(), std::copy(a.begin(), a.end(), text));
  return {text, a.size() + b.size()};
}

// "http", "https" or nothing in front of "://"; any other scheme leads nowhere.
bool readScheme(std::string_view& location, std::string_view& scheme) {
  for (const std::string_view known : {std::string_view("http"), std::string_view("https")}) {
    const bool named = base::startsWithIgnoreCase(location, known) &&
                       location.substr(known.size()).starts_with("://");
    if (!named) continue;
    scheme = known;
    location.remove_prefix(known.size() + 1);
    return true;
  }
  const size_t colon = location.find(':');
  return colon == std::string_view::npos || location.find_first_of("/?#") < colon;
}

}  // namespace

bool resolveReference(std::string_view location, http::RequestHead& head, RedirectTarget& target) {
  base::Arena& arena = head.arena;
  target = {head.scheme, head.authority, {}};
  location = base::trimOws(location.substr(0, location.find('#')));
  if (!readScheme(location, target.scheme)) return false;
  if (location.starts_with("//")) {
    location.remove_prefix(2);
    target.authority = location.substr(0, location.find_first_of("/?"));
    location.remove_prefix(target.authority.size());
    if (!http::isAuthority(target.authority)) return false;
    target.authority = arena.copy(target.authority);
    target.path = joined(location.starts_with('/') ? "" : "/", location, arena);
  } else if (location.starts_with('/')) {
    target.path = arena.copy(location);
  } else {
    const std::string_view base = head.pathWithoutQuery();
    const bool query_only = location.empty() || location.starts_with('?');
    const std::string_view folder = query_only ? base : base.substr(0, base.rfind('/') + 1);
    target.path = joined(folder, location, arena);
  }
  return target.path.starts_with('/') && http::isTarget(target.path);
}

}  // namespace weir::router
