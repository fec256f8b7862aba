#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "source/http/message.h"

namespace weir::extensions::http_filters {

// What follows `prefix` (in any case) in the first field of that name that begins with it; spaces
// around it do not count. Nullopt: there is none. A view into the map.
std::optional<std::string_view> findCredential(const http::HeaderMap& headers,
                                               std::string_view name, std::string_view prefix);
// Takes off all fields of that name that begin with `prefix`.
void stripCredential(http::HeaderMap& headers, std::string_view name, std::string_view prefix);

// Takes all parameters of that name (plain text) out of the query.
void stripQueryParameter(http::RequestHead& head, std::string_view name);
// Takes all cookies of that name off; a Cookie field without any goes.
void stripCookie(http::HeaderMap& headers, std::string_view name);

// Where a credential may be. Value.
struct CredentialPlace {
  enum class Kind : uint8_t { kHeader, kQuery, kCookie };
  Kind kind = Kind::kHeader;
  std::string name = "authorization";  // of a field: in lower case
  std::string prefix = "Bearer ";      // of a field's value, whatever its case

  // What is there; nullopt: nothing. A view into the head; of a query it is as it came, encoded.
  std::optional<std::string_view> find(const http::RequestHead& head) const;
  // Takes off what find() finds.
  void strip(http::RequestHead& head) const;
};

}  // namespace weir::extensions::http_filters
