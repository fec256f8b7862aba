#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "extensions/stickiness/cookie/hmac.h"

namespace weir::extensions::stickiness::cookie {

// What a cookie says. Value.
struct CookieContent {
  uint64_t uid = 0;      // HostSet::Host::uid of the endpoint
  uint32_t expires = 0;  // seconds since 1970; 0: never
  // It was sealed with another key than the first: to be replaced.
  bool old_key = false;
};

// Makes and reads the values of one cluster's cookies: base64url of
//
//   version (1 byte) | key id (1) | expires (4) | uid, sealed (8) | MAC (16)
//
// MAC is HMAC-SHA-256, truncated, of all before it with the uid in the clear; the uid is sealed by
// XOR with the first bytes of another HMAC of the MAC (a synthetic initialization vector, as in RFC
// 5297): who has no key learns nothing of the endpoint but whether two values with the same expiry
// name the same one. Both keys are derived from the file's and the cluster's name, so that
// a cookie of another cluster is a forged one. 40 characters have no spare bit: every value has one
// text. Immutable.
class CookieSeal {
 public:
  static constexpr size_t kBytes = 30;
  static constexpr size_t kTextSize = kBytes / 3 * 4;
  using Text = std::array<char, kTextSize>;

  // `keys`: contents of the files, at least one; the first one seals.
  CookieSeal(const std::vector<std::string>& keys, std::string_view cluster);
  void seal(const CookieContent& content, Text& text) const;
  // Nothing when it was not made by any of the keys for this cluster, or is over.
  std::optional<CookieContent> open(std::string_view text, uint32_t now) const;

 private:
  using Bytes = std::array<uint8_t, kBytes>;
  struct Key {
    uint8_t id;
    Hmac mac;
    Hmac mask;
  };
  static Key derive(std::string_view secret, std::string_view cluster);

  std::vector<Key> keys_;
};

}  // namespace weir::extensions::stickiness::cookie
