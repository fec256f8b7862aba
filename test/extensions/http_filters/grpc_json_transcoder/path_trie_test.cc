#include "extensions/http_filters/grpc_json_transcoder/path_trie.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "source/base/concat.h"
#include "source/base/random.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {
namespace {

PathTemplate parse(std::string_view text) {
  auto result = parsePathTemplate(text);
  EXPECT_TRUE(result.ok()) << text << ": " << result.status();
  return *std::move(result);
}

class Routes {
 public:
  explicit Routes(const std::vector<std::string>& texts) : texts_(texts) {
    for (size_t i = 0; i < texts.size(); ++i) {
      templates_.push_back(parse(texts[i]));
      EXPECT_EQ(trie_.add(templates_[i], static_cast<uint32_t>(i)), std::nullopt) << texts[i];
    }
  }
  // "TEMPLATE a=x b=y", or "none".
  std::string match(std::string_view path) const {
    const auto found = trie_.match(path);
    if (!found) return "none";
    std::string out = texts_[*found];
    for (const PathTemplate::Variable& variable : templates_[*found].variables) {
      out += base::concat(" ", variable.field.back(), "=",
                          captured(path, templates_[*found], variable));
    }
    return out;
  }

 private:
  const std::vector<std::string> texts_;
  std::vector<PathTemplate> templates_;
  PathTrie trie_;
};

TEST(PathTrie, MostSpecificFirst) {
  const Routes routes({"/", "/v1/a", "/v1/*", "/v1/**", "/v1/{x}/b", "/v1/a/{y}", "/v1/a:go",
                       "/v1/**:go", "/v2/{x=a/*}/{y=**}"});
  EXPECT_EQ(routes.match("/"), "/");
  EXPECT_EQ(routes.match("/v1/a"), "/v1/a");
  EXPECT_EQ(routes.match("/v1/b"), "/v1/*");
  EXPECT_EQ(routes.match("/v1"), "/v1/**");
  EXPECT_EQ(routes.match("/v1/"), "/v1/**");
  EXPECT_EQ(routes.match("/v1/b/c"), "/v1/**");
  EXPECT_EQ(routes.match("/v1/c/b"), "/v1/{x}/b x=c");
  EXPECT_EQ(routes.match("/v1/a/b"), "/v1/a/{y} y=b");
  EXPECT_EQ(routes.match("/v1/a/"), "/v1/**");
  EXPECT_EQ(routes.match("/v1/a:go"), "/v1/a:go");
  EXPECT_EQ(routes.match("/v1/b:go"), "/v1/**:go");
  EXPECT_EQ(routes.match("/v1:go"), "/v1/**:go");
  EXPECT_EQ(routes.match("/v1/a:stop"), "/v1/*");
  EXPECT_EQ(routes.match("/v1/a:go/b"), "/v1/{x}/b x=a:go");
  EXPECT_EQ(routes.match("/v2/a/b"), "/v2/{x=a/*}/{y=**} x=a/b y=");
  EXPECT_EQ(routes.match("/v2/a/b/"), "/v2/{x=a/*}/{y=**} x=a/b y=");
  EXPECT_EQ(routes.match("/v2/a/b//c/"), "/v2/{x=a/*}/{y=**} x=a/b y=/c/");
  EXPECT_EQ(routes.match("/v2/a//b"), "none");
  EXPECT_EQ(routes.match("/v3"), "none");
  EXPECT_EQ(routes.match("//"), "none");
  EXPECT_EQ(routes.match(""), "none");
  EXPECT_EQ(routes.match("*"), "none");
  EXPECT_EQ(routes.match("v1/a"), "none");
}

TEST(PathTrie, TheSamePathsTwiceAreAConflict) {
  PathTrie trie;
  EXPECT_EQ(trie.add(parse("/v1/{a}/x:go"), 0), std::nullopt);
  EXPECT_EQ(trie.add(parse("/v1/{b=*}/x:go"), 1), 0u);
  EXPECT_EQ(trie.add(parse("/v1/*/{c=x}:go"), 2), 0u);
  EXPECT_EQ(trie.add(parse("/v1/{a}/x"), 3), std::nullopt);
  EXPECT_EQ(trie.add(parse("/{a=v1/**}"), 4), std::nullopt);
  EXPECT_EQ(trie.add(parse("/v1/{a=**}"), 5), 4u);
}

// What matching means, one template at a time. The rank orders what matches, the least first:
// with a verb before without, then by segment.
struct Oracle {
  static std::vector<std::string> split(std::string_view path) {
    std::vector<std::string> segments;
    if (path == "/") return segments;
    for (size_t at = 1;; ++at) {
      const size_t end = std::min(path.find('/', at), path.size());
      segments.emplace_back(path.substr(at, end - at));
      at = end;
      if (end == path.size()) return segments;
    }
  }
  // nullopt: no match.
  static std::optional<std::string> rank(const PathTemplate& one, std::string path) {
    std::string rank = one.verb.empty() ? "1" : "0";
    if (!one.verb.empty()) {
      const std::string suffix = ":" + one.verb;
      if (!path.ends_with(suffix)) return std::nullopt;
      path.resize(path.size() - suffix.size());
      if (path.empty()) return std::nullopt;
    }
    const std::vector<std::string> segments = split(path);
    size_t i = 0;
    for (const PathTemplate::Segment& segment : one.segments) {
      if (segment.kind == PathTemplate::Kind::kRest) return rank + "3";
      if (i == segments.size()) return std::nullopt;
      const bool literal = segment.kind == PathTemplate::Kind::kLiteral;
      if (literal ? segments[i] != segment.literal : segments[i].empty()) return std::nullopt;
      rank += literal ? "1" : "2";
      ++i;
    }
    if (i != segments.size()) return std::nullopt;
    return rank + "0";
  }
};

std::string randomPath(base::Random& random, bool as_template) {
  static const std::vector<std::string> kTemplateParts = {"a", "b", "a", "*", "{x}", "c"};
  static const std::vector<std::string> kPathParts = {"a", "b", "c", "d", "", "a:go", "go"};
  const auto& parts = as_template ? kTemplateParts : kPathParts;
  std::string path;
  bool variable = false;
  const size_t count = random.uniform(5);
  for (size_t i = 0; i < count; ++i) {
    std::string part = parts[random.uniform(parts.size())];
    if (part == "{x}" && std::exchange(variable, true)) part = "*";
    path += "/" + part;
  }
  if (as_template && random.uniform(4) == 0) path += "/**";
  if (path.empty()) path = "/";
  if (random.uniform(4) == 0) path += random.uniform(2) == 0 ? ":go" : ":run";
  return path;
}

TEST(PathTrie, LikeTryingEveryTemplate) {
  base::Random random(7);
  const int rounds = std::getenv("WEIR_SANITIZER") != nullptr ? 500 : 3000;
  for (int round = 0; round < rounds; ++round) {
    std::vector<std::string> texts;
    std::vector<PathTemplate> templates;
    PathTrie trie;
    const size_t count = random.uniform(20);
    for (size_t i = 0; i < count; ++i) {
      const std::string text = randomPath(random, true);
      PathTemplate one = parse(text);
      const auto same = std::find_if(templates.begin(), templates.end(), [&](const auto& other) {
        return other.segments == one.segments && other.verb == one.verb;
      });
      const auto conflict = trie.add(one, static_cast<uint32_t>(templates.size()));
      EXPECT_EQ(conflict.has_value(), same != templates.end()) << text;
      if (conflict) continue;
      templates.push_back(one);
      texts.push_back(text);
    }
    for (int i = 0; i < 20; ++i) {
      const std::string path = randomPath(random, false);
      std::optional<std::string> best;
      std::string expected = "none";
      for (size_t k = 0; k < templates.size(); ++k) {
        const auto rank = Oracle::rank(templates[k], path);
        if (!rank || (best && *best <= *rank)) continue;
        best = rank;
        expected = texts[k];
      }
      const auto found = trie.match(path);
      ASSERT_EQ(found ? texts[*found] : "none", expected) << path;
    }
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters::grpc_json_transcoder
