#include "source/http/matchers.h"

#include <gtest/gtest.h>

#include <cctype>
#include <string>

namespace weir::http {
namespace {

base::Regex regex(std::string_view pattern) {
  return *base::Regex::compile(pattern);
}

TEST(TextMatcher, MatchesByEachKind) {
  struct Case {
    TextMatcher matcher;
    std::vector<std::string> yes;
    std::vector<std::string> no;
  };
  const Case cases[] = {
      {TextMatcher::present(), {"", "a"}, {}},
      {TextMatcher::exact("Ab"), {"Ab"}, {"", "ab", "Abc", "A"}},
      {TextMatcher::exact(""), {""}, {"a"}},
      {TextMatcher::exact("Ab", true), {"Ab", "aB", "AB"}, {"abc", "a"}},
      {TextMatcher::prefix("Ab"), {"Ab", "Abc"}, {"", "A", "abc", "cAb"}},
      {TextMatcher::prefix("Ab", true), {"aBc"}, {"a", "cab"}},
      {TextMatcher::suffix("Ab"), {"Ab", "cAb"}, {"b", "Abc"}},
      {TextMatcher::suffix("Ab", true), {"cAB"}, {"abc"}},
      {TextMatcher::contains("Ab"), {"Ab", "xAby"}, {"", "xaby", "A b"}},
      {TextMatcher::contains("Ab", true), {"xaBy"}, {"a"}},
      {TextMatcher::regex(regex("a+")), {"a", "aaa"}, {"", "ba", "ab"}},
      {TextMatcher::range(-1, 10),
       {"-1", "0", "+9", "007"},
       {"10", "-2", "", "1.0", "1 ", "++1", "+-1", "99999999999999999999"}},
  };
  for (const Case& each : cases) {
    for (const auto& text : each.yes) EXPECT_TRUE(each.matcher.matches(text)) << text;
    for (const auto& text : each.no) EXPECT_FALSE(each.matcher.matches(text)) << text;
  }
}

TEST(TextMatcher, SaysWhichTextAloneMatches) {
  EXPECT_EQ(TextMatcher::exact("a").only(), "a");
  EXPECT_EQ(TextMatcher::exact("a", true).only(), std::nullopt);
  EXPECT_EQ(TextMatcher::prefix("a").only(), std::nullopt);
}

// Case makes no difference to the same matcher and text in any case.
TEST(TextMatcher, IgnoringCaseIsAsIfAllWereLower) {
  base::Random random(11);
  const auto word = [&](size_t longest) {
    std::string text;
    for (size_t i = random.uniform(longest + 1); i > 0; --i) {
      text.push_back("aAbB-\xc4"[random.uniform(6)]);
    }
    return text;
  };
  const auto lower = [](std::string text) {
    for (char& c : text) c = c == 'A' || c == 'B' ? static_cast<char>(c + 32) : c;
    return text;
  };
  for (int i = 0; i < 20'000; ++i) {
    const std::string text = word(12);
    const std::string part = word(3);
    const std::string low = lower(text);
    const std::string low_part = lower(part);
    EXPECT_EQ(TextMatcher::exact(part, true).matches(text), low == low_part);
    EXPECT_EQ(TextMatcher::prefix(part, true).matches(text), low.starts_with(low_part));
    EXPECT_EQ(TextMatcher::suffix(part, true).matches(text), low.ends_with(low_part));
    EXPECT_EQ(TextMatcher::contains(part, true).matches(text),
              low.find(low_part) != std::string::npos);
  }
}

TEST(HeaderMatcher, LooksAtFieldsAndPseudoHeaders) {
  RequestHead head;
  head.method = "GET";
  head.scheme = "https";
  head.authority = "shop.example";
  head.path = "/a?b";
  head.headers.add("X-User", "ann");
  head.headers.add("Accept", "text/html");
  head.headers.add("x-list", "a");
  head.headers.add("X-List", "b");
  head.headers.add("Accept", "*/*");
  head.headers.add("x-empty", "");
  const auto matches = [&](std::string_view name, TextMatcher text, bool invert = false) {
    return HeaderMatcher(name, std::move(text), invert).matches(head);
  };
  EXPECT_TRUE(matches("x-USER", TextMatcher::exact("ann")));
  EXPECT_FALSE(matches("x-user", TextMatcher::exact("ann"), true));
  EXPECT_TRUE(matches("x-empty", TextMatcher::present()));
  EXPECT_FALSE(matches("x-none", TextMatcher::present()));
  EXPECT_TRUE(matches("x-none", TextMatcher::present(), true));
  EXPECT_TRUE(matches("x-none", TextMatcher::exact("a"), true));
  EXPECT_TRUE(matches("x-list", TextMatcher::exact("a,b")));
  EXPECT_TRUE(matches("accept", TextMatcher::exact("text/html,*/*")));
  EXPECT_TRUE(matches(":method", TextMatcher::exact("GET")));
  EXPECT_TRUE(matches(":path", TextMatcher::exact("/a?b")));
  EXPECT_TRUE(matches(":authority", TextMatcher::suffix(".example")));
  EXPECT_TRUE(matches(":scheme", TextMatcher::exact("https")));
  EXPECT_FALSE(HeaderMatcher(":method", TextMatcher::present()).matches(head.headers));
}

TEST(ParameterMatcher, LooksAtQueriesAndCookies) {
  const auto query = [](std::string_view target, std::string_view name, TextMatcher text,
                        bool invert = false) {
    return ParameterMatcher(name, std::move(text), invert).matchesQuery(target);
  };
  EXPECT_TRUE(query("/a?id=7", "id", TextMatcher::exact("7")));
  EXPECT_TRUE(query("/a?id=%37", "id", TextMatcher::exact("7")));
  EXPECT_TRUE(query("/a?id=x%2Cy", "id", TextMatcher::exact("x,y")));
  EXPECT_TRUE(query("/a?id", "id", TextMatcher::present()));
  EXPECT_FALSE(query("/a?ID=7", "id", TextMatcher::present()));
  EXPECT_TRUE(query("/a", "id", TextMatcher::exact("7"), true));
  RequestHead head;
  head.headers.add("Cookie", "a=1; b=2");
  EXPECT_TRUE(ParameterMatcher("b", TextMatcher::exact("2")).matchesCookie(head.headers));
  EXPECT_FALSE(ParameterMatcher("c", TextMatcher::present()).matchesCookie(head.headers));
}

TEST(Fraction, TakesItsShare) {
  base::Random random(3);
  const Fraction tenth{.millionths = 100'000};
  int taken = 0;
  for (int i = 0; i < 100'000; ++i) taken += tenth.takes(random) ? 1 : 0;
  EXPECT_NEAR(taken, 10'000, 600);
  EXPECT_TRUE(Fraction{}.takes(random));
  EXPECT_FALSE(Fraction{.millionths = 0}.takes(random));
  EXPECT_TRUE(tenth.takes(uint64_t{99'999}));
  EXPECT_FALSE(tenth.takes(uint64_t{100'000}));
}

TEST(Matchers, DescribeThemselves) {
  EXPECT_EQ(HeaderMatcher("X-A", TextMatcher::prefix("B", true)).describe(),
            "header x-a begins with \"b\" in any case");
  EXPECT_EQ(HeaderMatcher("x-a", TextMatcher::range(1, 5), true).describe(),
            "not: header x-a is a number from 1 to less than 5");
  EXPECT_EQ(ParameterMatcher("id", TextMatcher::regex(regex("a.c"))).describe(), "id matches a.c");
}

}  // namespace
}  // namespace weir::http
