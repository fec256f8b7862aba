#include "source/http/websocket.h"

#include <openssl/sha.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>

namespace weir::http {
namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

// Base64 with padding; `out` has room for all of it.
void encodeBase64(std::span<const uint8_t> bytes, std::span<char> out) {
  constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  size_t to = 0;
  for (size_t from = 0; from < bytes.size(); from += 3) {
    const size_t count = std::min<size_t>(3, bytes.size() - from);
    uint32_t group = 0;
    for (size_t i = 0; i < 3; ++i) group = group << 8 | (i < count ? bytes[from + i] : 0u);
    for (size_t i = 0; i < 4; ++i) {
      out[to++] = i <= count ? kDigits[group >> (18 - 6 * i) & 0x3f] : '=';
    }
  }
}

}  // namespace

std::array<char, 24> makeWebSocketKey(base::Random& random) {
  const std::array<uint64_t, 2> words = {random.next(), random.next()};
  std::array<uint8_t, 16> bytes;
  std::memcpy(bytes.data(), words.data(), bytes.size());
  std::array<char, 24> key;
  encodeBase64(bytes, key);
  return key;
}

std::array<char, 28> webSocketAccept(std::string_view key) {
  SHA_CTX hash;
  SHA1_Init(&hash);
  SHA1_Update(&hash, key.data(), key.size());
  SHA1_Update(&hash, kGuid.data(), kGuid.size());
  std::array<uint8_t, SHA_DIGEST_LENGTH> digest;
  SHA1_Final(digest.data(), &hash);
  std::array<char, 28> accept;
  encodeBase64(digest, accept);
  return accept;
}

}  // namespace weir::http
