#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "source/http/semantics.h"

namespace weir::http {
namespace {

using Escaped = PathNormalisation::Escaped;
constexpr std::string_view kRefused = "400";

std::string normalised(std::string_view path, const PathNormalisation& options = {}) {
  RequestHead head;
  head.path = path;
  const StreamError error = normalisePath(head, options);
  if (error.reason == ErrorReason::kNone) return std::string(head.path);
  EXPECT_EQ(error.reason, ErrorReason::kProtocol);
  EXPECT_FALSE(error.detail().empty());
  return std::string(kRefused);
}

struct Row {
  std::string_view path;
  std::string_view expected;
  const char* section;
};

TEST(PathNormalisationTest, Defaults) {
  const Row rows[] = {
      {"/", "/", "RFC 3986 6.2.2"},
      {"/a/b?c=/../d", "/a/b?c=/../d", "RFC 3986 3.4: the query is left alone"},
      {"/a/./b", "/a/b", "RFC 3986 5.2.4"},
      {"/a/../b", "/b", "RFC 3986 5.2.4"},
      {"/a/b/..", "/a/", "RFC 3986 5.2.4"},
      {"/a/.", "/a/", "RFC 3986 5.2.4"},
      {"/.", "/", "RFC 3986 5.2.4"},
      {"/a/..", "/", "RFC 3986 5.2.4"},
      {"/mid/content=5/../6", "/mid/6", "RFC 3986 5.2.4"},
      {"/a/b/c/./../../g", "/a/g", "RFC 3986 5.2.4"},
      {"/...", "/...", "not a dot segment"},
      {"/.well-known/x", "/.well-known/x", "not a dot segment"},
      {"/a..b/..c", "/a..b/..c", "not a dot segment"},
      {"/..", kRefused, "leaves the root"},
      {"/../", kRefused, "leaves the root"},
      {"/a/../../b", kRefused, "leaves the root"},
      {"/%2e%2e/b", kRefused, "RFC 3986 6.2.2.2, then leaves the root"},
      {"/a/%2E./b", "/b", "RFC 3986 6.2.2.2"},
      {"/a//b///c", "/a/b/c", "merge_slashes"},
      {"//a", "/a", "merge_slashes"},
      {"/a//", "/a/", "merge_slashes"},
      {"//", "/", "merge_slashes"},
      {"/a//../b", "/b", "merge_slashes before dot segments"},
      {"/%41%7a%2D%5F%7e", "/Az-_~", "RFC 3986 6.2.2.2"},
      {"/%c3%a4", "/%C3%A4", "RFC 3986 6.2.2.1"},
      {"/%20%25%3f", "/%20%25%3F", "reserved octets stay"},
      {"/%252e%252e/", "/%252e%252e/", "decoded once only"},
      {"/a%2Fb", kRefused, "escaped_slashes"},
      {"/a%5cb", kRefused, "escaped_slashes"},
      {"/a\\b", kRefused, "reject_backslash"},
      {"/a%00b", kRefused, "NUL"},
      {"/a%", kRefused, "RFC 3986 2.1"},
      {"/a%4", kRefused, "RFC 3986 2.1"},
      {"/a%g0", kRefused, "RFC 3986 2.1"},
      {"/a?%", "/a?%", "the query is left alone"},
      {"*", "*", "RFC 9112 3.2.4"},
      {"", "", "CONNECT"},
  };
  for (const Row& row : rows) EXPECT_EQ(normalised(row.path), row.expected) << row.path;
}

TEST(PathNormalisationTest, EscapedSlashes) {
  PathNormalisation keep;
  keep.escaped_slashes = Escaped::kKeep;
  EXPECT_EQ(normalised("/a%2fb%5cc", keep), "/a%2Fb%5Cc");
  PathNormalisation decode;
  decode.escaped_slashes = Escaped::kDecode;
  EXPECT_EQ(normalised("/a%2f%2e%2e%2Fb", decode), "/b");
  EXPECT_EQ(normalised("/%2f..", decode), kRefused);
  EXPECT_EQ(normalised("/a%5cb", decode), kRefused) << "decoded to a backslash, which is refused";
  decode.reject_backslash = false;
  EXPECT_EQ(normalised("/a%5cb\\c", decode), "/a\\b\\c");
}

TEST(PathNormalisationTest, SlashesKeptWhenAsked) {
  PathNormalisation options;
  options.merge_slashes = false;
  EXPECT_EQ(normalised("//a//b/", options), "//a//b/");
  EXPECT_EQ(normalised("/a//../b", options), "/a/b");
}

TEST(PathNormalisationTest, DisabledChangesNothing) {
  PathNormalisation options;
  options.enabled = false;
  EXPECT_EQ(normalised("/a/../%2f%zz\\", options), "/a/../%2f%zz\\");
}

std::string randomPath(std::mt19937& random) {
  static const std::vector<std::string> kPieces = {
      "/",   "/",   "//", ".",   "..",  "/..", "/./", "/../", "a",  "b", "%2e", "%2E%2e",
      "%2f", "%5c", "\\", "%41", "%7E", "%00", "%",   "%c3",  ";x", "?", "..;"};
  std::string path = "/";
  const size_t pieces = random() % 12;
  for (size_t i = 0; i < pieces; ++i) path += kPieces[random() % kPieces.size()];
  return path;
}

// How deep a path goes, counting as a file system would; -1: out of the root.
int depth(std::string_view path) {
  int depth = 0;
  path = path.substr(0, path.find('?'));
  size_t at = 1;
  while (at <= path.size()) {
    const size_t end = std::min(path.find('/', at), path.size());
    const std::string_view segment = path.substr(at, end - at);
    if (segment == "..") {
      if (--depth < 0) return -1;
    } else if (!segment.empty() && segment != ".") {
      ++depth;
    }
    at = end + 1;
  }
  return depth;
}

TEST(PathNormalisationPropertyTest, IsIdempotentAndNeverLeavesTheRoot) {
  std::mt19937 random(11);
  size_t accepted = 0;
  for (int i = 0; i < 200000; ++i) {
    PathNormalisation options;
    options.merge_slashes = random() % 2 == 0;
    options.escaped_slashes = static_cast<Escaped>(random() % 3);
    options.reject_backslash = random() % 2 == 0;
    const std::string path = randomPath(random);
    const std::string once = normalised(path, options);
    if (once == kRefused) continue;
    ++accepted;
    ASSERT_EQ(normalised(once, options), once) << path;
    ASSERT_EQ(once.front(), '/') << path;
    ASSERT_GE(depth(once), 0) << path;
    const std::string_view plain = std::string_view(once).substr(0, once.find('?'));
    ASSERT_EQ(("" + std::string(plain) + "/").find("/../"), std::string::npos) << path;
    ASSERT_EQ(("" + std::string(plain) + "/").find("/./"), std::string::npos) << path;
    if (options.merge_slashes) {
      ASSERT_EQ(plain.find("//"), std::string::npos) << path;
    }
    ASSERT_EQ(once.substr(plain.size()), path.substr(std::min(path.find('?'), path.size())));
  }
  EXPECT_GT(accepted, 20000u);
}

// A second parser of the plain RFC 3986 5.2.4 text: the output is built segment by segment.
TEST(PathNormalisationPropertyTest, AgreesWithANaiveDotSegmentRemover) {
  std::mt19937 random(12);
  PathNormalisation options;
  options.merge_slashes = false;
  const std::vector<std::string> segments = {"", ".", "..", "a", "b", ".a"};
  for (int i = 0; i < 50000; ++i) {
    std::string path;
    std::vector<std::string> kept;
    bool escapes = false;
    bool directory = false;
    const size_t count = 1 + random() % 8;
    for (size_t s = 0; s < count; ++s) {
      const std::string& segment = segments[random() % segments.size()];
      path += "/" + segment;
      directory = segment == "." || segment == "..";
      if (segment == "..") {
        if (kept.empty()) escapes = true;
        if (!kept.empty()) kept.pop_back();
      } else if (segment != ".") {
        kept.push_back(segment);
      }
    }
    std::string expected;
    for (const std::string& segment : kept) expected += "/" + segment;
    if (directory) expected += "/";
    ASSERT_EQ(normalised(path, options), escapes ? std::string(kRefused) : expected) << path;
  }
}

}  // namespace
}  // namespace weir::http
