#pragma once

#include <memory>

#include "extensions/http_filters/jwt_auth/jwks.h"
#include "source/http/metadata.h"

namespace weir::extensions::http_filters::jwt_auth {

// The key of a JWK (RFC 7517 4, RFC 7518 6, RFC 8037 2). Null: it is none that verifies signatures,
// is malformed, or too weak. Private parts are not looked at.
std::unique_ptr<const VerificationKey> readKey(const http::MetadataValue& jwk);

}  // namespace weir::extensions::http_filters::jwt_auth
