#pragma once

#include <openssl/curve25519.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "extensions/http_filters/common/access/base64url.h"
#include "source/base/concat.h"

// Tokens for tests, signed here.
namespace weir::extensions::http_filters::jwt_auth {

inline constexpr std::string_view kSecret = "a secret of thirty-two bytes !!!";

inline const uint8_t* bytesOf(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

inline std::string signHs256(std::string_view claims, std::string_view secret = kSecret) {
  const std::string text =
      encodeBase64Url(R"({"alg":"HS256","kid":"secret"})") + "." + encodeBase64Url(claims);
  uint8_t mac[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  HMAC(EVP_sha256(), secret.data(), secret.size(), bytesOf(text), text.size(), mac, &size);
  return text + "." + encodeBase64Url({reinterpret_cast<const char*>(mac), size});
}
inline std::string secretJwks(std::string_view secret = kSecret) {
  return base::concat(R"({"keys":[{"kty":"oct","kid":"secret","k":")", encodeBase64Url(secret),
                      "\"}]}");
}

// An Ed25519 key made of a number. Value.
struct EdKey {
  explicit EdKey(uint8_t seed, std::string_view key_id) : id(key_id) {
    uint8_t bytes[32];
    for (uint8_t& byte : bytes) byte = seed;
    ED25519_keypair_from_seed(public_key, private_key, bytes);
  }
  std::string sign(std::string_view claims) const {
    const std::string text = encodeBase64Url(base::concat(R"({"alg":"EdDSA","kid":")", id, "\"}")) +
                             "." + encodeBase64Url(claims);
    uint8_t signature[64];
    ED25519_sign(signature, bytesOf(text), text.size(), private_key);
    return text + "." + encodeBase64Url({reinterpret_cast<const char*>(signature), 64});
  }
  std::string jwk() const {
    return base::concat(R"({"kty":"OKP","crv":"Ed25519","kid":")", id, R"(","x":")",
                        encodeBase64Url({reinterpret_cast<const char*>(public_key), 32}), "\"}");
  }

  std::string id;
  uint8_t public_key[32];
  uint8_t private_key[64];
};

}  // namespace weir::extensions::http_filters::jwt_auth
