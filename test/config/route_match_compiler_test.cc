#include "source/config/route_match_compiler.h"

#include <gtest/gtest.h>

#include <string>

#include "api/weir/config/v1/route.pb.h"
#include "source/base/registry.h"
#include "source/config/text_parser.h"

namespace weir::config {
namespace {

using Kind = router::PathMatch::Kind;

struct Read {
  explicit Read(std::string_view text) {
    EXPECT_TRUE(parseText(text, registry, file, match)) << text;
    path = compilePathMatch(match, file.rootCursor());
    conditions = compileRouteConditions(match, file.rootCursor());
  }
  // Without the file's name.
  std::string findings() const {
    const std::string text = diagnostics.toString();
    return text.empty() ? text : text.substr(text.find(':') + 1);
  }

  base::Registry registry;
  Diagnostics diagnostics;
  ParsedFile file{"w", diagnostics};
  v1::RouteMatch match;
  router::PathMatch path;
  std::shared_ptr<const router::RouteConditions> conditions;
};

std::string findings(std::string_view text) {
  return Read(text).findings();
}

TEST(RouteMatchCompilerTest, Paths) {
  EXPECT_EQ(Read("").path.kind, Kind::kPrefix);
  EXPECT_EQ(Read("").path.text, "/");
  EXPECT_EQ(Read("path: '/a'").path.kind, Kind::kExact);
  EXPECT_EQ(Read("segment_prefix: '/a' ignore_case: true").path.ignore_case, true);
  const Read read("path_template: '/a/{id}/{rest=**}'");
  EXPECT_EQ(read.path.kind, Kind::kTemplate);
  EXPECT_EQ(read.path.text, "/a/{id}/{rest=**}");
  EXPECT_EQ(read.findings(), "");
  EXPECT_EQ(read.conditions, nullptr) << "nothing beside the path";
}

TEST(RouteMatchCompilerTest, Conditions) {
  const Read read(R"(
      methods: "GET" methods: "PURGE"
      headers { name: "x-user" exact: "ann" }
      query_parameters { name: "q" }
      cookies { name: "c" prefix: "p" }
      source { prefixes: "10.0.0.0/8" prefixes: "2001:db8::1" invert: true direct: true }
      tls { certificate_validated: true server_names: "*.Shop.example" subject_alt_names { exact: "a" } }
      fraction { percent: 12.5 }
      dynamic_metadata { namespace: "f" path: "a" path: "b" text { exact: "x" } }
      dynamic_metadata { namespace: "f" path: "a" number: 7 }
      dynamic_metadata { namespace: "f" path: "a" boolean: false invert: true }
      dynamic_metadata { namespace: "f" path: "a" present: false }
      dynamic_metadata { namespace: "f" path: "a" }
      grpc: false)");
  EXPECT_EQ(read.findings(), "");
  ASSERT_NE(read.conditions, nullptr);
  const router::RouteConditions& conditions = *read.conditions;
  EXPECT_EQ(conditions.methods, (std::vector<std::string>{"GET", "PURGE"}));
  EXPECT_EQ(conditions.headers.size(), 1u);
  EXPECT_EQ(conditions.query.size(), 1u);
  EXPECT_EQ(conditions.cookies.size(), 1u);
  ASSERT_TRUE(conditions.source);
  EXPECT_TRUE(conditions.source->invert && conditions.source->direct);
  EXPECT_EQ(conditions.source->text, "10.0.0.0/8, 2001:db8::1/128");
  ASSERT_TRUE(conditions.tls);
  EXPECT_EQ(conditions.tls->secured, true);
  EXPECT_EQ(conditions.tls->server_names, (std::vector<std::string>{"*.shop.example"}));
  EXPECT_EQ(conditions.fraction->millionths, 125'000u);
  ASSERT_EQ(conditions.metadata.size(), 5u);
  EXPECT_EQ(conditions.metadata[0].path, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(conditions.metadata[1].number, 7);
  EXPECT_EQ(conditions.metadata[2].boolean, false);
  EXPECT_TRUE(conditions.metadata[2].invert);
  EXPECT_TRUE(conditions.metadata[3].invert);
  EXPECT_FALSE(conditions.metadata[4].invert);
  EXPECT_EQ(conditions.grpc, false);
}

TEST(RouteMatchCompilerTest, AGrpcCallIsAPost) {
  EXPECT_EQ(findings("grpc: true methods: 'POST'"), "");
  EXPECT_EQ(findings("grpc: true"), "");
  EXPECT_EQ(findings("grpc: true methods: 'GET'"),
            "1:7: grpc: would never match: the method of gRPC calls is POST; add it to methods, or "
            "remove these\n");
}

TEST(RouteMatchCompilerTest, RefusesWhatNeverMatches) {
  const struct {
    std::string_view text;
    std::string_view finding;
  } cases[] = {
      {"path_template: '/a/x*'",
       "1:16: path_template: column 5: a wildcard or capture is part of a segment; each is a whole "
       "segment; or use regex\n"},
      {"ignore_case: true", "1:14: ignore_case: has no effect: no path is compared; remove it\n"},
      {"regex: 'a('", "1:8: regex: "},
      {"methods: 'get'",
       "1:10: methods[0]: would never match: methods are case-sensitive; write \"GET\"\n"},
      {"methods: 'A B'", "1:10: methods[0]: would never match: \"A B\" is no method; "},
      {"methods: 'GET' methods: 'GET'", "1:25: methods[1]: "},
      {"headers { name: 'x' exact: 'a' } headers { name: 'X' exact: 'b' }",
       "1:34: headers[1]: would never match: x has to be \"a\" and \"b\"; remove one, or make it a "
       "regex: \"a|b\"\n"},
      {"query_parameters { name: 'x' exact: 'a' } query_parameters { name: 'x' exact: 'b' }",
       "1:43: query_parameters[1]: would never match: "},
      {"source {}", "1:1: source.prefixes: is required; write \"10.0.0.0/8\"\n"},
      {"source { prefixes: 'home' }", "1:20: source.prefixes[0]: "},
      {"tls {}", "1:1: tls: says nothing; write secured: true, or remove it\n"},
      {"tls { secured: false server_names: 'a' }",
       "1:16: tls.secured: would never match: a plain connection has nothing of TLS; "},
      {"tls { certificate_presented: false certificate_validated: true }",
       "1:30: tls.certificate_presented: would never match: "},
      {"tls { certificate_validated: false subject_alt_names { exact: 'a' } }",
       "1:30: tls.certificate_validated: would never match: "},
      {"tls { server_names: 'a:443' }",
       "1:21: tls.server_names[0]: would never match: \"a:443\" is no server name; "},
      {"tls { server_names: '*' }", "1:21: tls.server_names[0]: would never match: "},
      {"dynamic_metadata { path: 'a' }",
       "1:1: dynamic_metadata[0].namespace: is required; name the filter that sets it\n"},
      {"dynamic_metadata { namespace: 'f' }",
       "1:1: dynamic_metadata[0].path: is required; name the key that the filter sets\n"},
      {"fraction { percent: 101 }", "1:"},
  };
  for (const auto& c : cases) {
    const std::string found = findings(c.text);
    EXPECT_TRUE(!found.empty() && found.starts_with(c.finding)) << c.text << "\n" << found;
  }
}

}  // namespace
}  // namespace weir::config
