#include "extensions/stickiness/cookie/hmac.h"

#include <openssl/mem.h>

#include <algorithm>

namespace weir::extensions::stickiness::cookie {

Hmac::Hmac(std::span<const uint8_t> key) {
  std::array<uint8_t, SHA256_CBLOCK> block{};
  if (key.size() > block.size()) {
    SHA256(key.data(), key.size(), block.data());
  } else {
    std::copy(key.begin(), key.end(), block.begin());
  }
  for (uint8_t& byte : block) byte ^= 0x36;
  SHA256_Init(&inner_);
  SHA256_Update(&inner_, block.data(), block.size());
  for (uint8_t& byte : block) byte ^= 0x36 ^ 0x5c;
  SHA256_Init(&outer_);
  SHA256_Update(&outer_, block.data(), block.size());
  OPENSSL_cleanse(block.data(), block.size());
}

Hmac::~Hmac() {
  OPENSSL_cleanse(&inner_, sizeof inner_);
  OPENSSL_cleanse(&outer_, sizeof outer_);
}

Hmac::Mac Hmac::of(std::span<const uint8_t> message) const {
  Mac mac;
  SHA256_CTX context = inner_;
  SHA256_Update(&context, message.data(), message.size());
  SHA256_Final(mac.data(), &context);
  context = outer_;
  SHA256_Update(&context, mac.data(), mac.size());
  SHA256_Final(mac.data(), &context);
  return mac;
}

}  // namespace weir::extensions::stickiness::cookie
