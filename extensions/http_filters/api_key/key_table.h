#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/statusor.h"

namespace weir::extensions::http_filters::api_key {

using KeyHash = std::array<uint8_t, 32>;  // SHA-256
KeyHash hashOf(std::string_view key);

// Keys, known by their hashes, and whose they are. Immutable once it is filled.
class KeyTable {
 public:
  static constexpr size_t kLeastKeyBytes = 16;
  static constexpr size_t kMaxKeyBytes = 4096;
  static constexpr size_t kMaxNameBytes = 256;

  // Errors hold nothing of a key.
  absl::Status add(std::string_view client, std::string_view key);
  // `hash`: 64 hexadecimal digits.
  absl::Status addHashed(std::string_view client, std::string_view hash);
  // Lines "client key" or "client sha256:HASH". The error is "name:line: …".
  absl::Status addLines(const std::string& name, std::string_view text);

  // The client whose key it is; null: nobody's. What it takes says nothing of the keys: it looks
  // for a hash, which whoever asks cannot choose.
  const std::string* find(std::string_view key) const;
  size_t size() const { return clients_.size(); }
  bool knows(std::string_view client) const;

 private:
  absl::Status addHash(std::string_view client, const KeyHash& hash);
  absl::flat_hash_map<KeyHash, std::string> clients_;
};

}  // namespace weir::extensions::http_filters::api_key
