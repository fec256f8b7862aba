#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "extensions/http_filters/jwt_auth/algorithm.h"
#include "extensions/http_filters/jwt_auth/jwks.h"
#include "source/base/arena.h"
#include "source/http/metadata.h"

namespace weir::extensions::http_filters::jwt_auth {

// What came of looking at a token.
enum class Outcome : uint8_t {
  kGood,
  kMissing,
  kMalformed,
  kAlgorithmNotAllowed,
  kUnknownKey,
  kBadSignature,
  kExpired,
  kNotYetValid,
  kNoExpiration,
  kLifetimeTooLong,
  kWrongIssuer,
  kWrongAudience,
  kKeysUnavailable,
  kCount,
};
// Static text for the log: "jwt_expired".
std::string_view detailOf(Outcome outcome);
// What the client is told: "the token has expired".
std::string_view explanationOf(Outcome outcome);

// A token in JWS compact form (RFC 7515 7.1), read but not believed. Value, but for the arena;
// views are into it.
class Token {
 public:
  static constexpr size_t kMaxBytes = 16 * 1024;

  // Null: it is malformed, or says "crit" of something (RFC 7515 4.1.11): nothing beyond the RFC is
  // understood here.
  static std::shared_ptr<const Token> parse(std::string_view text);

  std::optional<Algorithm> algorithm() const { return algorithm_; }  // none: an unknown one
  std::string_view keyId() const { return key_id_; }
  std::string_view signedText() const { return signed_text_; }
  std::string_view signature() const { return signature_; }
  const http::MetadataValue& claims() const { return claims_; }
  std::string_view payload() const { return payload_; }  // still encoded

 private:
  base::Arena arena_{1024};
  std::optional<Algorithm> algorithm_;
  std::string_view key_id_;
  std::string_view signed_text_;
  std::string_view payload_;
  std::string signature_;
  http::MetadataValue claims_;
};

// What the claims of a token must say (RFC 7519 4.1). Value.
struct ClaimRules {
  std::string issuer = {};                  // empty: any
  std::vector<std::string> audiences = {};  // one of them; empty: any
  std::chrono::seconds leeway{60};
  std::chrono::seconds max_lifetime{0};  // from iat (or nbf) to exp; 0: any
  bool requires_expiration = true;

  Outcome check(const http::MetadataValue& claims, std::chrono::system_clock::time_point now) const;
};

// Whether `token` is signed by one of `keys` with an algorithm among `allowed`.
Outcome checkSignature(const Token& token, const Jwks& keys, const AlgorithmSet& allowed);

}  // namespace weir::extensions::http_filters::jwt_auth
