#pragma once

#include <cstdint>
#include <string_view>

namespace weir::base {

// XXH64 (Yann Collet): the same on every machine and in every run, so it may leave the process
// (hash rings, sticky keys). Not for tables that a peer can fill: it is not keyed against
// collisions.
uint64_t hash64(std::string_view bytes, uint64_t seed = 0);

// Spreads the bits of an integer (the finaliser of SplitMix64); a bijection.
constexpr uint64_t mix64(uint64_t x) {
  x ^= x >> 30;
  x *= 0xbf58476d1ce4e5b9;
  x ^= x >> 27;
  x *= 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

}  // namespace weir::base
