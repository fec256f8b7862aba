#pragma once

#include <array>
#include <cstdint>
#include <span>

namespace weir::base {

// Pseudo-random numbers: xoshiro256++ (Blackman and Vigna, 2019). Good for balancing, jitter and
// request ids; not for secrets. Satisfies UniformRandomBitGenerator. Worker-confined.
class Random {
 public:
  using result_type = uint64_t;

  // Seeded by the kernel.
  Random();
  // The same seed gives the same numbers.
  explicit Random(uint64_t seed);

  uint64_t next() {
    const uint64_t result = rotate(state_[0] + state_[3], 23) + state_[0];
    const uint64_t t = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= t;
    state_[3] = rotate(state_[3], 45);
    return result;
  }
  // Uniform in [0, bound), without bias; 0 when `bound` is 0.
  uint64_t uniform(uint64_t bound);
  // Uniform in [0, 1).
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }
  // A version 4 UUID (RFC 9562, 5.4) in its text form, lower case, without terminator.
  void uuid4(std::span<char, 36> text);

  uint64_t operator()() { return next(); }
  static constexpr uint64_t min() { return 0; }
  static constexpr uint64_t max() { return ~uint64_t{0}; }

 private:
  static constexpr uint64_t rotate(uint64_t x, int k) { return (x << k) | (x >> (64 - k)); }
  void seedFrom(uint64_t seed);

  std::array<uint64_t, 4> state_;
};

// Numbers that any stretch of has spread evenly over all of uint64_t: round the circle by the
// golden ratio (a Weyl sequence). Shares come out exactly that are so only by and by with random
// ones. Value.
class EvenSequence {
 public:
  explicit EvenSequence(uint64_t start) : point_(start) {}
  uint64_t next() { return point_ += 0x9e3779b97f4a7c15; }  // 2^64 / phi

 private:
  uint64_t point_;
};

}  // namespace weir::base
