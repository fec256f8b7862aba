#include "source/base/regex.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::base {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

TEST(Regex, MatchesAndReplaces) {
  const Regex regex = *Regex::compile("/user/(\\d+)");
  EXPECT_TRUE(regex.fullMatch("/user/42"));
  EXPECT_FALSE(regex.fullMatch("/user/42/x"));
  EXPECT_TRUE(regex.partialMatch("see /user/42/x"));
  EXPECT_EQ(regex.groups(), 1);
  EXPECT_EQ(regex.replaceAll("/user/1 /user/2", "/u\\1"), "/u1 /u2");
  EXPECT_EQ(regex.replaceFirst("/user/1 /user/2", "/u\\1"), "/u1 /user/2");
  EXPECT_TRUE(regex.checkRewrite("\\1").ok());
  EXPECT_FALSE(regex.checkRewrite("\\2").ok());
  EXPECT_EQ(regex.replaceAll("/user/1", "\\2"), "/user/1");
  EXPECT_EQ(regex.pattern(), "/user/(\\d+)");
}

TEST(Regex, TakesAnyBytes) {
  EXPECT_TRUE(Regex::compile("a.b")->fullMatch("a\xff\x62"));
}

TEST(Regex, SaysWhatIsWrong) {
  const std::string message(Regex::compile("ok[z-a]").status().message());
  EXPECT_THAT(message, HasSubstr("invalid character class range: z-a"));
  EXPECT_THAT(message, HasSubstr("character 4"));
  EXPECT_THAT(std::string(Regex::compile("((a{100}){10}){9}").status().message()),
              testing::AnyOf(HasSubstr("too large"), HasSubstr("repetition")));
  EXPECT_FALSE(Regex::compile("a{20}", {.max_program_size = 5}).ok());
}

TEST(RegexSet, GivesIndicesInOrder) {
  const std::vector<std::string> patterns = {"/a/.*", "/b", "/a/\\d+", "/.*"};
  const RegexSet set = *RegexSet::compile(patterns);
  std::vector<int> indices = {99};
  EXPECT_TRUE(set.match("/a/7", indices));
  EXPECT_THAT(indices, ElementsAre(0, 2, 3));
  EXPECT_TRUE(set.match("/b", indices));
  EXPECT_THAT(indices, ElementsAre(1, 3));
  EXPECT_FALSE(set.match("b", indices));
  EXPECT_TRUE(indices.empty());
}

TEST(RegexSet, EmptyAndSingle) {
  std::vector<int> indices;
  EXPECT_FALSE(RegexSet::compile({})->match("", indices));
  const std::vector<std::string> one = {"x+"};
  EXPECT_TRUE(RegexSet::compile(one)->match("xx", indices));
  EXPECT_THAT(indices, ElementsAre(0));
}

TEST(RegexSet, NamesTheBadPattern) {
  const std::vector<std::string> patterns = {"ok", "("};
  EXPECT_THAT(std::string(RegexSet::compile(patterns).status().message()),
              HasSubstr("pattern 1: "));
}

}  // namespace
}  // namespace weir::base
