#include "source/config/match_compiler.h"

#include <gtest/gtest.h>

#include <string>

#include "api/weir/config/v1/match.pb.h"
#include "source/base/registry.h"
#include "source/config/text_parser.h"

namespace weir::config {
namespace {

struct Read {
  explicit Read(std::string_view text) { EXPECT_TRUE(parseText(text, registry, file, header)); }
  base::Registry registry;
  Diagnostics diagnostics;
  ParsedFile file{"w.textproto", diagnostics};
  v1::HeaderMatch header;
};

bool matches(std::string_view text, std::string_view value) {
  Read read(text);
  const http::HeaderMatcher matcher = compileHeaderMatch(read.header, read.file.rootCursor());
  EXPECT_TRUE(read.diagnostics.ok()) << read.diagnostics.toString();
  http::RequestHead head;
  head.headers.add("x-a", value);
  return matcher.matches(head);
}

std::string problem(std::string_view text) {
  Read read(text);
  static_cast<void>(compileHeaderMatch(read.header, read.file.rootCursor()));
  return read.diagnostics.toString();
}

TEST(MatchCompiler, ReadsEachKind) {
  EXPECT_TRUE(matches("name: 'X-A'", "v"));
  EXPECT_TRUE(matches("name: 'x-a' exact: 'v'", "v"));
  EXPECT_TRUE(matches("name: 'x-a' exact: 'V' ignore_case: true", "v"));
  EXPECT_TRUE(matches("name: 'x-a' prefix: 'v'", "vw"));
  EXPECT_TRUE(matches("name: 'x-a' suffix: 'w'", "vw"));
  EXPECT_TRUE(matches("name: 'x-a' contains: 'ow'", "vowel"));
  EXPECT_TRUE(matches("name: 'x-a' regex: 'V.*' ignore_case: true", "vw"));
  EXPECT_TRUE(matches("name: 'x-a' range { start: 1 end: 3 }", "2"));
  EXPECT_FALSE(matches("name: 'x-a' exact: 'v' invert: true", "v"));
  EXPECT_TRUE(matches("name: 'x-a' present: true", "v"));
  EXPECT_FALSE(matches("name: 'x-a' present: false", "v"));
  EXPECT_TRUE(matches("name: 'x-b' present: false", "v"));
  EXPECT_TRUE(matches("name: 'x-a' present: false invert: true", "v"));
}

TEST(MatchCompiler, SaysWhatIsWrong) {
  EXPECT_EQ(problem("exact: 'a'"), "w.textproto:1:1: name: is required; name a header\n");
  EXPECT_EQ(problem("name: ':status'"),
            "w.textproto:1:7: name: there is no \":status\"; use \":method\", \":path\", "
            "\":authority\" or \":scheme\"\n");
  EXPECT_EQ(problem("name: 'a b'"),
            "w.textproto:1:7: name: \"a b\" cannot be the name of a header; names are made of "
            "letters, digits and !#$%&'*+-.^_`|~\n");
  EXPECT_EQ(problem("name: 'a' prefix: ''"),
            "w.textproto:1:19: prefix: is required; write present: true for any value\n");
  EXPECT_EQ(problem("name: 'a' range { start: 3 end: 3 }"),
            "w.textproto:1:11: range: no number is 3 or more and less than 3; `end` is greater "
            "than `start`\n");
  EXPECT_EQ(problem("name: 'a' ignore_case: true"),
            "w.textproto:1:24: ignore_case: has no effect: no text is compared; remove it\n");
  EXPECT_NE(problem("name: 'a' regex: '('").find("regex: "), std::string::npos);
}

TEST(MatchCompiler, PercentagesAreBounded) {
  Read read("name: 'a'");
  v1::Percentage from;
  from.set_percent(12.5);
  EXPECT_EQ(compileFraction(from, read.file.rootCursor()).millionths, 125'000u);
  EXPECT_TRUE(read.diagnostics.ok());
  from.set_percent(100.1);
  static_cast<void>(compileFraction(from, read.file.rootCursor()));
  from.set_percent(-1);
  static_cast<void>(compileFraction(from, read.file.rootCursor()));
  EXPECT_EQ(read.diagnostics.list().size(), 2u);
}

}  // namespace
}  // namespace weir::config
