#include "extensions/http_filters/common/access/credentials.h"

#include <algorithm>
#include <string>

#include "source/base/ascii.h"
#include "source/http/cookies.h"
#include "source/http/query.h"

namespace weir::extensions::http_filters {
namespace {

bool isIt(const http::HeaderMap::Field& field, std::string_view name, std::string_view prefix) {
  return !field.removed && base::equalsIgnoreCase(field.name, name) &&
         base::startsWithIgnoreCase(field.value, prefix);
}

bool isNamed(std::string_view parameter, std::string_view name) {
  http::PercentDecoder decoder(parameter.substr(0, parameter.find('=')));
  for (const char c : name) {
    if (decoder.done() || decoder.next() != c) return false;
  }
  return decoder.done();
}

// `text` without the pieces for which `drop` holds; pieces are separated by `separator`.
template <class Drop>
std::string without(std::string_view text, char separator, Drop drop) {
  std::string kept;
  bool first = true;
  for (bool more = true; more;) {
    const size_t end = std::min(text.find(separator), text.size());
    const std::string_view piece = text.substr(0, end);
    more = end < text.size();
    text.remove_prefix(std::min(end + 1, text.size()));
    if (drop(piece)) continue;
    if (!first) kept.push_back(separator);
    first = false;
    kept.append(piece);
  }
  return kept;
}

}  // namespace

std::optional<std::string_view> findCredential(const http::HeaderMap& headers,
                                               std::string_view name, std::string_view prefix) {
  for (const http::HeaderMap::Field& field : headers.fields()) {
    if (!isIt(field, name, prefix)) continue;
    return base::trimOws(field.value.substr(prefix.size()));
  }
  return std::nullopt;
}

void stripCredential(http::HeaderMap& headers, std::string_view name, std::string_view prefix) {
  headers.removeIf([&](const http::HeaderMap::Field& field) { return isIt(field, name, prefix); });
}

void stripQueryParameter(http::RequestHead& head, std::string_view name) {
  const std::string_view path = head.pathWithoutQuery();
  if (path.size() == head.path.size() || head.path[path.size()] != '?') return;
  const std::string kept = without(head.path.substr(path.size() + 1), '&',
                                   [&](std::string_view piece) { return isNamed(piece, name); });
  std::string target(path);
  if (!kept.empty()) target.append("?").append(kept);
  head.path = head.arena.copy(target);
}

void stripCookie(http::HeaderMap& headers, std::string_view name) {
  const auto is_it = [name](std::string_view piece) {
    const size_t equals = piece.find('=');
    return equals != piece.npos && base::trimOws(piece.substr(0, equals)) == name;
  };
  std::string kept;
  bool found = false;
  headers.forEach(http::HeaderId::kCookie, [&](const http::HeaderMap::Field& field) {
    const std::string rest = without(field.value, ';', is_it);
    found |= rest.size() != field.value.size();
    const std::string_view trimmed = base::trimOws(rest);
    if (trimmed.empty()) return;
    if (!kept.empty()) kept.append("; ");
    kept.append(trimmed);
  });
  if (!found) return;
  headers.remove(http::HeaderId::kCookie);
  if (!kept.empty()) headers.add(http::HeaderId::kCookie, kept);
}

std::optional<std::string_view> CredentialPlace::find(const http::RequestHead& head) const {
  switch (kind) {
    case Kind::kHeader:
      return findCredential(head.headers, name, prefix);
    case Kind::kQuery:
      return http::queryValue(head.path, name);
    case Kind::kCookie:
      return http::cookieValue(head.headers, name);
  }
  return std::nullopt;
}

void CredentialPlace::strip(http::RequestHead& head) const {
  switch (kind) {
    case Kind::kHeader:
      return stripCredential(head.headers, name, prefix);
    case Kind::kQuery:
      return stripQueryParameter(head, name);
    case Kind::kCookie:
      return stripCookie(head.headers, name);
  }
}

}  // namespace weir::extensions::http_filters
