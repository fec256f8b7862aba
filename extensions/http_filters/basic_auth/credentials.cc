#include "extensions/http_filters/basic_auth/credentials.h"

#include "extensions/http_filters/common/access/base64url.h"
#include "source/http/semantics.h"

namespace weir::extensions::http_filters::basic_auth {
namespace {

constexpr size_t kMaxEncodedBytes = 4096;

}  // namespace

std::optional<Credentials> parseCredentials(std::string_view encoded) {
  if (encoded.size() > kMaxEncodedBytes) return std::nullopt;
  auto text = decodeBase64(encoded);
  if (!text) return std::nullopt;
  const size_t colon = text->find(':');
  if (colon == std::string::npos) return std::nullopt;
  Credentials credentials{.user = text->substr(0, colon), .password = text->substr(colon + 1)};
  if (credentials.user.empty() || !http::isFieldValue(credentials.user)) return std::nullopt;
  return credentials;
}

}  // namespace weir::extensions::http_filters::basic_auth
