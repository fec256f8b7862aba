#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace weir::extensions::http_filters::jwt_auth {

// Algorithms of signatures (RFC 7518 3.1, RFC 8037 3.1). "none" is not among them.
enum class Algorithm : uint8_t {
  kRs256,
  kRs384,
  kRs512,
  kPs256,
  kPs384,
  kPs512,
  kEs256,
  kEs384,
  kEs512,
  kEdDsa,
  kHs256,
  kHs384,
  kHs512,
  kCount,
};

// The kinds of keys, each for its own algorithms alone: a public key never is a secret of HS256.
enum class KeyKind : uint8_t { kRsa, kP256, kP384, kP521, kEd25519, kSecret };

std::string_view algorithmName(Algorithm algorithm);
std::optional<Algorithm> algorithmNamed(std::string_view name);
bool suits(Algorithm algorithm, KeyKind kind);

// A set of algorithms. Value.
class AlgorithmSet {
 public:
  static AlgorithmSet all() {
    return AlgorithmSet((1u << static_cast<unsigned>(Algorithm::kCount)) - 1);
  }
  AlgorithmSet() = default;
  void add(Algorithm algorithm) { bits_ |= 1u << static_cast<unsigned>(algorithm); }
  bool has(Algorithm algorithm) const {
    return (bits_ >> static_cast<unsigned>(algorithm) & 1) != 0;
  }

 private:
  explicit AlgorithmSet(uint32_t bits) : bits_(bits) {}
  uint32_t bits_ = 0;
};

}  // namespace weir::extensions::http_filters::jwt_auth
