#include <openssl/crypto.h>
#include <openssl/hmac.h>
#include <openssl/sha.h>

#include <cstdint>

#include "source/lua/binding.h"
#include "source/lua/library_parts.h"

// weir.crypto. All digests are bytes; hex() makes them readable.
namespace weir::lua {
namespace {

const uint8_t* bytes(std::string_view text) {
  return reinterpret_cast<const uint8_t*>(text.data());
}

int sha256(lua_State* L) {
  const std::string_view text = checkText(L, 1);
  uint8_t digest[SHA256_DIGEST_LENGTH];
  SHA256(bytes(text), text.size(), digest);
  lua_pushlstring(L, reinterpret_cast<const char*>(digest), sizeof digest);
  return 1;
}

int hmacSha256(lua_State* L) {
  const std::string_view key = checkText(L, 1);
  const std::string_view text = checkText(L, 2);
  uint8_t digest[SHA256_DIGEST_LENGTH];
  unsigned size = 0;
  if (HMAC(EVP_sha256(), key.data(), key.size(), bytes(text), text.size(), digest, &size) ==
      nullptr) {
    raise(L, "crypto: the HMAC failed");
  }
  lua_pushlstring(L, reinterpret_cast<const char*>(digest), size);
  return 1;
}

int hex(lua_State* L) {
  static constexpr char kDigits[] = "0123456789abcdef";
  const std::string_view text = checkText(L, 1);
  std::string& out = stateOf(L).scratch();
  for (const char c : text) {
    out += kDigits[static_cast<unsigned char>(c) >> 4];
    out += kDigits[static_cast<unsigned char>(c) & 15];
  }
  pushText(L, out);
  return 1;
}

// Takes as long whatever the texts are; their lengths are no secret.
int constantTimeEquals(lua_State* L) {
  const std::string_view left = checkText(L, 1);
  const std::string_view right = checkText(L, 2);
  const bool equal =
      left.size() == right.size() && CRYPTO_memcmp(left.data(), right.data(), left.size()) == 0;
  lua_pushboolean(L, equal ? 1 : 0);
  return 1;
}

}  // namespace

void installCrypto(lua_State* L) {
  lua_newtable(L);
  setFunction(L, "sha256", &sha256);
  setFunction(L, "hmac_sha256", &hmacSha256);
  setFunction(L, "hex", &hex);
  setFunction(L, "constant_time_equals", &constantTimeEquals);
  lua_setfield(L, -2, "crypto");
}

}  // namespace weir::lua
