// Tokens of every algorithm, signed by Python's cryptography.

#include <cstdio>
#include <sstream>
#include <string>

#include "gtest/gtest.h"

#include "extensions/http_filters/jwt_auth/token.h"

namespace weir::extensions::http_filters::jwt_auth {
namespace {

std::string outputOf(const std::string& command) {
  std::string output;
  FILE* const pipe = ::popen(command.c_str(), "r");
  if (pipe == nullptr) return output;
  char piece[4096];
  for (size_t n = 0; (n = std::fread(piece, 1, sizeof piece, pipe)) > 0;) output.append(piece, n);
  return ::pclose(pipe) == 0 ? output : "";
}

TEST(JwtInterop, TokensOfPythonsCryptography) {
  std::istringstream output(
      outputOf("python3 -B test/extensions/http_filters/jwt_auth/sign_tokens.py"));
  std::string jwks;
  ASSERT_TRUE(std::getline(output, jwks));
  const auto keys = Jwks::parse(jwks);
  ASSERT_TRUE(keys.ok()) << keys.status();
  EXPECT_EQ((*keys)->keys().size(), 6u);
  size_t count = 0;
  std::string name;
  std::string text;
  for (; output >> name >> text; ++count) {
    const auto token = Token::parse(text);
    ASSERT_NE(token, nullptr) << name;
    EXPECT_EQ(algorithmName(*token->algorithm()), name);
    EXPECT_EQ(token->claims().find("sub")->text, "alice");
    EXPECT_EQ(checkSignature(*token, **keys, AlgorithmSet::all()), Outcome::kGood) << name;
    // Not with other claims.
    std::string other = text;
    other[other.find('.') + 2] ^= 1;
    const auto changed = Token::parse(other);
    EXPECT_TRUE(changed == nullptr ||
                checkSignature(*changed, **keys, AlgorithmSet::all()) != Outcome::kGood);
  }
  EXPECT_EQ(count, static_cast<size_t>(Algorithm::kCount));
}

}  // namespace
}  // namespace weir::extensions::http_filters::jwt_auth
