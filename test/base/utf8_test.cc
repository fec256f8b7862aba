#include "source/base/utf8.h"

#include <gtest/gtest.h>

namespace weir::base {
namespace {

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

TEST(Utf8, LengthsOfCharacters) {
  EXPECT_EQ(utf8Length("ab"), 1u);
  EXPECT_EQ(utf8Length("\xc2\x80z"), 2u);
  EXPECT_EQ(utf8Length("\xe2\x82\xacz"), 3u);
  EXPECT_EQ(utf8Length("\xf0\x90\x80\x80z"), 4u);
  EXPECT_EQ(utf8Length("\xe2\x82"), 0u);
}

TEST(Utf8, AppendsWhatItReads) {
  for (const uint32_t code : {0u, 0x7fu, 0x80u, 0x7ffu, 0x800u, 0xffffu, 0x10000u, 0x10ffffu}) {
    std::string text;
    appendUtf8(code, text);
    EXPECT_EQ(utf8Length(text), text.size()) << code;
  }
}

}  // namespace
}  // namespace weir::base
