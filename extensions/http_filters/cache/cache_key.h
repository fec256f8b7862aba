#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "source/http/message.h"

namespace weir::extensions::http_filters::cache {

// What of a request makes it another one. Value.
struct KeyRules {
  bool ignore_scheme = false;
  bool ignore_authority = false;
  bool ignore_query = false;                         // all of it
  std::vector<std::string> ignored_parameters = {};  // sorted; a trailing "*" stands for any rest
  std::vector<std::string> only_parameters = {};     // sorted; empty: all that are not ignored
  bool sort_parameters = false;
  // Beside the URL, and what the response says it varies by.
  std::vector<std::string> headers = {};  // lower case
  std::vector<std::string> cookies = {};
};

// "https://shop.example/list?page=2": the effective URI (RFC 9111 2) as far as it counts, scheme
// and authority in lower case, default ports left out. Appends to `to`.
void appendUrlKey(const http::RequestHead& head, const KeyRules& rules, std::string& to);
// The same of a URL that is not of a request: what a Location names, or purging does. `scheme` and
// `authority` may be empty.
void appendUrlKey(std::string_view scheme, std::string_view authority, std::string_view path,
                  const KeyRules& rules, std::string& to);
// The headers and cookies that count. Appends to `to`.
void appendExtraKey(const http::RequestHead& head, const KeyRules& rules, std::string& to);

// A URL's parts; false: it is not an absolute one of HTTP.
struct UrlParts {
  std::string_view scheme;
  std::string_view authority;
  std::string_view path;  // with its query; empty is "/"
};
bool splitUrl(std::string_view url, UrlParts& parts);

// "http://h/p" of a key as it stands in the store; its host without port.
std::string_view hostOfKey(std::string_view key);

}  // namespace weir::extensions::http_filters::cache
