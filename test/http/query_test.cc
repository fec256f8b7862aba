#include "source/http/query.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::http {
namespace {

std::string value(std::string_view target, std::string_view name) {
  return std::string(queryValue(target, name).value_or("none"));
}

std::string decoded(std::string_view text) {
  std::string out;
  for (PercentDecoder decoder(text); !decoder.done();) out.push_back(decoder.next());
  return out;
}

TEST(Query, TheFirstOfThatNameCounts) {
  EXPECT_EQ(value("/x?a=1&b=2&a=3", "a"), "1");
  EXPECT_EQ(value("/x?a=1&b=2&a=3", "b"), "2");
  EXPECT_EQ(value("/x?a=1", "A"), "none");
  EXPECT_EQ(value("/x?a=1", "x"), "none");
  EXPECT_EQ(value("/a=1", "a"), "none");
  EXPECT_EQ(value("", "a"), "none");
}

TEST(Query, TakesWhatIsThere) {
  EXPECT_EQ(value("/?&&a&b=&c=x=y&=z", "a"), "");
  EXPECT_EQ(value("/?&&a&b=&c=x=y&=z", "b"), "");
  EXPECT_EQ(value("/?&&a&b=&c=x=y&=z", "c"), "x=y");
  EXPECT_EQ(value("/?a=1?b=2", "a"), "1?b=2");
  EXPECT_EQ(value("/?a=1#a=2", "a"), "1");
}

TEST(Query, NamesAreComparedDecodedAndValuesStayEncoded) {
  EXPECT_EQ(value("/?a%5B%5d=%41", "a[]"), "%41");
  EXPECT_EQ(value("/?a%=1", "a%"), "1");
  EXPECT_EQ(value("/?a+b=1", "a+b"), "1");
  EXPECT_EQ(value("/?ab=1", "a"), "none");
  EXPECT_EQ(value("/?a=1", "ab"), "none");
}

TEST(Query, DecodesEscapesAndLeavesWhatIsNone) {
  EXPECT_EQ(decoded("a%2Db%2db"), "a-b-b");
  EXPECT_EQ(decoded("100%"), "100%");
  EXPECT_EQ(decoded("%4"), "%4");
  EXPECT_EQ(decoded("%zz%41"), "%zzA");
  EXPECT_EQ(decoded("%%41"), "%A");
  EXPECT_EQ(decoded("%00"), std::string(1, '\0'));
  EXPECT_EQ(decoded(""), "");
}

}  // namespace
}  // namespace weir::http
