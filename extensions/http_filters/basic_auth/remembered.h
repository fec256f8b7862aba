#pragma once

#include <openssl/hmac.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "source/event/dispatcher.h"

namespace weir::extensions::http_filters::basic_auth {

// What users and passwords were right a short while ago, as keyed hashes (HMAC-SHA-256 with a key
// of this object) of these and the stored hash, so that a changed password is forgotten at once.
// Bounded: the oldest goes first. Worker-confined.
class Remembered {
 public:
  static constexpr size_t kMaxEntries = 1024;
  using Digest = std::array<uint8_t, 32>;

  explicit Remembered(std::chrono::milliseconds lifetime);

  // Takes no memory from the heap.
  Digest digest(std::string_view user, std::string_view password, std::string_view hash);
  bool has(const Digest& digest, event::MonotonicTime now) const;
  void add(const Digest& digest, event::MonotonicTime now);

 private:
  const std::chrono::milliseconds lifetime_;
  bssl::ScopedHMAC_CTX hmac_;  // with the key
  absl::flat_hash_map<Digest, event::MonotonicTime> until_;
  std::vector<Digest> order_;
  size_t oldest_ = 0;
};

}  // namespace weir::extensions::http_filters::basic_auth
