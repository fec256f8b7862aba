#include "source/router/path_rewriter.h"

#include <algorithm>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "source/http/semantics.h"

namespace weir::router {
namespace {

using Kind = PathRewrite::Kind;

std::string rewritten(const PathRewrite& rewrite, std::string_view target) {
  base::Arena arena;
  return std::string(rewriteTarget(rewrite, target, target, arena));
}

PathRewrite prefix(std::string matched, std::string text) {
  PathRewrite rewrite;
  rewrite.kind = Kind::kPrefix;
  rewrite.matched = std::move(matched);
  rewrite.text = std::move(text);
  return rewrite;
}

PathRewrite regex(std::string_view pattern, std::string substitution, bool all = false) {
  PathRewrite rewrite;
  rewrite.kind = Kind::kRegex;
  rewrite.regex = RegexRewrite{*base::Regex::compile(pattern), std::move(substitution), all};
  return rewrite;
}

PathRewrite filled(std::string_view shape, std::vector<PathRewrite::Piece> pieces) {
  PathRewrite rewrite;
  rewrite.kind = Kind::kTemplate;
  rewrite.shape = std::make_shared<const http::PathTemplate>(*http::PathTemplate::parse(shape));
  rewrite.pieces = std::move(pieces);
  return rewrite;
}

TEST(PathRewriter, Prefixes) {
  EXPECT_EQ(rewritten(prefix("/api", "/v2"), "/api/x?q=/api"), "/v2/x?q=/api");
  EXPECT_EQ(rewritten(prefix("/api", "/v2"), "/api"), "/v2");
  EXPECT_EQ(rewritten(prefix("/api", "/v2"), "/apix"), "/v2x");
  EXPECT_EQ(rewritten(prefix("/api", "/"), "/api/x"), "/x") << "no \"//x\"";
  EXPECT_EQ(rewritten(prefix("/api", "/"), "/api?q"), "/?q");
  EXPECT_EQ(rewritten(prefix("/api/", "/v2/"), "/api//x"), "/v2/x");
  EXPECT_EQ(rewritten(prefix("/api", "/v2"), "/API/x"), "/v2/x") << "case is the match's affair";
  EXPECT_EQ(rewritten(prefix("/api", "/v2"), "/other"), "/other") << "by a route provider";
  EXPECT_EQ(rewritten(prefix("/", "/v2/"), "/x"), "/v2/x");
  // What nginx's alias is known for.
  EXPECT_EQ(rewritten(prefix("/files", "/srv/"), "/files../secret"), "");
  EXPECT_EQ(rewritten(prefix("/files", "/srv/"), "/files%2e%2E/secret"), "");
  EXPECT_EQ(rewritten(prefix("/files", "/srv"), "/files../secret"), "/srv../secret");
}

TEST(PathRewriter, WholePathsAndWhatHasNone) {
  PathRewrite rewrite;
  rewrite.text = "/index";
  EXPECT_EQ(rewritten(rewrite, "/a/b?c"), "/index?c");
  EXPECT_EQ(rewritten(rewrite, "*"), "*");
  EXPECT_EQ(rewritten(rewrite, ""), "");
}

TEST(PathRewriter, RegularExpressions) {
  EXPECT_EQ(rewritten(regex("^/u/(\\d+)", "/users/\\1/home"), "/u/42/x?y"), "/users/42/home/x?y");
  EXPECT_EQ(rewritten(regex("o", "0"), "/foo/o"), "/f0o/o");
  EXPECT_EQ(rewritten(regex("o", "0", true), "/foo/o"), "/f00/0");
  EXPECT_EQ(rewritten(regex("none", "x"), "/a"), "/a");
  EXPECT_EQ(rewritten(regex("^/", ""), "/a"), "") << "no longer begins with \"/\"";
  EXPECT_EQ(rewritten(regex("a", "?"), "/a"), "");
  EXPECT_EQ(rewritten(regex("a", " "), "/a"), "");
  EXPECT_EQ(rewritten(regex("a", ".."), "/x/a/y"), "");
}

TEST(PathRewriter, Templates) {
  const PathRewrite swap = filled("/users/{id}/{rest=**}", {{"/by-id/", "id"}, {"/", "rest"}});
  EXPECT_EQ(rewritten(swap, "/users/7%2F8/a/b?q"), "/by-id/7%2F8/a/b?q");
  EXPECT_EQ(rewritten(swap, "/users/7"), "/by-id/7/");
  EXPECT_EQ(rewritten(swap, "/other"), "") << "it captures nothing there";
}

TEST(PathRewriter, KnowsWhatEverybodyReadsAlike) {
  for (const char* good :
       {"/", "/a", "/a/", "//a", "/a.b", "/...", "/a..", "/%41", "/a/.b", "/a%2Fb"}) {
    EXPECT_TRUE(isUnambiguousPath(good)) << good;
  }
  for (const char* bad : {"",      "a",    "*",       "/.",    "/..",  "/a/./b", "/a/../b",
                          "/a/..", "/%2e", "/%2E./x", "/.%2e", "/a?b", "/a#b",   "/a b",
                          "/a\\b", "/%",   "/%4",     "/%zz",  "/%00", "/a\r\n", "/\x80"}) {
    EXPECT_FALSE(isUnambiguousPath(bad)) << bad;
  }
  EXPECT_TRUE(isUnambiguousPath("/" + std::string(kMaxPathBytes - 1, 'a')));
  EXPECT_FALSE(isUnambiguousPath("/" + std::string(kMaxPathBytes, 'a')));
}

// Whatever is rewritten how: nothing, or a target that a normaliser leaves as it is, with the same
// query.
TEST(PathRewriter, NeverMakesATargetThatIsReadInTwoWays) {
  std::mt19937 random(5);
  const std::string alphabet = "/ab.%2eE0?#\\ x";
  const auto text = [&](size_t most) {
    std::string made;
    for (size_t i = random() % most; i > 0; --i) made += alphabet[random() % alphabet.size()];
    return made;
  };
  http::PathNormalisation normalisation;
  normalisation.merge_slashes = false;
  normalisation.escaped_slashes = http::PathNormalisation::Escaped::kKeep;
  int made = 0;
  for (int round = 0; round < 50'000; ++round) {
    std::string path = "/" + text(12);
    path = path.substr(0, path.find_first_of("?# \\"));
    const std::string query = random() % 2 == 0 ? "" : "?q=" + std::to_string(random() % 9);
    PathRewrite rewrite;
    switch (random() % 4) {
      case 0:
        rewrite = prefix(path.substr(0, random() % (path.size() + 1)), "/" + text(4));
        break;
      case 1:
        rewrite.text = text(8);
        break;
      case 2:
        rewrite = regex(random() % 2 == 0 ? "[ab]" : "^/(.?)", text(4), random() % 2 == 0);
        if (rewrite.regex->substitution.find('\\') != std::string::npos) continue;
        break;
      default:
        rewrite = filled("/{a}/{b=**}", {{text(4), "b"}, {text(4), "a"}});
    }
    const std::string result = rewritten(rewrite, path + query);
    if (result.empty() || result == path + query) continue;
    ++made;
    ASSERT_TRUE(result.ends_with(query));
    ASSERT_TRUE(http::isTarget(result)) << result;
    http::RequestHead head;
    head.path = result;
    ASSERT_EQ(http::normalisePath(head, normalisation).reason, http::ErrorReason::kNone) << result;
    // Only escapes of what needs none, and their case, may differ.
    ASSERT_EQ(std::count(head.path.begin(), head.path.end(), '/'),
              std::count(result.begin(), result.end(), '/'))
        << result;
  }
  EXPECT_GT(made, 1000);
}

}  // namespace
}  // namespace weir::router
