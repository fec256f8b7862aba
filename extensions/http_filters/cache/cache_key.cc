#include "extensions/http_filters/cache/cache_key.h"

#include <algorithm>

#include "source/base/ascii.h"
#include "source/http/cookies.h"

namespace weir::extensions::http_filters::cache {
namespace {

bool matches(const std::vector<std::string>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(), [name](const std::string& known) {
    if (known.ends_with('*'))
      return name.starts_with(std::string_view(known).substr(0, known.size() - 1));
    return known == name;
  });
}

bool counts(std::string_view parameter, const KeyRules& rules) {
  const std::string_view name = parameter.substr(0, parameter.find('='));
  if (!rules.only_parameters.empty()) return matches(rules.only_parameters, name);
  return !matches(rules.ignored_parameters, name);
}

void appendQuery(std::string_view query, const KeyRules& rules, std::string& to) {
  if (rules.ignore_query || query.empty()) return;
  const bool as_it_is =
      rules.only_parameters.empty() && rules.ignored_parameters.empty() && !rules.sort_parameters;
  if (as_it_is) {
    to.push_back('?');
    to.append(query);
    return;
  }
  std::vector<std::string_view> kept;
  while (!query.empty()) {
    const size_t end = std::min(query.find('&'), query.size());
    const std::string_view parameter = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    if (!parameter.empty() && counts(parameter, rules)) kept.push_back(parameter);
  }
  if (rules.sort_parameters) std::stable_sort(kept.begin(), kept.end());
  char before = '?';
  for (const std::string_view parameter : kept) {
    to.push_back(before);
    to.append(parameter);
    before = '&';
  }
}

void appendLowered(std::string_view text, std::string& to) {
  const size_t at = to.size();
  to.append(text);
  base::lowerInPlace({to.data() + at, text.size()});
}

std::string_view withoutDefaultPort(std::string_view scheme, std::string_view authority) {
  const std::string_view port = base::equalsIgnoreCase(scheme, "https") ? ":443" : ":80";
  if (authority.ends_with(port)) authority.remove_suffix(port.size());
  return authority;
}

}  // namespace

void appendUrlKey(std::string_view scheme, std::string_view authority, std::string_view path,
                  const KeyRules& rules, std::string& to) {
  if (!rules.ignore_scheme) appendLowered(scheme, to);
  to.append("://");
  if (!rules.ignore_authority) appendLowered(withoutDefaultPort(scheme, authority), to);
  path = path.substr(0, path.find('#'));
  const size_t question = std::min(path.find('?'), path.size());
  const std::string_view before = path.substr(0, question);
  before.empty() ? to.push_back('/') : void(to.append(before));
  appendQuery(path.substr(std::min(question + 1, path.size())), rules, to);
}

void appendUrlKey(const http::RequestHead& head, const KeyRules& rules, std::string& to) {
  appendUrlKey(head.scheme, head.authority, head.path, rules, to);
}

void appendExtraKey(const http::RequestHead& head, const KeyRules& rules, std::string& to) {
  for (const std::string& name : rules.headers) {
    head.headers.forEach([&](const http::HeaderMap::Field& field) {
      if (base::equalsIgnoreCase(field.name, name)) to.append(field.value).push_back(',');
    });
    to.push_back('\n');
  }
  for (const std::string& name : rules.cookies) {
    to.append(http::cookieValue(head.headers, name).value_or("")).push_back('\n');
  }
}

bool splitUrl(std::string_view url, UrlParts& parts) {
  const size_t colon = url.find("://");
  if (colon == std::string_view::npos) return false;
  parts.scheme = url.substr(0, colon);
  const bool known =
      base::equalsIgnoreCase(parts.scheme, "http") || base::equalsIgnoreCase(parts.scheme, "https");
  if (!known) return false;
  const std::string_view rest = url.substr(colon + 3);
  const size_t slash = std::min(rest.find_first_of("/?#"), rest.size());
  parts.authority = rest.substr(0, slash);
  parts.path = rest.substr(slash);
  return !parts.authority.empty();
}

std::string_view hostOfKey(std::string_view key) {
  const size_t colon = key.find("://");
  if (colon == std::string_view::npos) return {};
  const std::string_view rest = key.substr(colon + 3);
  const std::string_view authority = rest.substr(0, rest.find('/'));
  if (authority.starts_with('[')) return authority.substr(0, authority.find(']') + 1);
  return authority.substr(0, authority.find(':'));
}

}  // namespace weir::extensions::http_filters::cache
