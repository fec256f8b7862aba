#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

#include "extensions/http_filters/jwt_auth/algorithm.h"

namespace weir::extensions::http_filters::jwt_auth {

// One key that verifies signatures. Immutable.
class VerificationKey {
 public:
  virtual ~VerificationKey() = default;
  // Whether `signature` over `text` was made by the key's owner with `algorithm`, which suits the
  // key. Thread-safe.
  virtual bool verifies(Algorithm algorithm, std::string_view text,
                        std::string_view signature) const = 0;

  const std::string& id() const { return id_; }  // empty: it has none
  // Whether `algorithm` is of the key's kind, and the one that the key is for when it says.
  bool suits(Algorithm algorithm) const {
    return jwt_auth::suits(algorithm, kind_) && (!only_ || *only_ == algorithm);
  }
  KeyKind kind() const { return kind_; }

 protected:
  VerificationKey(KeyKind kind, std::string id, std::optional<Algorithm> only)
      : kind_(kind), id_(std::move(id)), only_(only) {}

 private:
  const KeyKind kind_;
  const std::string id_;
  const std::optional<Algorithm> only_;
};

// A set of keys (RFC 7517 5). Immutable; shared by the workers.
class Jwks {
 public:
  static constexpr size_t kMaxBytes = 256 * 1024;
  static constexpr size_t kMaxKeys = 200;
  // A token without `kid` is tried with so many keys.
  static constexpr size_t kMaxTries = 16;

  // Keys of unknown kinds, for other uses, or that are malformed or too weak are passed over, as
  // RFC 7517 5 wants it; it is an error when none is left. Errors hold nothing of the text.
  static absl::StatusOr<std::shared_ptr<const Jwks>> parse(std::string_view text);

  // For `kid` only keys of that id; empty: all.
  bool hasKeyFor(Algorithm algorithm, std::string_view kid) const;
  bool verify(Algorithm algorithm, std::string_view kid, std::string_view text,
              std::string_view signature) const;
  const std::vector<std::unique_ptr<const VerificationKey>>& keys() const { return keys_; }
  size_t passedOver() const { return passed_over_; }
  bool hasSecrets() const;

 private:
  std::vector<std::unique_ptr<const VerificationKey>> keys_;
  size_t passed_over_ = 0;
};

}  // namespace weir::extensions::http_filters::jwt_auth
