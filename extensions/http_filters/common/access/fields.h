#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "extensions/http_filters/common/access/credentials.h"
#include "extensions/http_filters/common/access/file_reload.h"
#include "source/config/extensions.h"
#include "source/config/fields.h"
#include "source/network/address.h"

namespace weir::extensions::http_filters {

// The filter's label in statistics.
std::string filterLabel(const std::string& stat_prefix, const config::CompileContext& context);

// Each element of the repeated field `field` of `at` read as a prefix.
template <class Texts>
std::vector<network::Prefix> readPrefixes(const Texts& from, const config::Cursor& at,
                                          std::string_view field);
network::Prefix readPrefix(const std::string& text, const config::Cursor& at);

// Reports a field that only the filter's own settings may have.
void refuseInRoute(bool given, const config::Cursor& at);

// A field name of HTTP, in lower case, that may be given to a request: no pseudo-field and none
// that frames a message or belongs to a connection. Empty passes.
std::string readFieldName(const std::string& name, const config::Cursor& at);

// 0 stands for `fallback`; else 400 to 599.
uint16_t readErrorStatus(uint32_t status, uint16_t fallback, const config::Cursor& at);

// Runs `load` now and, when it reads files, whenever these change. What is wrong is reported at
// `at`; false then.
bool loadFiles(FileReload::Options options, const config::Cursor& at,
               config::CompileContext& context);

// A place of a message with `header { name prefix }`, `query` and `cookie`.
template <class Place>
CredentialPlace readPlace(const Place& from, const config::Cursor& at) {
  CredentialPlace to;
  switch (from.place_case()) {
    case Place::kHeader: {
      const config::Cursor header = at.field("header");
      config::require(from.header().name(), header.field("name"), "name the field");
      to.name = readFieldName(from.header().name(), header.field("name"));
      if (to.name != "authorization") to.prefix.clear();
      if (from.header().has_prefix()) to.prefix = from.header().prefix();
      return to;
    }
    case Place::kQuery:
      to = {.kind = CredentialPlace::Kind::kQuery, .name = from.query(), .prefix = {}};
      config::require(to.name, at.field("query"), "name the parameter");
      return to;
    case Place::kCookie:
      to = {.kind = CredentialPlace::Kind::kCookie, .name = from.cookie(), .prefix = {}};
      config::require(to.name, at.field("cookie"), "name the cookie");
      return to;
    case Place::PLACE_NOT_SET:
      break;
  }
  at.error("is no place", "give it `header`, `query` or `cookie`");
  return to;
}

// Text that stands in quotes in WWW-Authenticate; empty stands for `fallback`.
std::string readRealm(const std::string& realm, std::string_view fallback,
                      const config::Cursor& at);

template <class Texts>
std::vector<network::Prefix> readPrefixes(const Texts& from, const config::Cursor& at,
                                          std::string_view field) {
  std::vector<network::Prefix> to;
  for (int i = 0; i < from.size(); ++i) to.push_back(readPrefix(from.Get(i), at.at(field, i)));
  return to;
}

}  // namespace weir::extensions::http_filters
