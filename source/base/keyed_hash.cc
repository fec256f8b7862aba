#include "source/base/keyed_hash.h"

#include <bit>
#include <cstring>

#include "source/base/random.h"

namespace weir::base {
namespace {

static_assert(std::endian::native == std::endian::little, "SipHash reads little-endian words");

struct State {
  uint64_t a;
  uint64_t b;
  uint64_t c;
  uint64_t d;

  void round() {
    a += b;
    b = std::rotl(b, 13) ^ a;
    a = std::rotl(a, 32);
    c += d;
    d = std::rotl(d, 16) ^ c;
    a += d;
    d = std::rotl(d, 21) ^ a;
    c += b;
    b = std::rotl(b, 17) ^ c;
    c = std::rotl(c, 32);
  }
  void take(uint64_t word) {
    d ^= word;
    round();
    a ^= word;
  }
};

}  // namespace

HashKey newHashKey() {
  Random random;
  return {.low = random.next(), .high = random.next()};
}

uint64_t keyedHash(std::string_view bytes, const HashKey& key) {
  State state{key.low ^ 0x736f6d6570736575, key.high ^ 0x646f72616e646f6d,
              key.low ^ 0x6c7967656e657261, key.high ^ 0x7465646279746573};
  const char* at = bytes.data();
  size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    uint64_t word;
    std::memcpy(&word, at, sizeof word);
    state.take(word);
  }
  uint64_t last = static_cast<uint64_t>(bytes.size()) << 56;
  for (size_t i = 0; i < left; ++i) {
    last |= static_cast<uint64_t>(static_cast<uint8_t>(at[i])) << (8 * i);
  }
  state.take(last);
  state.c ^= 0xff;
  for (int i = 0; i < 3; ++i) state.round();
  return state.a ^ state.b ^ state.c ^ state.d;
}

}  // namespace weir::base
