#include "source/router/redirect.h"

#include <algorithm>
#include <array>
#include <cstring>

#include "source/http/semantics.h"

namespace weir::router {

namespace {

std::string_view defaultPort(std::string_view scheme) {
  if (scheme == "http") return ":80";
  if (scheme == "https") return ":443";
  return {};
}

std::string_view hostOf(const RedirectAction& action, const http::RequestHead& head) {
  if (action.host) return *action.host;
  std::string_view host = head.authority;
  const std::string_view port = defaultPort(head.scheme);
  if (action.scheme && *action.scheme != head.scheme && !port.empty() && host.ends_with(port)) {
    host.remove_suffix(port.size());
  }
  return host;
}

}  // namespace

std::string_view redirectLocation(const RedirectAction& action, const http::RequestHead& head,
                                  base::Arena& arena) {
  std::string_view path = head.pathWithoutQuery();
  std::string_view query = head.path.substr(path.size());
  if (!path.starts_with('/')) path = "/";  // "*", or none at all
  if (action.path) path = *action.path;
  if (action.strip_query || !query.starts_with('?')) query = {};
  // A replacement with a query of its own takes the request's behind it.
  std::string_view mark;
  if (!query.empty() && path.find('?') != std::string_view::npos) {
    query.remove_prefix(1);
    mark = "&";
  }
  const std::array<std::string_view, 6> parts = {
      action.scheme ? std::string_view(*action.scheme) : head.scheme,
      "://",
      hostOf(action, head),
      path,
      mark,
      query};
  size_t size = 0;
  for (std::string_view part : parts) size += part.size();
  char* const text = static_cast<char*>(arena.allocate(size, 1));
  char* end = text;
  for (std::string_view part : parts) end = std::copy(part.begin(), part.end(), end);
  const std::string_view location(text, size);
  return http::isFieldValue(location) ? location : std::string_view();
}

}  // namespace weir::router
