#include "source/base/json_text.h"

#include <gtest/gtest.h>

namespace weir::base {
namespace {

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

}  // namespace
}  // namespace weir::base
