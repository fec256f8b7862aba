#include "extensions/http_filters/grpc_json_transcoder/escapes.h"

#include <gtest/gtest.h>

#include <string>

#include "source/base/random.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {
namespace {

TEST(Unescape, OnlyWhatIsWellFormed) {
  EXPECT_EQ(unescape("", Unescape::kAll), "");
  EXPECT_EQ(unescape("a%41%2f%2F+", Unescape::kAll), "aA//+");
  EXPECT_EQ(unescape("a%41%2f%2F+", Unescape::kAllButSlash), "aA%2f%2F+");
  EXPECT_EQ(unescape("a+%2B", Unescape::kAllAndPlus), "a +");
  EXPECT_EQ(unescape("%2541", Unescape::kAll), "%41");
  EXPECT_EQ(unescape("%e2%82%ac", Unescape::kAll), "\xe2\x82\xac");
  EXPECT_EQ(unescape("%00", Unescape::kAll), std::string(1, '\0'));
  for (const char* text : {"%", "%4", "a%4", "%zz", "%4z", "%-1", "%ff", "%c3", "%ed%a0%80"}) {
    EXPECT_EQ(unescape(text, Unescape::kAll), std::nullopt) << text;
  }
}

TEST(Base64, BothAlphabetsWithAndWithoutPadding) {
  EXPECT_EQ(encodeBase64(""), "");
  EXPECT_EQ(encodeBase64("a"), "YQ==");
  EXPECT_EQ(encodeBase64("ab"), "YWI=");
  EXPECT_EQ(encodeBase64("abc"), "YWJj");
  EXPECT_EQ(decodeBase64("YWI"), "ab");
  EXPECT_EQ(decodeBase64("-_-_"), decodeBase64("+/+/"));
  for (const char* text : {"Y", "YQ=Q", "Y Q", "YWJjZ", "*"}) {
    EXPECT_EQ(decodeBase64(text), std::nullopt) << text;
  }
}

TEST(Base64, RoundTrip) {
  base::Random random(3);
  for (int i = 0; i < 2000; ++i) {
    std::string bytes(random.uniform(40), '\0');
    for (char& c : bytes) c = static_cast<char>(random.uniform(256));
    EXPECT_EQ(decodeBase64(encodeBase64(bytes)), bytes);
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters::grpc_json_transcoder
