#include "source/http/path_template.h"

#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace weir::http {
namespace {

PathTemplate made(std::string_view text, bool ignore_case = false) {
  auto parsed = PathTemplate::parse(text, ignore_case);
  EXPECT_TRUE(parsed.ok()) << text << ": " << parsed.status();
  return *std::move(parsed);
}

// "-": there is none.
std::string captured(std::string_view text, std::string_view path, std::string_view name) {
  const auto value = made(text).capture(path, name);
  return value ? std::string(*value) : "-";
}

TEST(PathTemplateTest, MatchesSegmentsAndTheRest) {
  struct Case {
    std::string_view text;
    std::string_view path;
    bool matches;
  };
  const Case cases[] = {
      {"/", "/", true},
      {"/", "/?a=/b", true},
      {"/", "/a", false},
      {"/a/b", "/a/b", true},
      {"/a/b", "/a/b/", false},
      {"/a/b/", "/a/b/", true},
      {"/a/b/", "/a/b", false},
      {"/a/b", "/a/B", false},
      {"/users/{id}/orders/{order}", "/users/7/orders/8", true},
      {"/users/{id}/orders/{order}", "/users/7/orders/8?x", true},
      {"/users/{id}/orders/{order}", "/users//orders/8", false},
      {"/users/{id}/orders/{order}", "/users/7/orders/", false},
      {"/users/{id}/orders/{order}", "/users/7/orders", false},
      {"/users/{id}/orders/{order}", "/users/7/orders/8/9", false},
      {"/users/*", "/users/%2F", true},
      {"/users/*", "/users/a/b", false},
      {"/files/**", "/files", true},
      {"/files/**", "/files/", true},
      {"/files/**", "/files/a//b/", true},
      {"/files/**", "/filesystem", false},
      {"/**", "/", true},
      {"/**", "/a/b", true},
      {"/{shelf=shelves/*}/books/{rest=**}", "/shelves/3/books", true},
      {"/{shelf=shelves/*}/books/{rest=**}", "/shelf/3/books", false},
      {"/a", "*", false},
      {"/**", "", false},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(made(c.text).matches(c.path), c.matches) << c.text << " " << c.path;
  }
}

TEST(PathTemplateTest, CapturesAsItStandsInThePath) {
  EXPECT_EQ(captured("/users/{id}/orders/{order}", "/users/7%20/orders/8?id=9", "id"), "7%20");
  EXPECT_EQ(captured("/users/{id}/orders/{order}", "/users/7/orders/8?id=9", "order"), "8");
  EXPECT_EQ(captured("/users/{id}", "/users/7", "order"), "-");
  EXPECT_EQ(captured("/users/{id}", "/users/7/8", "id"), "-");
  EXPECT_EQ(captured("/{shelf=shelves/*}/books/{rest=**}", "/shelves/3/books/a/b", "shelf"),
            "shelves/3");
  EXPECT_EQ(captured("/{shelf=shelves/*}/books/{rest=**}", "/shelves/3/books/a/b", "rest"), "a/b");
  EXPECT_EQ(captured("/files/{rest=**}", "/files", "rest"), "");
  EXPECT_EQ(captured("/files/{rest=**}", "/files/", "rest"), "");
  EXPECT_EQ(captured("/files/{rest=**}", "/files/a/?b/c", "rest"), "a/");
  EXPECT_EQ(captured("/files/{all=x/**}", "/files/x/y", "all"), "x/y");
  EXPECT_EQ(captured("/{a=b}", "/b", "a"), "b");
}

TEST(PathTemplateTest, IgnoresCaseInLiteralsAlone) {
  const PathTemplate folded = made("/Users/{id}", true);
  EXPECT_TRUE(folded.matches("/uSERS/Ab"));
  EXPECT_EQ(folded.capture("/uSERS/Ab", "id"), "Ab");
  EXPECT_EQ(folded.shape(), made("/USERS/*", true).shape());
}

TEST(PathTemplateTest, TheShapeLeavesNamesOut) {
  EXPECT_EQ(made("/a/{id}/{rest=**}").shape(), made("/a/*/**").shape());
  EXPECT_EQ(made("/{x=a/*}/b").shape(), made("/a/*/b").shape());
  EXPECT_NE(made("/a/*").shape(), made("/a/**").shape());
}

TEST(PathTemplateTest, SaysWhatIsWrongAndWhere) {
  const struct {
    std::string_view text;
    std::string_view message;
  } cases[] = {
      {"users", "column 1: does not begin with \"/\"; write \"/users\""},
      {"", "column 1: does not begin"},
      {"/a//b", "column 4: a segment is empty"},
      {"/a/**/b", "column 7: there is a segment behind \"**\""},
      {"/a/{x=**}/b", "column 11: there is a segment behind \"**\""},
      {"/a/x*", "column 5: a wildcard or capture is part of a segment"},
      {"/a/*x", "column 5: text behind a wildcard"},
      {"/a/***", "column 6: a wildcard or capture"},
      {"/a/{x}y", "column 7: text behind a capture"},
      {"/a/{x", "column 6: a capture is not closed"},
      {"/a/{}", "column 5: a capture has no name"},
      {"/a/{7}", "column 5: a capture has no name"},
      {"/a/{x={y}}", "column 7: a capture inside of a capture"},
      {"/a/{x=}", "column 7: a segment is empty"},
      {"/{x}/{x}", "column 8: there are two captures \"x\""},
      {"/a?b=1", "column 3: the query is not part of what is matched; use query_parameters"},
      {"/a b", "column 3: this cannot stand in a path template"},
  };
  for (const auto& c : cases) {
    const auto parsed = PathTemplate::parse(c.text);
    ASSERT_FALSE(parsed.ok()) << c.text;
    EXPECT_THAT(std::string(parsed.status().message()), testing::StartsWith(std::string(c.message)))
        << c.text;
  }
}

TEST(PathTemplateTest, IsBounded) {
  std::string segments;
  std::string names;
  for (size_t i = 0; i < PathTemplate::kMaxSegments; ++i) segments += "/*";
  for (size_t i = 0; i < PathTemplate::kMaxCaptures; ++i) names += "/{a" + std::to_string(i) + "}";
  EXPECT_TRUE(PathTemplate::parse(segments).ok());
  EXPECT_FALSE(PathTemplate::parse(segments + "/*").ok());
  EXPECT_FALSE(PathTemplate::parse(segments + "/{a}").ok());
  EXPECT_TRUE(PathTemplate::parse(names).ok());
  EXPECT_FALSE(PathTemplate::parse(names + "/{b}").ok());
  EXPECT_FALSE(
      PathTemplate::parse("/" + std::string(PathTemplate::kMaxLiteralBytes + 1, 'a')).ok());
  EXPECT_FALSE(PathTemplate::parse("/" + std::string(PathTemplate::kMaxBytes, '*')).ok());
}

}  // namespace
}  // namespace weir::http
