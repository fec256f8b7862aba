#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"

#include "extensions/http_filters/jwt_auth/token.h"
#include "source/base/keyed_hash.h"

namespace weir::extensions::http_filters::jwt_auth {

// Tokens whose signatures were found good, by their whole text. Bounded: the one not asked for the
// longest goes first, about (second chance). Worker-confined.
class TokenCache {
 public:
  static constexpr size_t kMaxTokenBytes = 4096;

  explicit TokenCache(size_t capacity) : capacity_(capacity), key_(base::newHashKey()) {}

  // `keys_version`: of the provider's keys; what was checked with others does not count.
  std::shared_ptr<const Token> find(uint32_t provider, uint64_t keys_version,
                                    std::string_view text);
  void insert(uint32_t provider, uint64_t keys_version, std::string_view text,
              std::shared_ptr<const Token> token);
  size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    uint64_t hash = 0;
    uint64_t keys_version = 0;
    uint32_t provider = 0;
    bool used = false;
    std::string text;
    std::shared_ptr<const Token> token;
  };
  uint64_t hashOf(uint32_t provider, std::string_view text) const {
    return base::keyedHash(text, {key_.low, key_.high ^ provider});
  }

  const size_t capacity_;
  const base::HashKey key_;  // clients choose texts
  absl::flat_hash_map<uint64_t, uint32_t> index_;
  std::vector<Entry> entries_;
  size_t hand_ = 0;
};

}  // namespace weir::extensions::http_filters::jwt_auth
