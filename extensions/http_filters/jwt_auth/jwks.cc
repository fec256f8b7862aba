#include "extensions/http_filters/jwt_auth/jwks.h"

#include <algorithm>

#include "extensions/http_filters/common/access/json_reader.h"
#include "extensions/http_filters/jwt_auth/key_reader.h"

namespace weir::extensions::http_filters::jwt_auth {

using http::MetadataValue;

absl::StatusOr<std::shared_ptr<const Jwks>> Jwks::parse(std::string_view text) {
  base::Arena arena;
  const auto root = readJson(text, arena, {.max_bytes = kMaxBytes});
  if (!root.ok()) return root.status();
  const MetadataValue* const list = root->find("keys");
  if (list == nullptr || list->kind != MetadataValue::Kind::kList) {
    return absl::InvalidArgumentError("there is no list \"keys\"; this must be a JWK set");
  }
  if (list->count > kMaxKeys) return absl::InvalidArgumentError("there are more than 200 keys");
  auto set = std::make_shared<Jwks>();
  for (const http::MetadataField& entry : list->members()) {
    auto key = readKey(entry.value);
    if (key == nullptr) {
      ++set->passed_over_;
    } else {
      set->keys_.push_back(std::move(key));
    }
  }
  if (set->keys_.empty()) {
    return absl::InvalidArgumentError(
        "there is no usable key; RSA (2048 to 8192 bits), P-256, P-384, P-521, Ed25519 and secrets "
        "of 32 bytes or more are, unless they are for another use than signatures");
  }
  return set;
}

bool Jwks::hasKeyFor(Algorithm algorithm, std::string_view kid) const {
  return std::any_of(keys_.begin(), keys_.end(), [&](const auto& key) {
    return (kid.empty() || key->id() == kid) && key->suits(algorithm);
  });
}

bool Jwks::verify(Algorithm algorithm, std::string_view kid, std::string_view text,
                  std::string_view signature) const {
  size_t tries = 0;
  for (const auto& key : keys_) {
    if ((!kid.empty() && key->id() != kid) || !key->suits(algorithm)) continue;
    if (key->verifies(algorithm, text, signature)) return true;
    if (++tries == kMaxTries) return false;
  }
  return false;
}

bool Jwks::hasSecrets() const {
  return std::any_of(keys_.begin(), keys_.end(),
                     [](const auto& key) { return key->kind() == KeyKind::kSecret; });
}

}  // namespace weir::extensions::http_filters::jwt_auth
