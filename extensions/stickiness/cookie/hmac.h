#pragma once

#include <openssl/sha.h>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>

namespace weir::extensions::stickiness::cookie {

// HMAC-SHA-256 (RFC 2104, FIPS 180-4) with one key. What the key costs is done once, and nothing is
// allocated, which BoringSSL's own HMAC does not offer. Wipes what it knows of the key. Immutable.
class Hmac {
 public:
  using Mac = std::array<uint8_t, SHA256_DIGEST_LENGTH>;

  explicit Hmac(std::span<const uint8_t> key);
  Hmac(const Hmac&) = default;
  Hmac& operator=(const Hmac&) = delete;
  ~Hmac();

  Mac of(std::span<const uint8_t> message) const;
  Mac of(std::string_view message) const {
    return of(std::span(reinterpret_cast<const uint8_t*>(message.data()), message.size()));
  }

 private:
  SHA256_CTX inner_;  // after a block of the key
  SHA256_CTX outer_;
};

}  // namespace weir::extensions::stickiness::cookie
