#include "extensions/http_filters/jwt_auth/token.h"

#include <algorithm>
#include <array>

#include "extensions/http_filters/common/access/base64url.h"
#include "extensions/http_filters/common/access/json_reader.h"

namespace weir::extensions::http_filters::jwt_auth {
namespace {

using http::MetadataValue;
using Kind = MetadataValue::Kind;

struct Words {
  std::string_view detail;
  std::string_view explanation;
};
constexpr std::array<Words, static_cast<size_t>(Outcome::kCount)> kWords = {{
    {"jwt_good", "the token is good"},
    {"jwt_missing", "there is no token"},
    {"jwt_malformed", "the token is malformed"},
    {"jwt_algorithm_not_allowed", "the token's algorithm is not allowed"},
    {"jwt_unknown_key", "the token is signed with an unknown key"},
    {"jwt_bad_signature", "the token's signature is wrong"},
    {"jwt_expired", "the token has expired"},
    {"jwt_not_yet_valid", "the token is not valid yet"},
    {"jwt_no_expiration", "the token does not say when it expires"},
    {"jwt_lifetime_too_long", "the token is valid for too long"},
    {"jwt_issuer_mismatch", "the token is from another issuer"},
    {"jwt_audience_mismatch", "the token is for another audience"},
    {"jwt_keys_unavailable", "the issuer's keys are not available"},
}};

constexpr size_t kMaxHeaderBytes = 4096;
constexpr double kMaxSeconds = 253'402'300'800;  // the year 10000

// A claim that is a time. False: it is there, but no time.
bool readTime(const MetadataValue& claims, std::string_view name, std::optional<double>& to) {
  const MetadataValue* const value = claims.find(name);
  if (value == nullptr) return true;
  if (value->kind != Kind::kNumber || value->number < 0 || value->number > kMaxSeconds) {
    return false;
  }
  to = value->number;
  return true;
}

bool isFor(const MetadataValue& audience, const std::vector<std::string>& wanted) {
  const auto has = [&wanted](const MetadataValue& value) {
    return value.kind == Kind::kText &&
           std::find(wanted.begin(), wanted.end(), value.text) != wanted.end();
  };
  if (audience.kind != Kind::kList) return has(audience);
  const auto members = audience.members();
  return std::any_of(members.begin(), members.end(),
                     [&](const http::MetadataField& member) { return has(member.value); });
}

}  // namespace

std::string_view detailOf(Outcome outcome) {
  return kWords[static_cast<size_t>(outcome)].detail;
}

std::string_view explanationOf(Outcome outcome) {
  return kWords[static_cast<size_t>(outcome)].explanation;
}

std::shared_ptr<const Token> Token::parse(std::string_view text) {
  if (text.size() > kMaxBytes) return nullptr;
  const size_t first = text.find('.');
  const size_t second = first == text.npos ? text.npos : text.find('.', first + 1);
  if (second == text.npos || text.find('.', second + 1) != text.npos) return nullptr;
  auto token = std::make_shared<Token>();
  const std::string_view kept = token->arena_.copy(text);
  token->signed_text_ = kept.substr(0, second);
  token->payload_ = kept.substr(first + 1, second - first - 1);
  const auto header_text = decodeBase64Url(kept.substr(0, first));
  const auto payload_text = decodeBase64Url(token->payload_);
  auto signature = decodeBase64Url(kept.substr(second + 1));
  if (!header_text || !payload_text || !signature || signature->empty()) return nullptr;
  const auto header = readJson(*header_text, token->arena_, {.max_bytes = kMaxHeaderBytes});
  const auto claims = readJson(*payload_text, token->arena_, {.max_bytes = kMaxBytes});
  if (!header.ok() || !claims.ok() || claims->kind != Kind::kStruct) return nullptr;
  const MetadataValue* const algorithm = header->find("alg");
  if (algorithm == nullptr || algorithm->kind != Kind::kText) return nullptr;
  if (header->find("crit") != nullptr || header->find("b64") != nullptr) return nullptr;
  if (const MetadataValue* const key_id = header->find("kid")) {
    if (key_id->kind != Kind::kText) return nullptr;
    token->key_id_ = key_id->text;
  }
  token->algorithm_ = algorithmNamed(algorithm->text);
  token->signature_ = *std::move(signature);
  token->claims_ = *claims;
  return token;
}

Outcome ClaimRules::check(const MetadataValue& claims,
                          std::chrono::system_clock::time_point now) const {
  std::optional<double> expires;
  std::optional<double> not_before;
  std::optional<double> issued;
  if (!readTime(claims, "exp", expires) || !readTime(claims, "nbf", not_before) ||
      !readTime(claims, "iat", issued)) {
    return Outcome::kMalformed;
  }
  if (!issuer.empty()) {
    const MetadataValue* const value = claims.find("iss");
    if (value == nullptr || value->kind != Kind::kText || value->text != issuer) {
      return Outcome::kWrongIssuer;
    }
  }
  if (!audiences.empty()) {
    const MetadataValue* const value = claims.find("aud");
    if (value == nullptr || !isFor(*value, audiences)) return Outcome::kWrongAudience;
  }
  const double seconds = std::chrono::duration<double>(now.time_since_epoch()).count();
  const auto slack = static_cast<double>(leeway.count());
  if (!expires && requires_expiration) return Outcome::kNoExpiration;
  if (expires && seconds >= *expires + slack) return Outcome::kExpired;
  if (not_before && seconds < *not_before - slack) return Outcome::kNotYetValid;
  if (issued && seconds < *issued - slack) return Outcome::kNotYetValid;
  if (max_lifetime.count() > 0) {
    const auto begins = issued ? issued : not_before;
    if (!begins || !expires || *expires - *begins > static_cast<double>(max_lifetime.count())) {
      return Outcome::kLifetimeTooLong;
    }
  }
  return Outcome::kGood;
}

Outcome checkSignature(const Token& token, const Jwks& keys, const AlgorithmSet& allowed) {
  if (!token.algorithm() || !allowed.has(*token.algorithm())) {
    return Outcome::kAlgorithmNotAllowed;
  }
  if (!keys.hasKeyFor(*token.algorithm(), token.keyId())) return Outcome::kUnknownKey;
  return keys.verify(*token.algorithm(), token.keyId(), token.signedText(), token.signature())
             ? Outcome::kGood
             : Outcome::kBadSignature;
}

}  // namespace weir::extensions::http_filters::jwt_auth
