#include "extensions/http_filters/jwt_auth/algorithm.h"

#include <array>

namespace weir::extensions::http_filters::jwt_auth {
namespace {

constexpr std::array<std::string_view, static_cast<size_t>(Algorithm::kCount)> kNames = {
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256",
    "ES384", "ES512", "EdDSA", "HS256", "HS384", "HS512"};

}  // namespace

std::string_view algorithmName(Algorithm algorithm) {
  return kNames[static_cast<size_t>(algorithm)];
}

std::optional<Algorithm> algorithmNamed(std::string_view name) {
  for (size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<Algorithm>(i);
  }
  return std::nullopt;
}

bool suits(Algorithm algorithm, KeyKind kind) {
  switch (kind) {
    case KeyKind::kRsa:
      return algorithm <= Algorithm::kPs512;
    case KeyKind::kP256:
      return algorithm == Algorithm::kEs256;
    case KeyKind::kP384:
      return algorithm == Algorithm::kEs384;
    case KeyKind::kP521:
      return algorithm == Algorithm::kEs512;
    case KeyKind::kEd25519:
      return algorithm == Algorithm::kEdDsa;
    case KeyKind::kSecret:
      return algorithm >= Algorithm::kHs256 && algorithm <= Algorithm::kHs512;
  }
  return false;
}

}  // namespace weir::extensions::http_filters::jwt_auth
