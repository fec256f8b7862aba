#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace weir::extensions::http_filters::basic_auth {

// What a client says it is. Value.
struct Credentials {
  std::string user;
  std::string password;
};
// Of the field Authorization (RFC 7617 2); nullopt: it is malformed.
std::optional<Credentials> parseCredentials(std::string_view encoded);

}  // namespace weir::extensions::http_filters::basic_auth
