#include "extensions/stickiness/cookie/cookie_seal.h"

#include <openssl/mem.h>

#include <cstring>
#include <span>

#include "source/base/concat.h"

namespace weir::extensions::stickiness::cookie {
namespace {

constexpr uint8_t kVersion = 1;
constexpr size_t kHeadBytes = 6;  // version, key id, expires
constexpr size_t kUidAt = kHeadBytes;
constexpr size_t kMacAt = kUidAt + 8;
constexpr size_t kMacBytes = 16;

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

constexpr std::array<int8_t, 256> kValues = [] {
  std::array<int8_t, 256> values{};
  values.fill(-1);
  for (size_t i = 0; i < kDigits.size(); ++i) {
    values[static_cast<uint8_t>(kDigits[i])] = static_cast<int8_t>(i);
  }
  return values;
}();

void encode(std::span<const uint8_t> bytes, char* text) {
  for (size_t i = 0; i < bytes.size(); i += 3) {
    const uint32_t group = static_cast<uint32_t>(bytes[i]) << 16 |
                           static_cast<uint32_t>(bytes[i + 1]) << 8 | bytes[i + 2];
    for (int shift = 18; shift >= 0; shift -= 6) *text++ = kDigits[group >> shift & 63];
  }
}

bool decode(std::string_view text, std::span<uint8_t> bytes) {
  for (size_t i = 0; i < text.size(); i += 4) {
    uint32_t group = 0;
    for (size_t k = 0; k < 4; ++k) {
      const int8_t value = kValues[static_cast<uint8_t>(text[i + k])];
      if (value < 0) return false;
      group = group << 6 | static_cast<uint32_t>(value);
    }
    uint8_t* const to = &bytes[i / 4 * 3];
    to[0] = static_cast<uint8_t>(group >> 16);
    to[1] = static_cast<uint8_t>(group >> 8);
    to[2] = static_cast<uint8_t>(group);
  }
  return true;
}

// Big-endian.
template <class T>
void put(T value, uint8_t* to) {
  for (size_t i = 0; i < sizeof value; ++i) {
    to[i] = static_cast<uint8_t>(value >> 8 * (sizeof value - 1 - i));
  }
}

template <class T>
T get(const uint8_t* from) {
  T value = 0;
  for (size_t i = 0; i < sizeof value; ++i) value = static_cast<T>(value << 8 | from[i]);
  return value;
}

// The uid becomes sealed, or clear again.
void turn(const Hmac& mask, uint8_t* bytes) {
  const Hmac::Mac pad = mask.of(std::span(bytes + kMacAt, kMacBytes));
  for (size_t i = 0; i < 8; ++i) bytes[kUidAt + i] ^= pad[i];
}

}  // namespace

CookieSeal::Key CookieSeal::derive(std::string_view secret, std::string_view cluster) {
  const Hmac root(std::span(reinterpret_cast<const uint8_t*>(secret.data()), secret.size()));
  const auto keyFor = [&](std::string_view use) {
    return root.of(base::concat("weir stickiness cookie 1 ", use, " ", cluster));
  };
  Hmac::Mac mac = keyFor("mac");
  Hmac::Mac mask = keyFor("mask");
  Key key{.id = root.of(std::string_view("weir stickiness cookie 1 id"))[0],
          .mac = Hmac(mac),
          .mask = Hmac(mask)};
  OPENSSL_cleanse(mac.data(), mac.size());
  OPENSSL_cleanse(mask.data(), mask.size());
  return key;
}

CookieSeal::CookieSeal(const std::vector<std::string>& keys, std::string_view cluster) {
  keys_.reserve(keys.size());
  for (const std::string& key : keys) keys_.push_back(derive(key, cluster));
}

void CookieSeal::seal(const CookieContent& content, Text& text) const {
  const Key& key = keys_.front();
  Bytes bytes;
  bytes[0] = kVersion;
  bytes[1] = key.id;
  put(content.expires, &bytes[2]);
  put(content.uid, &bytes[kUidAt]);
  const Hmac::Mac mac = key.mac.of(std::span(bytes).first(kMacAt));
  std::memcpy(&bytes[kMacAt], mac.data(), kMacBytes);
  turn(key.mask, bytes.data());
  encode(bytes, text.data());
}

std::optional<CookieContent> CookieSeal::open(std::string_view text, uint32_t now) const {
  Bytes bytes;
  if (text.size() != kTextSize || !decode(text, bytes) || bytes[0] != kVersion) {
    return std::nullopt;
  }
  for (const Key& key : keys_) {
    if (key.id != bytes[1]) continue;
    Bytes clear = bytes;
    turn(key.mask, clear.data());
    const Hmac::Mac mac = key.mac.of(std::span(clear).first(kMacAt));
    if (CRYPTO_memcmp(mac.data(), &clear[kMacAt], kMacBytes) != 0) continue;
    const CookieContent content{.uid = get<uint64_t>(&clear[kUidAt]),
                                .expires = get<uint32_t>(&clear[2]),
                                .old_key = &key != &keys_.front()};
    const bool over = content.expires != 0 && content.expires <= now;
    if (over || content.uid == 0) return std::nullopt;
    return content;
  }
  return std::nullopt;
}

}  // namespace weir::extensions::stickiness::cookie
