#include "extensions/stickiness/common/set_cookie.h"

#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "extensions/stickiness/common/cookie_pairs.h"

namespace weir::extensions::stickiness {
namespace {

std::string value(const std::vector<std::string>& fields) {
  base::Arena arena;
  http::HeaderMap headers(arena);
  for (const std::string& field : fields) headers.add(http::HeaderId::kSetCookie, field);
  return std::string(setCookieValue(headers, "SID").value_or("-"));
}

TEST(SetCookieTest, FindsTheLastOfTheName) {
  EXPECT_EQ(value({}), "-");
  EXPECT_EQ(value({"SID=a"}), "a");
  EXPECT_EQ(value({"SID=a; Path=/; HttpOnly"}), "a");
  EXPECT_EQ(value({" SID = \"a b\" ; Secure"}), "a b");
  EXPECT_EQ(value({"SID=a", "x=1", "SID=b"}), "b");
  EXPECT_EQ(value({"SID=a=b"}), "a=b");
}

TEST(SetCookieTest, TakesNothingElse) {
  for (const char* field : {"sid=a", "SIDE=a", "x=1; SID=a", "SID", "SID=", "SID=\"\"", "",
                            ";SID=a", "=SID", "SID; a=b"}) {
    EXPECT_EQ(value({field}), "-") << field;
  }
  EXPECT_EQ(value({"SID=a", "SID=; Max-Age=0"}), "-") << "it was taken back";
}

TEST(CookiePairsTest, AreReadAsTheyCome) {
  std::string seen;
  forEachCookiePair(" a=1;;b = \"2\" ; c ; =d;e=\"", [&](const CookiePair& pair) {
    seen += std::string(pair.name) + ":" + std::string(pair.value) + "|";
  });
  EXPECT_EQ(seen, "a:1|b:2|:c|:d|e:\"|");
}

}  // namespace
}  // namespace weir::extensions::stickiness
