#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

// The bytes that reader and writer of the PROXY protocol have in common.
namespace weir::network {

inline constexpr std::string_view kProxyProtocolV2Signature("\r\n\r\n\0\r\nQUIT\n", 12);
inline constexpr size_t kProxyProtocolV2HeadBytes = 16;

inline uint16_t readBig16(const char* at) {
  return static_cast<uint16_t>(static_cast<uint8_t>(at[0]) << 8 | static_cast<uint8_t>(at[1]));
}
inline uint32_t readBig32(const char* at) {
  return static_cast<uint32_t>(readBig16(at)) << 16 | readBig16(at + 2);
}

// CRC32c (Castagnoli; RFC 4960, appendix B) of what `crc` is the sum of (0: nothing) and `bytes`.
uint32_t crc32c(uint32_t crc, std::string_view bytes);

// Walks over types with two-byte lengths and values; the bytes outlive it. Worker-confined.
class TlvReader {
 public:
  struct Tlv {
    uint8_t type;
    std::string_view value;
  };
  explicit TlvReader(std::string_view bytes) : left_(bytes) {}
  // Nothing at the end, and where a length points behind it.
  std::optional<Tlv> next() {
    if (left_.size() < kHeadBytes) return std::nullopt;
    const size_t length = readBig16(left_.data() + 1);
    if (left_.size() - kHeadBytes < length) return std::nullopt;
    const Tlv tlv{static_cast<uint8_t>(left_[0]), left_.substr(kHeadBytes, length)};
    left_.remove_prefix(kHeadBytes + length);
    return tlv;
  }
  // Whether next() came to an end because there was nothing more.
  bool complete() const { return left_.empty(); }

  static constexpr size_t kHeadBytes = 3;

 private:
  std::string_view left_;
};

}  // namespace weir::network
