#include "extensions/http_filters/jwt_auth/token.h"

#include "gtest/gtest.h"

#include "extensions/http_filters/common/access/base64url.h"
#include "test/extensions/http_filters/jwt_auth/rfc_vectors.h"

namespace weir::extensions::http_filters::jwt_auth {
namespace {

using std::chrono::seconds;
using std::chrono::system_clock;

std::string encoded(std::string_view header, std::string_view claims) {
  return encodeBase64Url(header) + "." + encodeBase64Url(claims) + ".c2ln";
}
bool isGood(std::string_view header, std::string_view claims = "{}") {
  return Token::parse(encoded(header, claims)) != nullptr;
}

TEST(Token, ReadsWhatTheRfcPrints) {
  const std::string text =
      std::string(kVectors[0].signed_text) + "." + std::string(kVectors[0].signature);
  const auto token = Token::parse(text);
  ASSERT_NE(token, nullptr);
  EXPECT_EQ(token->algorithm(), Algorithm::kHs256);
  EXPECT_EQ(token->claims().find("iss")->text, "joe");
  EXPECT_EQ(token->claims().find("exp")->number, 1300819380);
  EXPECT_TRUE(token->claims().find("http://example.com/is_root")->flag);
  const auto keys = Jwks::parse(setOf(kVectors[0].jwk));
  EXPECT_EQ(checkSignature(*token, **keys, AlgorithmSet::all()), Outcome::kGood);
  EXPECT_EQ(checkSignature(*token, **keys, AlgorithmSet()), Outcome::kAlgorithmNotAllowed);
  EXPECT_EQ(checkSignature(*token, **Jwks::parse(setOf(kVectors[1].jwk)), AlgorithmSet::all()),
            Outcome::kUnknownKey);
}

TEST(Token, OneTextForEachToken) {
  const std::string text =
      std::string(kVectors[2].signed_text) + "." + std::string(kVectors[2].signature);
  const auto keys = Jwks::parse(setOf(kVectors[2].jwk));
  ASSERT_EQ(checkSignature(*Token::parse(text), **keys, AlgorithmSet::all()), Outcome::kGood);
  for (size_t i = 0; i < text.size(); ++i) {
    for (const char other : {'A', 'Q', '-', '.', '=', '+', '\0', 'z'}) {
      if (text[i] == other) continue;
      std::string changed = text;
      changed[i] = other;
      const auto token = Token::parse(changed);
      EXPECT_TRUE(token == nullptr ||
                  checkSignature(*token, **keys, AlgorithmSet::all()) != Outcome::kGood)
          << i << other;
    }
  }
}

TEST(Token, RefusesWhatIsMalformed) {
  EXPECT_TRUE(isGood(R"({"alg":"RS256"})"));
  EXPECT_TRUE(isGood(R"({"alg":"RS256","kid":"a","typ":"JWT","cty":"x"})"));
  for (const char* header :
       {"", "{}", "[]", R"({"alg":7})", R"({"alg":"RS256","alg":"none"})",
        R"({"alg":"RS256","crit":["exp"],"exp":1})", R"({"alg":"RS256","b64":false})",
        R"({"alg":"RS256","kid":7})", R"({"alg":"RS256"}x)", "{\"alg\":\"RS256\xff\"}"}) {
    EXPECT_FALSE(isGood(header)) << header;
  }
  for (const char* claims : {"", "[]", "7", "null", R"({"a":1,"a":2})", "{\"a\":\"\n\"}",
                             R"({"a":01})", R"({"a":1e999})", R"({"a":"\ud800"})"}) {
    EXPECT_FALSE(isGood(R"({"alg":"RS256"})", claims)) << claims;
  }
  std::string deep;
  for (int i = 0; i < 40; ++i) deep += "{\"a\":";
  EXPECT_FALSE(isGood(R"({"alg":"RS256"})", deep + "1" + std::string(40, '}')));
  const std::string head = encodeBase64Url(R"({"alg":"RS256"})");
  for (const std::string& text :
       {std::string(), std::string("."), std::string(".."), head + ".e30", head + ".e30.",
        head + ".e30.c2ln.", head + ".e30.c2ln.c2ln", head + ".e30.c2l", head + "=.e30.c2ln",
        head + ".e30.c2ln ", " " + head + ".e30.c2ln", std::string(Token::kMaxBytes + 1, 'A')}) {
    EXPECT_EQ(Token::parse(text), nullptr) << text;
  }
}

TEST(Token, AlgorithmNoneIsNone) {
  const auto token = Token::parse(encoded(R"({"alg":"none"})", "{}"));
  ASSERT_NE(token, nullptr);
  EXPECT_EQ(token->algorithm(), std::nullopt);
  const auto keys = Jwks::parse(setOf(kVectors[0].jwk));
  EXPECT_EQ(checkSignature(*token, **keys, AlgorithmSet::all()), Outcome::kAlgorithmNotAllowed);
}

TEST(ClaimRules, Table) {
  const auto now = system_clock::time_point(seconds(1'000'000));
  ClaimRules rules{.issuer = "me",
                   .audiences = {"shop", "blog"},
                   .leeway = seconds(10),
                   .max_lifetime = seconds(3600)};
  struct Case {
    const char* claims;
    Outcome outcome;
  };
  const auto check = [&](const char* claims) {
    const auto token = Token::parse(encoded(R"({"alg":"RS256"})", claims));
    EXPECT_NE(token, nullptr) << claims;
    return rules.check(token->claims(), now);
  };
  for (const Case& one : {
           Case{R"({"iss":"me","aud":"shop","iat":999000,"exp":1000500})", Outcome::kGood},
           Case{R"({"iss":"me","aud":["x","blog"],"nbf":1000010,"exp":1000500})", Outcome::kGood},
           Case{R"({"iss":"you","aud":"shop","iat":999000,"exp":1000500})", Outcome::kWrongIssuer},
           Case{R"({"iss":["me"],"aud":"shop","iat":999000,"exp":1000500})", Outcome::kWrongIssuer},
           Case{R"({"aud":"shop","iat":999000,"exp":1000500})", Outcome::kWrongIssuer},
           Case{R"({"iss":"me","aud":"x","iat":999000,"exp":1000500})", Outcome::kWrongAudience},
           Case{R"({"iss":"me","iat":999000,"exp":1000500})", Outcome::kWrongAudience},
           Case{R"({"iss":"me","aud":[["shop"]],"iat":999000,"exp":1000500})",
                Outcome::kWrongAudience},
           Case{R"({"iss":"me","aud":"shop","iat":999000,"exp":999991})", Outcome::kGood},
           Case{R"({"iss":"me","aud":"shop","iat":999000,"exp":999990})", Outcome::kExpired},
           Case{R"({"iss":"me","aud":"shop","iat":1000011,"exp":1000500})", Outcome::kNotYetValid},
           Case{R"({"iss":"me","aud":"shop","nbf":1000011,"exp":1000500})", Outcome::kNotYetValid},
           Case{R"({"iss":"me","aud":"shop","iat":999000})", Outcome::kNoExpiration},
           Case{R"({"iss":"me","aud":"shop","iat":999000,"exp":1002601})",
                Outcome::kLifetimeTooLong},
           Case{R"({"iss":"me","aud":"shop","exp":1000500})", Outcome::kLifetimeTooLong},
           Case{R"({"iss":"me","aud":"shop","iat":999000,"exp":"1000500"})", Outcome::kMalformed},
           Case{R"({"iss":"me","aud":"shop","iat":-1,"exp":1000500})", Outcome::kMalformed},
           Case{R"({"iss":"me","aud":"shop","iat":999000,"exp":1e300})", Outcome::kMalformed},
       }) {
    EXPECT_EQ(detailOf(check(one.claims)), detailOf(one.outcome)) << one.claims;
  }
  rules = {.requires_expiration = false};
  EXPECT_EQ(check("{}"), Outcome::kGood);
}

}  // namespace
}  // namespace weir::extensions::http_filters::jwt_auth
