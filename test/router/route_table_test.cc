#include "source/router/route_table.h"

#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/random.h"
#include "source/base/regex.h"
#include "source/http/message.h"
#include "source/http/path_template.h"
#include "source/http/stream_info.h"

namespace weir::router {
namespace {

using Kind = PathMatch::Kind;

RouteEntry route(Kind kind, std::string text, std::string name = "") {
  RouteEntry entry;
  entry.match = {kind, std::move(text)};
  entry.route_name = std::move(name);
  entry.cluster.cluster = "c";
  return entry;
}

std::shared_ptr<const RouteTable> table(std::vector<RouteEntry> routes) {
  VirtualHost host{.name = "all", .domains = {"*"}, .routes = std::move(routes)};
  auto compiled = RouteTable::compile({host});
  EXPECT_TRUE(compiled.ok()) << compiled.status();
  return *compiled;
}

std::string nameAt(const RouteTable& table, std::string_view path) {
  const RouteEntry* entry = table.match("any", path);
  return entry == nullptr ? "none" : entry->route_name;
}

TEST(RouteTableTest, TheFirstRouteThatMatchesWins) {
  const auto t =
      table({route(Kind::kPrefix, "/api/v1", "deep"), route(Kind::kExact, "/api", "exact"),
             route(Kind::kRegex, "/api/[0-9]+", "number"), route(Kind::kPrefix, "/api", "api"),
             route(Kind::kExact, "/api/late", "never"), route(Kind::kPrefix, "/", "rest")});
  EXPECT_EQ(nameAt(*t, "/api/v1/x"), "deep");
  EXPECT_EQ(nameAt(*t, "/api"), "exact");
  EXPECT_EQ(nameAt(*t, "/api/42"), "number");
  EXPECT_EQ(nameAt(*t, "/api/42x"), "api");
  EXPECT_EQ(nameAt(*t, "/api/late"), "api");
  EXPECT_EQ(nameAt(*t, "/other"), "rest");
  EXPECT_EQ(nameAt(*t, "/API"), "rest");
}

TEST(RouteTableTest, SegmentPrefixesEndAtBorders) {
  const auto t =
      table({route(Kind::kSegmentPrefix, "/api", "segment"), route(Kind::kPrefix, "/ap", "prefix"),
             route(Kind::kSegmentPrefix, "/x/", "slash")});
  EXPECT_EQ(nameAt(*t, "/api"), "segment");
  EXPECT_EQ(nameAt(*t, "/api/"), "segment");
  EXPECT_EQ(nameAt(*t, "/api/x"), "segment");
  EXPECT_EQ(nameAt(*t, "/apix"), "prefix");
  EXPECT_EQ(nameAt(*t, "/x/y"), "slash");
  EXPECT_EQ(nameAt(*t, "/x"), "none");
}

TEST(RouteTableTest, CaseOfPathsMayMakeNoDifference) {
  std::vector<RouteEntry> routes = {
      route(Kind::kExact, "/Exact", "exact"),          route(Kind::kPrefix, "/Pre/Fix", "prefix"),
      route(Kind::kSegmentPrefix, "/Seg", "segment"),  route(Kind::kRegex, "/re[xX]/q", "regex"),
      route(Kind::kTemplate, "/T/{id}/U", "template"), route(Kind::kExact, "/plain", "plain")};
  for (RouteEntry& entry : routes) entry.match.ignore_case = entry.route_name != "plain";
  const auto t = table(routes);
  EXPECT_EQ(nameAt(*t, "/eXaCt"), "exact");
  EXPECT_EQ(nameAt(*t, "/eXaCtly"), "none");
  EXPECT_EQ(nameAt(*t, "/pRE/fIXed"), "prefix");
  EXPECT_EQ(nameAt(*t, "/SEG/x"), "segment");
  EXPECT_EQ(nameAt(*t, "/SEGx"), "none");
  EXPECT_EQ(nameAt(*t, "/REX/Q"), "regex");
  EXPECT_EQ(nameAt(*t, "/t/Id/u"), "template");
  EXPECT_EQ(nameAt(*t, "/PLAIN"), "none");
}

TEST(RouteTableTest, TemplatesKeepTheOrderOfRoutes) {
  const auto t = table({route(Kind::kTemplate, "/users/{id}", "any"),
                        route(Kind::kTemplate, "/users/me", "never"),
                        route(Kind::kTemplate, "/users/*/orders/{order}", "order"),
                        route(Kind::kTemplate, "/users/me/orders/{order}", "never"),
                        route(Kind::kTemplate, "/users/me/carts", "cart"),
                        route(Kind::kTemplate, "/users/{id}/{what}", "what"),
                        route(Kind::kTemplate, "/users/{rest=**}", "rest")});
  EXPECT_EQ(nameAt(*t, "/users/me"), "any");
  EXPECT_EQ(nameAt(*t, "/users/me/orders/7"), "order");
  EXPECT_EQ(nameAt(*t, "/users/me/carts"), "cart");
  EXPECT_EQ(nameAt(*t, "/users/you/carts"), "what");
  EXPECT_EQ(nameAt(*t, "/users/me/a/b/c"), "rest");
  EXPECT_EQ(nameAt(*t, "/users"), "rest");
  EXPECT_EQ(nameAt(*t, "/user"), "none");
  std::string deep = "/users";
  for (int i = 0; i < 200; ++i) deep += "/x";
  EXPECT_EQ(nameAt(*t, deep), "rest");
}

TEST(RouteTableTest, CapturesComeFromTheRoute) {
  const auto t = table({route(Kind::kTemplate, "/users/{id}", "user")});
  const RouteEntry* const found = t->match("h", "/users/7");
  ASSERT_NE(found, nullptr);
  ASSERT_NE(found->pathTemplate(), nullptr);
  EXPECT_EQ(found->pathTemplate()->capture("/users/7?x", "id"), "7");
}

TEST(RouteTableTest, AnEmptyListMatchesNothing) {
  const auto t = table({});
  EXPECT_EQ(nameAt(*t, "/"), "none");
}

TEST(RouteTableTest, ResolvesByAuthorityAndPathWithoutQuery) {
  const auto t = table({route(Kind::kExact, "/a", "a"), route(Kind::kExact, "/", "root")});
  http::RequestHead head;
  head.authority = "shop.example";
  const std::map<std::string, std::string> expected = {
      {"/a?b=/c", "a"}, {"/a", "a"}, {"*", "root"}, {"", "root"}};
  for (const auto& [path, name] : expected) {
    head.path = path;
    const http::Route* found = t->resolve(head, http::StreamInfo{});
    ASSERT_NE(found, nullptr) << path;
    EXPECT_EQ(found->name(), name);
    EXPECT_EQ(found->virtualHostName(), "all");
    EXPECT_EQ(found->clusterName(), "c");
  }
}

TEST(RouteTableTest, NumbersTheClusters) {
  std::vector<RouteEntry> routes = {route(Kind::kExact, "/a"), route(Kind::kExact, "/b"),
                                    route(Kind::kExact, "/c")};
  routes[0].cluster.cluster = "x";
  routes[1].cluster.cluster = "y";
  routes[2].cluster.cluster = "x";
  const auto t = table(routes);
  EXPECT_THAT(t->clusters(), testing::ElementsAre("x", "y"));
  EXPECT_EQ(t->match("h", "/a")->cluster.cluster_index, 0u);
  EXPECT_EQ(t->match("h", "/b")->cluster.cluster_index, 1u);
  EXPECT_EQ(t->match("h", "/c")->cluster.cluster_index, 0u);
}

TEST(RouteTableTest, ErrorsNameTheVirtualHost) {
  const auto message = [](VirtualHost host) {
    return std::string(RouteTable::compile({std::move(host)}).status().message());
  };
  EXPECT_THAT(message({.name = "shop", .domains = {"a", "a"}, .routes = {}}),
              testing::HasSubstr("\"shop\""));
  EXPECT_THAT(message({.name = "shop", .domains = {"*"}, .routes = {route(Kind::kPrefix, "api")}}),
              testing::HasSubstr("does not start with"));
  EXPECT_THAT(message({.name = "shop", .domains = {"*"}, .routes = {route(Kind::kRegex, "a(")}}),
              testing::HasSubstr("\"shop\""));
}

// What the table means, written down naively.
int oracle(const std::vector<RouteEntry>& routes, const std::string& path) {
  for (size_t i = 0; i < routes.size(); ++i) {
    const std::string& text = routes[i].match.text;
    bool matches = false;
    switch (routes[i].match.kind) {
      case Kind::kExact:
        matches = path == text;
        break;
      case Kind::kPrefix:
        matches = path.starts_with(text);
        break;
      case Kind::kSegmentPrefix:
        matches = path.starts_with(text) &&
                  (text.ends_with('/') || path.size() == text.size() || path[text.size()] == '/');
        break;
      case Kind::kRegex:
        matches = base::Regex::compile(text)->fullMatch(path);
        break;
      case Kind::kTemplate:
        matches = http::PathTemplate::parse(text)->matches(path);
        break;
    }
    if (matches) return static_cast<int>(i);
  }
  return -1;
}

// Few letters, so that paths and prefixes meet often.
std::string randomPath(base::Random& random) {
  std::string path = "/";
  for (uint64_t i = random.uniform(7); i > 0; --i) path += "ab/"[random.uniform(3)];
  return path;
}

TEST(RouteTableTest, AgreesWithFirstMatchOnRandomTables) {
  base::Random random(20261121);
  for (int round = 0; round < 400; ++round) {
    std::vector<RouteEntry> routes;
    for (uint64_t i = random.uniform(40); i > 0; --i) {
      const Kind kind = static_cast<Kind>(random.uniform(5));
      std::string text = randomPath(random);
      if (kind == Kind::kTemplate) {
        text.clear();
        for (uint64_t n = random.uniform(4); n > 0; --n) text += random.uniform(2) ? "/*" : "/a";
        if (text.empty() || random.uniform(4) == 0) text += "/**";
      }
      if (kind == Kind::kRegex) text += random.uniform(2) == 0 ? "[ab]*" : ".b?";
      routes.push_back(route(kind, text, std::to_string(routes.size())));
    }
    const auto t = table(routes);
    for (int i = 0; i < 100; ++i) {
      const std::string path = randomPath(random);
      const int expected = oracle(routes, path);
      ASSERT_EQ(nameAt(*t, path), expected < 0 ? "none" : std::to_string(expected))
          << path << " round " << round;
    }
  }
}

}  // namespace
}  // namespace weir::router
