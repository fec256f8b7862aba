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

TEST(Utf8, AsRfc3629) {
  for (const char* text :
       {"", "a", "\xc2\x80", "\xdf\xbf", "\xe0\xa0\x80", "\xef\xbf\xbf", "\xed\x9f\xbf",
        "\xee\x80\x80", "\xf0\x90\x80\x80", "\xf4\x8f\xbf\xbf"}) {
    EXPECT_TRUE(isUtf8(text)) << text;
  }
  for (const char* text :
       {"\x80", "\xc0\x80", "\xc1\xbf", "\xc3", "\xe0\x9f\xbf", "\xed\xa0\x80", "\xe2\x82",
        "\xf0\x8f\xbf\xbf", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xff", "a\xc3\x28"}) {
    EXPECT_FALSE(isUtf8(text)) << text;
  }
}

std::string jsonString(std::string_view text) {
  std::string out;
  appendJsonString(text, out);
  return out;
}

TEST(JsonString, EscapesAndRepairs) {
  EXPECT_EQ(jsonString("a\"b\\c/\n\r\t"), R"("a\"b\\c/\n\r\t")");
  EXPECT_EQ(jsonString(std::string("\0\x1f\x7f", 3)), "\"\\u0000\\u001f\x7f\"");
  EXPECT_EQ(jsonString("\xe2\x82\xac"), "\"\xe2\x82\xac\"");
  EXPECT_EQ(jsonString("a\xff\xe2\x82z"), "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbdz\"");
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
