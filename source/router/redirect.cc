#include "source/router/redirect.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "source/http/semantics.h"
#include "source/router/path_rewriter.h"

namespace weir::router {

namespace {

std::string_view defaultPort(std::string_view scheme) {
  if (scheme == "http") return ":80";
  if (scheme == "https") return ":443";
  return {};
}

// Where the port begins; the size when there is none.
size_t portBegins(std::string_view host) {
  const size_t bracket = host.rfind(']');
  const size_t colon = host.find(':', bracket == std::string_view::npos ? 0 : bracket);
  return std::min(colon, host.size());
}

// "host" or "host:port"; `digits` has room for a port.
std::array<std::string_view, 2> hostOf(const RedirectAction& action, const http::RequestHead& head,
                                       std::array<char, 6>& digits) {
  std::string_view host = action.host ? std::string_view(*action.host) : head.authority;
  if (action.port != 0) {
    digits[0] = ':';
    const auto end = std::to_chars(digits.data() + 1, digits.data() + digits.size(), action.port);
    const std::string_view port(digits.data(), static_cast<size_t>(end.ptr - digits.data()));
    const bool usual = port == defaultPort(action.scheme ? *action.scheme : head.scheme);
    return {host.substr(0, portBegins(host)), usual ? std::string_view() : port};
  }
  if (action.host) return {host, {}};
  const std::string_view port = defaultPort(head.scheme);
  if (action.scheme && *action.scheme != head.scheme && !port.empty() && host.ends_with(port)) {
    host.remove_suffix(port.size());
  }
  return {host, {}};
}

}  // namespace

std::string_view redirectLocation(const RedirectAction& action, const http::RequestHead& head,
                                  base::Arena& arena) {
  std::string_view path = head.pathWithoutQuery();
  std::string_view query = head.path.substr(path.size());
  if (!path.starts_with('/')) path = "/";  // "*", or none at all
  if (action.path) path = *action.path;
  if (action.rewrite != nullptr && head.path.starts_with('/')) {
    path = rewriteTarget(*action.rewrite, path, head.path, arena);
    if (path.empty()) return {};
  }
  if (action.strip_query || !query.starts_with('?')) query = {};
  // A replacement with a query of its own takes the request's behind it.
  std::string_view mark;
  if (!query.empty() && path.find('?') != std::string_view::npos) {
    query.remove_prefix(1);
    mark = "&";
  }
  if (action.query) {
    mark = path.find('?') == std::string_view::npos ? "?" : "&";
    query = *action.query;
  }
  std::array<char, 6> digits;
  const auto [host, port] = hostOf(action, head, digits);
  const std::array<std::string_view, 7> parts = {
      action.scheme ? std::string_view(*action.scheme) : head.scheme,
      "://",
      host,
      port,
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
