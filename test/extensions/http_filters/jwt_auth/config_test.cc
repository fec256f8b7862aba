#include "extensions/http_filters/jwt_auth/config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/findings.h"
#include "test/extensions/http_filters/jwt_auth/rfc_vectors.h"

namespace weir::extensions::http_filters::jwt_auth {
namespace {

using ::testing::HasSubstr;

std::string inlineKeys(std::string_view jwk) {
  return " inline_jwks: '" + setOf(jwk) + "' ";
}
std::string of(const std::string& fields, const std::string& route = {}) {
  return findings("[http_filters/jwt_auth] { " + fields + " }", route);
}
std::string ofProvider(const std::string& fields) {
  return of("providers { name: \"a\" " + fields + " }");
}

TEST(JwtAuthConfig, TakesWhatIsRight) {
  const std::string good = inlineKeys(kVectors[2].jwk);
  EXPECT_EQ(ofProvider(good + "algorithms: \"ES256\" max_lifetime { seconds: 60 }"), "");
  EXPECT_EQ(ofProvider("remote_jwks { cluster: \"auth\" authority: \"a.example\" }"), "");
  EXPECT_EQ(of("providers { name: \"a\" " + good + " }",
               "[http_filters/jwt_auth] { requirement { any { of { provider: \"a\" } "
               "of { allow_missing: true } } } }"),
            "");
}

TEST(JwtAuthConfig, SaysWhatIsWrong) {
  const std::string good = inlineKeys(kVectors[2].jwk);
  EXPECT_THAT(of(""), HasSubstr("providers: there is none"));
  EXPECT_THAT(ofProvider(""), HasSubstr("has no keys"));
  EXPECT_THAT(ofProvider("inline_jwks: \"{}\""), HasSubstr("there is no list \"keys\""));
  const std::string secret = ofProvider(inlineKeys(kVectors[0].jwk));
  EXPECT_THAT(secret, HasSubstr("has a secret"));
  EXPECT_THAT(secret, ::testing::Not(HasSubstr("AyM1Sys")));
  EXPECT_THAT(ofProvider("jwks_file: \"absent.json\""), HasSubstr("absent.json: No such file"));
  EXPECT_THAT(ofProvider("remote_jwks { cluster: \"x\" authority: \"a\" }"), HasSubstr("cluster"));
  EXPECT_THAT(ofProvider("remote_jwks { cluster: \"auth\" }"), HasSubstr("authority: is required"));
  EXPECT_THAT(ofProvider(good + "algorithms: \"none\""), HasSubstr("is no algorithm"));
  EXPECT_THAT(ofProvider(good + "claim_headers { header: \"host\" claim: \"a\" }"),
              HasSubstr("frames messages"));
  EXPECT_THAT(ofProvider(good + "places {}"), HasSubstr("is no place"));
  EXPECT_THAT(of("providers { name: \"a\" " + good + "} requirement { provider: \"b\" }"),
              HasSubstr("there is no provider \"b\""));
  EXPECT_THAT(of("providers { name: \"a\" " + good + "} requirement {}"),
              HasSubstr("requires nothing"));
  EXPECT_THAT(of("providers { name: \"a\" " + good + "} providers { name: \"a\" " + good + "}"),
              HasSubstr("name"));
  EXPECT_THAT(of("providers { name: \"a\" " + good + "} realm: '\"'"), HasSubstr("realm"));
  std::string deep = "provider: \"a\"";
  for (int i = 0; i < 9; ++i) deep = "all { of { " + deep + " } }";
  EXPECT_THAT(of("providers { name: \"a\" " + good + "} requirement { " + deep + " }"),
              HasSubstr("the tree is too large"));
  EXPECT_THAT(of("providers { name: \"a\" " + good + "}",
                 "[http_filters/jwt_auth] { providers { name: \"b\" } }"),
              HasSubstr("belongs to the filter"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::jwt_auth
