#include "extensions/http_filters/grpc_web/base64_stream.h"

#include <algorithm>
#include <span>

namespace weir::extensions::http_filters::grpc_web {
namespace {

constexpr std::string_view kDigits =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr uint8_t kNoDigit = 0x80;

constexpr std::array<uint8_t, 256> makeValues() {
  std::array<uint8_t, 256> values{};
  values.fill(kNoDigit);
  for (size_t i = 0; i < kDigits.size(); ++i) {
    values[static_cast<unsigned char>(kDigits[i])] = static_cast<uint8_t>(i);
  }
  return values;
}
constexpr std::array<uint8_t, 256> kValues = makeValues();

// So that what is written fits into a block of the pool.
constexpr size_t kMostAtOnce = 12 * 1024;

uint32_t valueOf(char c) {
  return kValues[static_cast<unsigned char>(c)];
}

// The three bytes of a full group.
void putGroup(uint32_t bits, char* to) {
  to[0] = static_cast<char>(bits >> 16);
  to[1] = static_cast<char>(bits >> 8);
  to[2] = static_cast<char>(bits);
}

// The four digits of three bytes.
void putDigits(const char* bytes, char* to) {
  const auto byte = [&](size_t i) { return uint32_t{static_cast<unsigned char>(bytes[i])}; };
  const uint32_t bits = byte(0) << 16 | byte(1) << 8 | byte(2);
  for (size_t i = 0; i < 4; ++i) to[i] = kDigits[bits >> (18 - 6 * i) & 63];
}

}  // namespace

bool Base64Reader::read(buffer::Buffer& encoded, buffer::Buffer& decoded) {
  while (!encoded.empty()) {
    const std::string_view piece = encoded.front().substr(0, kMostAtOnce);
    if (!read(piece, decoded)) return false;
    encoded.drain(piece.size());
  }
  return true;
}

bool Base64Reader::read(std::string_view encoded, buffer::Buffer& decoded) {
  const std::span<char> room = decoded.reserve(encoded.size() / 4 * 3 + 3);
  char* out = room.data();
  const char* at = encoded.data();
  const char* const end = at + encoded.size();
  while (at != end) {
    if (digits_ == 0 && end - at >= 4) {
      const uint32_t a = valueOf(at[0]), b = valueOf(at[1]), c = valueOf(at[2]), d = valueOf(at[3]);
      if (((a | b | c | d) & kNoDigit) == 0) {
        putGroup(a << 18 | b << 12 | c << 6 | d, out);
        out += 3;
        at += 4;
        continue;
      }
    }
    if (!readDigit(*at++, out)) return false;
  }
  decoded.commit(static_cast<size_t>(out - room.data()));
  return true;
}

bool Base64Reader::readDigit(char c, char*& out) {
  if (c == '=') {
    if (digits_ < 2) return false;
    ++padding_;
    bits_ <<= 6;
  } else {
    const uint32_t value = valueOf(c);
    if (value == kNoDigit || padding_ > 0) return false;
    bits_ = bits_ << 6 | value;
  }
  if (++digits_ < 4) return true;
  if ((bits_ & ((1u << 8 * padding_) - 1)) != 0) return false;
  std::array<char, 3> bytes{};
  putGroup(bits_, bytes.data());
  out = std::copy_n(bytes.begin(), 3 - padding_, out);
  bits_ = 0;
  digits_ = padding_ = 0;
  return true;
}

void Base64Writer::write(std::string_view bytes, buffer::Buffer& encoded) {
  while (!bytes.empty()) {
    std::string_view piece = bytes.substr(0, kMostAtOnce);
    bytes.remove_prefix(piece.size());
    const std::span<char> room = encoded.reserve((piece.size() + 2) / 3 * 4);
    char* out = room.data();
    while (count_ > 0 && !piece.empty()) {
      held_[count_++] = piece.front();
      piece.remove_prefix(1);
      if (count_ < 3) continue;
      putDigits(held_.data(), out);
      out += 4;
      count_ = 0;
    }
    for (; piece.size() >= 3; piece.remove_prefix(3), out += 4) putDigits(piece.data(), out);
    for (const char c : piece) held_[count_++] = c;
    encoded.commit(static_cast<size_t>(out - room.data()));
  }
}

void Base64Writer::flush(buffer::Buffer& encoded) {
  if (count_ == 0) return;
  std::fill(held_.begin() + static_cast<std::ptrdiff_t>(count_), held_.end(), '\0');
  std::array<char, 4> digits{};
  putDigits(held_.data(), digits.data());
  std::fill(digits.begin() + static_cast<std::ptrdiff_t>(count_) + 1, digits.end(), '=');
  encoded.append(std::string_view(digits.data(), digits.size()));
  count_ = 0;
}

}  // namespace weir::extensions::http_filters::grpc_web
