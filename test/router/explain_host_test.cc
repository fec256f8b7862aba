#include "source/router/explain_host.h"

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/router/route_conditions.h"

namespace weir::router {
namespace {

using Kind = PathMatch::Kind;

RouteEntry route(Kind kind, std::string text, bool ignore_case = false) {
  RouteEntry entry;
  entry.match = {kind, std::move(text), ignore_case};
  entry.cluster.cluster = "c";
  return entry;
}

std::shared_ptr<const RouteTable> table() {
  auto posts = std::make_shared<RouteConditions>();
  posts->methods = {"POST"};
  VirtualHost shop{.name = "shop",
                   .domains = {"shop.example", "*.shop.example", "shop.*"},
                   .routes = {route(Kind::kExact, "/exact"), route(Kind::kPrefix, "/pre", true),
                              route(Kind::kSegmentPrefix, "/seg"), route(Kind::kRegex, "/[0-9]+"),
                              route(Kind::kTemplate, "/t/{id}"), route(Kind::kPrefix, "/"),
                              route(Kind::kPrefix, "/")}};
  shop.routes[5].conditions = posts;
  VirtualHost rest{.name = "rest", .domains = {"*"}, .routes = {route(Kind::kExact, "/only")}};
  return *RouteTable::compile({shop, rest});
}

RouteExplanation explain(const RouteTable& table, std::string_view authority,
                         std::string_view path) {
  http::RequestHead head;
  head.method = "GET";
  head.authority = authority;
  head.path = path;
  return table.explain(head, http::StreamInfo{});
}

TEST(ExplainHostTest, SaysOfEachRouteWhatDidNotHold) {
  const auto t = table();
  const RouteExplanation explanation = explain(*t, "shop.example:80", "/x?q");
  ASSERT_NE(explanation.host, nullptr);
  EXPECT_EQ(explanation.host->name, "shop");
  std::vector<std::string> reasons;
  for (const RouteExplanation::Considered& considered : explanation.routes) {
    EXPECT_EQ(considered.route, &explanation.host->routes[considered.position]);
    reasons.push_back(considered.reason);
  }
  EXPECT_THAT(reasons,
              testing::ElementsAre(
                  "the path is not \"/exact\"", "the path does not begin with \"/pre\" in any case",
                  "the path is neither \"/seg\" nor below it",
                  "the path does not match the regular expression \"/[0-9]+\"",
                  "the path does not have the shape \"/t/{id}\"", "the method is not POST", ""));
  EXPECT_EQ(explanation.found, &explanation.host->routes[6]);
}

TEST(ExplainHostTest, StopsAtTheRouteThatMatches) {
  const auto t = table();
  EXPECT_EQ(explain(*t, "shop.example", "/exact").routes.size(), 1u);
  EXPECT_EQ(explain(*t, "shop.example", "/PRE").routes.size(), 2u);
  EXPECT_EQ(explain(*t, "shop.example", "/seg/a").routes.size(), 3u);
  EXPECT_EQ(explain(*t, "shop.example", "/7").routes.size(), 4u);
  EXPECT_EQ(explain(*t, "shop.example", "/t/7").routes.size(), 5u);
}

TEST(ExplainHostTest, NamesTheDomain) {
  const auto t = table();
  EXPECT_EQ(explain(*t, "SHOP.example.", "/").domain, "shop.example");
  EXPECT_EQ(explain(*t, "SHOP.example.", "/").why, "is the host");
  EXPECT_EQ(explain(*t, "a.shop.example", "/").domain, "*.shop.example");
  EXPECT_EQ(explain(*t, "a.shop.example", "/").why, "is the longest suffix that fits the host");
  EXPECT_EQ(explain(*t, "shop.test", "/").why, "is the longest prefix that fits the host");
  const RouteExplanation rest = explain(*t, "other.example", "/");
  EXPECT_EQ(rest.why, "takes every host for which there is nothing better");
  EXPECT_EQ(rest.found, nullptr);
  EXPECT_EQ(rest.routes.size(), 1u);
}

TEST(ExplainHostTest, ThereMayBeNoHost) {
  const auto t = *RouteTable::compile({{.name = "a", .domains = {"a"}, .routes = {}}});
  const RouteExplanation explanation = explain(*t, "b", "/");
  EXPECT_EQ(explanation.host, nullptr);
  EXPECT_EQ(explanation.found, nullptr);
}

}  // namespace
}  // namespace weir::router
