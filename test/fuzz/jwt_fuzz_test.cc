// Arbitrary bytes as a token, as a set of keys and as JSON. Held to: nothing that was not signed
// verifies; a token that is read is one that its own text stands for; a set that is read has keys.
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "extensions/http_filters/common/access/base64url.h"
#include "extensions/http_filters/common/access/json_reader.h"
#include "extensions/http_filters/jwt_auth/token.h"
#include "source/base/arena.h"
#include "test/fuzz/entry_point.h"

namespace {

using namespace weir;
using namespace weir::extensions::http_filters;
using namespace weir::extensions::http_filters::jwt_auth;

void require(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "violated: %s\n", what);
  std::abort();
}

// Ed25519 of RFC 8037 and P-256 of RFC 7515, whose private halves nobody uses here.
const Jwks& keys() {
  static const auto set = *Jwks::parse(
      R"({"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"},)"
      R"({"kty":"EC","crv":"P-256","x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",)"
      R"("y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]})");
  return *set;
}

// Of RFC 7515 A.3: the one that verifies.
constexpr std::string_view kSigned =
    "eyJhbGciOiJFUzI1NiJ9."
    "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ"
    ".DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto token = Token::parse(text)) {
    require(text.starts_with(token->signedText()), "the signed text is what came");
    const bool good = checkSignature(*token, keys(), AlgorithmSet::all()) == Outcome::kGood;
    require(!good || text == kSigned, "only what was signed verifies");
    const ClaimRules rules;
    rules.check(token->claims(), std::chrono::system_clock::time_point());
  }
  if (const auto set = Jwks::parse(text); set.ok()) {
    require(!(*set)->keys().empty(), "a set has keys");
    (*set)->verify(Algorithm::kEs256, "", "text", std::string(64, '\1'));
  }
  base::Arena arena;
  const auto value = readJson(text, arena);
  require(!value.ok() || !text.empty(), "nothing is no JSON");
  if (const auto bytes = decodeBase64Url(text)) {
    require(encodeBase64Url(*bytes) == text, "one text for some bytes");
  }
  return 0;
}
