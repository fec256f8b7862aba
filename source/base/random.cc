#include "source/base/random.h"

#include <sys/random.h>

#include <chrono>

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

void Random::uuid4(std::span<char, 36> text) {
  static constexpr char kHex[] = "0123456789abcdef";
  const uint64_t high = (next() & ~uint64_t{0xf000}) | 0x4000;               // version 4
  const uint64_t low = (next() & ~(uint64_t{3} << 62)) | uint64_t{1} << 63;  // variant 10
  char* to = text.data();
  const auto put = [&to](uint64_t word, int from_bit, int digits) {
    for (int i = 0; i < digits; ++i) *to++ = kHex[(word >> (from_bit - 4 * i)) & 15];
  };
  put(high, 60, 8);
  *to++ = '-';
  put(high, 28, 4);
  *to++ = '-';
  put(high, 12, 4);
  *to++ = '-';
  put(low, 60, 4);
  *to++ = '-';
  put(low, 44, 12);
}

}  // namespace weir::base
