#include "extensions/health_checkers/common/byte_pattern.h"

#include <algorithm>
#include <random>
#include <string>

#include "gtest/gtest.h"

#include "extensions/health_checkers/common/printable.h"

namespace weir::extensions::health_checkers {
namespace {

// Where the first occurrence ends, when `text` comes in pieces as `random` cuts it; npos: none.
size_t endOfMatch(const std::string& pattern, std::string_view text, std::mt19937& random) {
  const BytePattern subject(pattern);
  BytePattern::State state = 0;
  size_t at = 0;
  while (at < text.size()) {
    std::string_view piece = text.substr(at, 1 + random() % 5);
    const size_t size = piece.size();
    const bool found = subject.find(piece, state);
    at += size - piece.size();
    if (found) return at;
    EXPECT_TRUE(piece.empty());
  }
  return std::string_view::npos;
}

TEST(BytePattern, FindsWhatSearchingFindsHoweverTheTextIsCut) {
  std::mt19937 random(7);
  int found = 0;
  for (int round = 0; round < 20'000; ++round) {
    std::string pattern;
    std::string text;
    for (size_t i = 0, n = 1 + random() % 6; i < n; ++i) pattern += "ab"[random() % 2];
    for (size_t i = 0, n = random() % 40; i < n; ++i) text += "ab"[random() % 2];
    const size_t begin = text.find(pattern);
    const size_t expected = begin == std::string::npos ? begin : begin + pattern.size();
    ASSERT_EQ(endOfMatch(pattern, text, random), expected) << pattern << " in " << text;
    found += expected != std::string::npos;
  }
  EXPECT_GT(found, 5000);
}

TEST(BytePattern, TakesAnyByte) {
  const BytePattern pattern(std::string("\0\xff\n", 3));
  BytePattern::State state = 0;
  const std::string text("x\0\0\xff\nrest", 9);
  std::string_view left = text;
  EXPECT_TRUE(pattern.find(left, state));
  EXPECT_EQ(left, "rest");
}

// A search looks at each byte a bounded number of times, whatever the endpoint says.
TEST(BytePattern, ALongTextThatAlmostFitsIsNoWork) {
  const BytePattern pattern(std::string(4000, 'a') + "b");
  BytePattern::State state = 0;
  const std::string text(8'000'000, 'a');
  std::string_view left = text;
  EXPECT_FALSE(pattern.find(left, state));
  EXPECT_EQ(state, 4000u);
}

TEST(Printable, EscapesAndCuts) {
  EXPECT_EQ(printable("a \"b\"\\\r\n\t"), "a \\\"b\\\"\\\\\\r\\n\\t");
  EXPECT_EQ(printable(std::string("\0\x7f\xff", 3)), "\\x00\\x7f\\xff");
  EXPECT_EQ(printable("abcdef", 3), "abc...");
}

}  // namespace
}  // namespace weir::extensions::health_checkers
