#include "extensions/http_filters/rbac/rbac.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/access/access_proxy.h"
#include "test/extensions/http_filters/common/findings.h"

namespace weir::extensions::http_filters::rbac {
namespace {

using ::testing::HasSubstr;

// One condition for each path below; whoever meets it passes.
std::string rule(const std::string& condition) {
  return "[http_filters/rbac] { rules { name: \"it\" action: ACTION_ALLOW match { " + condition +
         " } } }";
}

TEST(HttpRbac, ConditionsTable) {
  struct Case {
    const char* condition;
    const char* target;
    const char* fields;
    bool holds;
  };
  constexpr Case kCases[] = {
      {R"(path { exact: "/a" })", "/a?x=1", "", true},
      {R"(path { exact: "/a" })", "/a/", "", false},
      {R"(path { prefix: "/a" })", "/a/b", "", true},
      {R"(path { prefix: "/a" })", "/ab", "", false},
      {R"(path { prefix: "/a/" })", "/a/b", "", true},
      {R"(path { template: "/u/{id}/x" })", "/u/7/x?y", "", true},
      {R"(path { template: "/u/{id}/x" })", "/u/7/8/x", "", false},
      {R"(path { regex: "/[0-9]+" })", "/123?q", "", true},
      {R"(path { regex: "/[0-9]+" })", "/123a", "", false},
      {R"(header { name: "x-role" exact: "admin" })", "/", "X-Role: admin\r\n", true},
      {R"(header { name: "x-role" exact: "admin" })", "/", "", false},
      {R"(query { name: "v" exact: "2" })", "/?v=2", "", true},
      {R"(query { name: "v" exact: "2" })", "/?v=3", "", false},
      {R"(methods { values: "GET" values: "HEAD" })", "/", "", true},
      {R"(methods { values: "POST" })", "/", "", false},
      {R"(hosts { values: "*.example" })", "/", "", true},
      {R"(hosts { values: "blog.example" })", "/", "", false},
      {R"(source { prefixes: "10.0.0.0/8" })", "/", "X-Forwarded-For: 10.1.1.1\r\n", true},
      {R"(source { prefixes: "10.0.0.0/8" })", "/", "X-Forwarded-For: 11.1.1.1\r\n", false},
      {R"(direct_source { prefixes: "127.0.0.0/8" })", "/", "X-Forwarded-For: 11.1.1.1\r\n", true},
      {R"(destination_ports { ports: 1 })", "/", "", false},
      {R"(server_names { values: "shop.example" })", "/", "", false},
      {R"(client_certificate {})", "/", "", false},
      {R"(metadata { namespace: "jwt_auth" key: "x" })", "/", "", false},
      {R"(not { path { prefix: "/a" } })", "/b", "", true},
      {R"(any { of { path { exact: "/a" } } of { path { exact: "/b" } } })", "/b", "", true},
      {R"(all { of { path { prefix: "/a" } } of { not { path { exact: "/a/b" } } } })", "/a/b", "",
       false},
  };
  std::string routes;
  for (size_t i = 0; i < std::size(kCases); ++i) {
    routes += "routes { match { headers { name: \"case\" exact: \"" + std::to_string(i) +
              "\" } } route { cluster: \"origin\" } filters { name: \"rbac\" config { " +
              rule(kCases[i].condition) + " } } }\n";
  }
  AccessProxy proxy(rule("path { exact: \"/\" }"), routes);
  for (size_t i = 0; i < std::size(kCases); ++i) {
    const Case& one = kCases[i];
    const std::string fields = std::string(one.fields) + "Case: " + std::to_string(i) + "\r\n";
    EXPECT_EQ(proxy.status(one.target, fields), one.holds ? 200 : 403)
        << one.condition << " " << one.target;
  }
}

TEST(HttpRbac, TheFirstRuleDecidesAndShadowsOnlyCount) {
  AccessProxy proxy(R"([http_filters/rbac] {
      rules { name: "no admin" action: ACTION_DENY match { path { prefix: "/admin" } } }
      rules { name: "all" action: ACTION_ALLOW }
      shadow_rules { name: "old" action: ACTION_DENY match { path { prefix: "/v1" } } }
      shadow_default_action: ACTION_ALLOW status: 404 body: "nothing here" })");
  const auto refused = proxy.ask("/admin/x");
  EXPECT_EQ(refused.status(), 404);
  EXPECT_EQ(refused.body, "nothing here");
  EXPECT_EQ(proxy.status("/v1"), 200);
  EXPECT_EQ(proxy.status("/"), 200);
  const auto count = [&](const char* metric, const char* name, const char* action) {
    return proxy->stat(metric, {{"filter", "edge"}, {"rule", name}, {"action", action}});
  };
  EXPECT_EQ(count("http_rbac_decisions_total", "no admin", "deny"), 1);
  EXPECT_EQ(count("http_rbac_decisions_total", "all", "allow"), 2);
  EXPECT_EQ(count("http_rbac_shadow_decisions_total", "old", "deny"), 1);
  EXPECT_EQ(count("http_rbac_shadow_decisions_total", "default", "allow"), 2);
}

TEST(HttpRbacConfig, SaysWhatIsWrong) {
  const auto of = [](const std::string& condition) { return findings(rule(condition)); };
  EXPECT_EQ(of("path { exact: \"/\" }"), "");
  EXPECT_THAT(findings("[http_filters/rbac] {}"), HasSubstr("there is no rule"));
  EXPECT_THAT(of(""), HasSubstr("has no condition"));
  EXPECT_THAT(of("path { exact: \"a\" }"), HasSubstr("does not begin with"));
  EXPECT_THAT(of("path { regex: \"(\" }"), HasSubstr("path.regex"));
  EXPECT_THAT(of("path { template: \"/{\" }"), HasSubstr("path.template"));
  EXPECT_THAT(of("source { prefixes: \"10.0.0.1/8\" }"), HasSubstr("prefixes[0]"));
  EXPECT_THAT(of("source {}"), HasSubstr("is empty"));
  EXPECT_THAT(of("any {}"), HasSubstr("is empty"));
  EXPECT_THAT(of("hosts { values: \"a*\" }"), HasSubstr("is not a host name"));
  EXPECT_THAT(of("destination_ports { ports: 70000 }"), HasSubstr("out of range"));
  EXPECT_THAT(of("client_certificate { sha256: \"x\" }"), HasSubstr("is not a SHA-256"));
  EXPECT_THAT(of("metadata { key: \"x\" }"), HasSubstr("namespace: is required"));
  std::string deep = "path { exact: \"/\" }";
  for (int i = 0; i < 17; ++i) deep = "not { " + deep + " }";
  EXPECT_THAT(of(deep), HasSubstr("the tree is too large"));
  EXPECT_THAT(findings("[http_filters/rbac] { rules { name: \"a\" } }"),
              HasSubstr("action: is required"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::rbac
