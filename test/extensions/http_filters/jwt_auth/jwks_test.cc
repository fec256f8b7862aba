#include "extensions/http_filters/jwt_auth/jwks.h"

#include "gtest/gtest.h"

#include "extensions/http_filters/common/access/base64url.h"
#include "source/base/concat.h"
#include "test/extensions/http_filters/jwt_auth/rfc_vectors.h"

namespace weir::extensions::http_filters::jwt_auth {
namespace {

std::shared_ptr<const Jwks> keys(std::string_view jwk) {
  auto set = Jwks::parse(setOf(jwk));
  EXPECT_TRUE(set.ok()) << set.status();
  return set.ok() ? *set : nullptr;
}
bool isRefused(std::string_view jwk) {
  return !Jwks::parse(setOf(jwk)).ok();
}

TEST(Jwks, SignaturesOfTheRfcs) {
  for (const Vector& vector : kVectors) {
    const auto set = keys(vector.jwk);
    ASSERT_NE(set, nullptr) << vector.name;
    const auto algorithm = algorithmNamed(vector.algorithm);
    const auto signature = decodeBase64Url(vector.signature);
    ASSERT_TRUE(algorithm && signature) << vector.name;
    EXPECT_TRUE(set->hasKeyFor(*algorithm, "")) << vector.name;
    EXPECT_TRUE(set->verify(*algorithm, "", vector.signed_text, *signature)) << vector.name;
  }
}

TEST(Jwks, AnyBitThatFlipsIsSeen) {
  for (const Vector& vector : kVectors) {
    const auto set = keys(vector.jwk);
    const Algorithm algorithm = *algorithmNamed(vector.algorithm);
    const std::string signature = *decodeBase64Url(vector.signature);
    const size_t step = signature.size() > 100 ? 7 : 1;  // RSA and P-521 take their time
    for (size_t bit = 0; bit < signature.size() * 8; bit += step) {
      std::string other = signature;
      other[bit / 8] = static_cast<char>(other[bit / 8] ^ 1 << bit % 8);
      ASSERT_FALSE(set->verify(algorithm, "", vector.signed_text, other)) << vector.name << bit;
    }
    for (size_t bit = 0; bit < vector.signed_text.size() * 8; bit += 7 * step) {
      std::string other(vector.signed_text);
      other[bit / 8] = static_cast<char>(other[bit / 8] ^ 1 << bit % 8);
      ASSERT_FALSE(set->verify(algorithm, "", other, signature)) << vector.name << bit;
    }
    for (const size_t size : {size_t{0}, size_t{1}, signature.size() - 1}) {
      EXPECT_FALSE(set->verify(algorithm, "", vector.signed_text, signature.substr(0, size)));
    }
    EXPECT_FALSE(set->verify(algorithm, "", vector.signed_text, signature + '\0'));
  }
}

// RFC 8725 2.1: a public key must never be the secret of an HMAC.
TEST(Jwks, KeysAreForAlgorithmsOfTheirKindOnly) {
  for (const Vector& vector : kVectors) {
    const auto set = keys(vector.jwk);
    for (size_t i = 0; i < static_cast<size_t>(Algorithm::kCount); ++i) {
      const auto other = static_cast<Algorithm>(i);
      const std::string_view family = vector.algorithm.substr(0, 2);
      const std::string_view name = algorithmName(other);
      const bool rsa = (family == "RS" || family == "PS") && (name[0] == 'R' || name[0] == 'P');
      const bool secret = vector.name == "RFC 7515 A.1" && name.starts_with("HS");
      EXPECT_EQ(set->hasKeyFor(other, ""), rsa || secret || name == vector.algorithm)
          << vector.name << " " << name;
    }
  }
  EXPECT_EQ(algorithmNamed("none"), std::nullopt);
  EXPECT_EQ(algorithmNamed("NONE"), std::nullopt);
  EXPECT_EQ(algorithmNamed("rs256"), std::nullopt);
}

TEST(Jwks, ChoosesByKeyId) {
  std::string list;
  for (const size_t i : {2, 5, 8})
    list += std::string(list.empty() ? "" : ",") + std::string(kVectors[i].jwk);
  const auto set = Jwks::parse("{\"keys\":[" + list + "]}");
  ASSERT_TRUE(set.ok());
  EXPECT_EQ((*set)->keys().size(), 3u);
  EXPECT_TRUE((*set)->hasKeyFor(Algorithm::kRs256, "bilbo.baggins@hobbiton.example"));
  EXPECT_FALSE((*set)->hasKeyFor(Algorithm::kRs256, "frodo"));
  EXPECT_TRUE((*set)->hasKeyFor(Algorithm::kEs256, ""));
  EXPECT_TRUE((*set)->hasSecrets());
}

TEST(Jwks, PassesOverWhatItCannotUse) {
  const std::string good(kVectors[2].jwk);
  const auto set = Jwks::parse(
      setOf(good + R"(,{"kty":"new"},{"kty":"EC","crv":"P-256","x":"AA","y":"AA"},{},7,)"
                   R"({"kty":"oct","k":"c2hvcnQ"},{"kty":"RSA","n":"AQAB","e":"AQAB"})"));
  ASSERT_TRUE(set.ok()) << set.status();
  EXPECT_EQ((*set)->keys().size(), 1u);
  EXPECT_EQ((*set)->passedOver(), 6u);
}

TEST(Jwks, RefusesKeysForOtherUses) {
  const std::string point =
      R"("kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU","y":)"
      R"("x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0")";
  EXPECT_FALSE(isRefused("{" + point + R"(,"key_ops":["verify"]})"));
  EXPECT_TRUE(isRefused("{" + point + R"(,"use":"enc"})"));
  EXPECT_TRUE(isRefused("{" + point + R"(,"key_ops":["encrypt"]})"));
  EXPECT_TRUE(isRefused("{" + point + R"(,"alg":"RS256"})"));
  EXPECT_TRUE(isRefused("{" + point + R"(,"alg":"none"})"));
  // Not on the curve.
  EXPECT_TRUE(
      isRefused(R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
                R"("y":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"})"));
}

TEST(Jwks, RefusesWhatIsNoSet) {
  for (const char* text : {"", "[]", "{}", R"({"keys":{}})", R"({"keys":[]})", "{\"keys\":[}",
                           R"({"keys":[],"keys":[]})"}) {
    EXPECT_FALSE(Jwks::parse(text).ok()) << text;
  }
  std::string many = "{}";
  for (size_t i = 0; i < Jwks::kMaxKeys; ++i) many += ",{}";
  EXPECT_FALSE(Jwks::parse(setOf(many)).ok());
  EXPECT_FALSE(Jwks::parse(std::string(Jwks::kMaxBytes + 1, ' ')).ok());
}

}  // namespace
}  // namespace weir::extensions::http_filters::jwt_auth
