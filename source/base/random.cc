#include "source/base/random.h"

#include <sys/random.h>

#include <array>
#include <chrono>
#include <cstring>
#include <string_view>

#include "source/base/hash.h"

namespace weir::base {

Random::Random() {
  if (getrandom(state_.data(), sizeof state_, 0) == static_cast<ssize_t>(sizeof state_)) return;
  // No kernel that we run on refuses; a clock is better than a constant all the same.
  seedFrom(static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count()));
}

Random::Random(uint64_t seed) {
  seedFrom(seed);
}

// SplitMix64, as the generator's authors advise.
void Random::seedFrom(uint64_t seed) {
  for (uint64_t& word : state_) word = mix64(seed += 0x9e3779b97f4a7c15);
}

// Lemire, "Fast Random Integer Generation in an Interval", 2019.
uint64_t Random::uniform(uint64_t bound) {
  if (bound == 0) return 0;
  unsigned __int128 product = static_cast<unsigned __int128>(next()) * bound;
  if (static_cast<uint64_t>(product) < bound) {
    const uint64_t threshold = -bound % bound;
    while (static_cast<uint64_t>(product) < threshold) {
      product = static_cast<unsigned __int128>(next()) * bound;
    }
  }
  return static_cast<uint64_t>(product >> 64);
}

namespace {

// The two digits of every byte.
constexpr std::array<char, 512> kHexPairs = [] {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<char, 512> pairs{};
  for (size_t byte = 0; byte < 256; ++byte) {
    pairs[2 * byte] = kDigits[byte >> 4];
    pairs[2 * byte + 1] = kDigits[byte & 15];
  }
  return pairs;
}();

// Writes the `count` bytes of `word` that end at bit `low_bit`.
char* putBytes(char* to, uint64_t word, int low_bit, int count) {
  for (int shift = low_bit + 8 * (count - 1); shift >= low_bit; shift -= 8) {
    std::memcpy(to, &kHexPairs[2 * ((word >> shift) & 255)], 2);
    to += 2;
  }
  return to;
}

}  // namespace

void Random::uuid4(std::span<char, 36> text) {
  const uint64_t high = (next() & ~uint64_t{0xf000}) | 0x4000;               // version 4
  const uint64_t low = (next() & ~(uint64_t{3} << 62)) | uint64_t{1} << 63;  // variant 10
  char* to = putBytes(text.data(), high, 32, 4);
  *to++ = '-';
  to = putBytes(to, high, 16, 2);
  *to++ = '-';
  to = putBytes(to, high, 0, 2);
  *to++ = '-';
  to = putBytes(to, low, 48, 2);
  *to++ = '-';
  putBytes(to, low, 0, 6);
}

}  // namespace weir::base
