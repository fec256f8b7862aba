#pragma once

#include <cstdint>
#include <string_view>

namespace weir::base {

// A secret of a table. Value.
struct HashKey {
  uint64_t low = 0;
  uint64_t high = 0;
};

// A key from the kernel, that nobody outside knows.
HashKey newHashKey();

// SipHash-1-3 (Aumasson and Bernstein, 2012; the rounds that Rust and Python use for their tables):
// whoever does not know the key cannot find texts that collide. For tables that peers fill; where
// the hash leaves the process, see hash64().
uint64_t keyedHash(std::string_view bytes, const HashKey& key);

}  // namespace weir::base
