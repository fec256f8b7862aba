#include "source/http/cookies.h"

#include "source/base/ascii.h"

namespace weir::http {
namespace {

std::string_view unquoted(std::string_view value) {
  const bool quoted = value.size() >= 2 && value.front() == '"' && value.back() == '"';
  return quoted ? value.substr(1, value.size() - 2) : value;
}

std::optional<std::string_view> find(std::string_view field, std::string_view name) {
  while (!field.empty()) {
    const size_t end = field.find(';');
    const std::string_view pair = base::trimOws(field.substr(0, end));
    field = end == std::string_view::npos ? std::string_view() : field.substr(end + 1);
    const size_t equals = pair.find('=');
    if (equals == std::string_view::npos || base::trimOws(pair.substr(0, equals)) != name) continue;
    return unquoted(base::trimOws(pair.substr(equals + 1)));
  }
  return std::nullopt;
}

}  // namespace

std::optional<std::string_view> cookieValue(const HeaderMap& headers, std::string_view name) {
  std::optional<std::string_view> value;
  headers.forEach(HeaderId::kCookie, [&](const HeaderMap::Field& field) {
    if (!value) value = find(field.value, name);
  });
  return value;
}

}  // namespace weir::http
