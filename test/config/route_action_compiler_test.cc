#include "source/config/route_action_compiler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "api/weir/config/v1/route.pb.h"
#include "source/base/registry.h"
#include "source/config/text_parser.h"

namespace weir::config {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;

// A route whose match is `kind` `text`.
struct Read {
  explicit Read(std::string_view fields,
                router::PathMatch::Kind kind = router::PathMatch::Kind::kPrefix,
                std::string text = "/api") {
    EXPECT_TRUE(parseText(fields, registry, file, route)) << fields;
    entry.match = {kind, std::move(text)};
    actions = compileRouteActions(route, {}, entry, file.rootCursor());
    if (route.has_redirect()) {
      compileRedirect(route.redirect(), entry.match, file.rootCursor().field("redirect"));
    }
  }
  std::string findings() const { return diagnostics.toString(); }

  base::Registry registry;
  Diagnostics diagnostics;
  ParsedFile file{"w", diagnostics};
  v1::Route route;
  router::RouteEntry entry;
  std::shared_ptr<const router::RouteActions> actions;
};

using Kind = router::PathMatch::Kind;

TEST(RouteActionCompilerTest, NothingIsNothing) {
  EXPECT_EQ(Read("route { cluster: 'a' }").actions, nullptr);
}

TEST(RouteActionCompilerTest, ReadsWhatThereIs) {
  const Read read(R"(
    request_headers { set { name: "a" value: "b" } }
    response_headers { remove: "c" }
    limits { max_stream_duration { seconds: 1 } request { } max_request_body_bytes: 0 }
    route {
      cluster: "a"
      rewrite { prefix: "/v2" }
      host_rewrite { header: "x-host" append_forwarded_host: true }
      original_path_header: true
      max_waiting_body_bytes: 4096
    })");
  EXPECT_EQ(read.findings(), "");
  const router::RouteActions& actions = *read.actions;
  EXPECT_EQ(actions.request_headers.size(), 1u);
  EXPECT_EQ(actions.exchange.response_headers.size(), 1u);
  EXPECT_EQ(actions.exchange.max_stream_duration, milliseconds(1000));
  EXPECT_EQ(actions.exchange.request_timeout, milliseconds(0)) << "no limit";
  EXPECT_EQ(actions.exchange.max_request_body_bytes, 0u);
  EXPECT_EQ(actions.path->matched, "/api");
  EXPECT_EQ(actions.host->text, "x-host");
  EXPECT_TRUE(actions.host->append_forwarded_host);
  EXPECT_TRUE(actions.original_path_header);
  EXPECT_EQ(actions.max_waiting_body_bytes, 4096u);
}

TEST(RouteActionCompilerTest, Templates) {
  const Read read("route { rewrite { path_template: '/x/{b}/{a}.html' } }", Kind::kTemplate,
                  "/{a}/{b=**}");
  EXPECT_EQ(read.findings(), "");
  ASSERT_EQ(read.actions->path->pieces.size(), 3u);
  EXPECT_EQ(read.actions->path->pieces[1].text, "/");
  EXPECT_EQ(read.actions->path->pieces[1].capture, "a");
  EXPECT_EQ(read.actions->path->pieces[2].text, ".html");
  EXPECT_THAT(
      Read("route { rewrite { path_template: '/{c}' } }", Kind::kTemplate, "/{a}").findings(),
      HasSubstr("captures no \"c\""));
  EXPECT_THAT(
      Read("route { rewrite { path_template: '/{a' } }", Kind::kTemplate, "/{a}").findings(),
      HasSubstr("a brace is alone"));
  EXPECT_THAT(
      Read("route { rewrite { path_template: 'x{a}' } }", Kind::kTemplate, "/{a}").findings(),
      HasSubstr("is not a path"));
}

TEST(RouteActionCompilerTest, SaysWhatIsWrong) {
  const std::pair<const char*, const char*> cases[] = {
      {"route { rewrite { } }", "route.rewrite: does not say how"},
      {"route { rewrite { prefix: '' } }", "rewrite.prefix: \"\" is not a path"},
      {"route { rewrite { prefix: 'v2' } }", "is not a path"},
      {"route { rewrite { path: '/a?b' } }", "rewrite.path: \"/a?b\" is not a path"},
      {"route { rewrite { path: '/a/../b' } }", "is not a path"},
      {"route { rewrite { path_template: '/{a}' } }", "the route's match captures nothing"},
      {"route { rewrite { regex { } } }", "rewrite.regex.pattern"},
      {"route { rewrite { regex { pattern: '(' } } }", "bad regular expression"},
      {"route { rewrite { regex { pattern: 'a' substitution: '\\\\1' } } }", "groups go up to \\0"},
      {"route { host_rewrite { } }", "host_rewrite: does not say to which host"},
      {"route { host_rewrite { host: 'a b' } }", "host_rewrite.host: \"a b\" is not a host"},
      {"route { host_rewrite { header: ':path' } }", "cannot be the name of a field"},
      {"route { max_waiting_body_bytes: 1 }", "max_waiting_body_bytes: 1 is out of range"},
      {"route { } request_headers { set { name: 'Host' } }", "request_headers.set[0]: Host"},
      {"redirect { scheme: 'https' } request_headers { remove: 'a' }", "goes anywhere"},
      {"redirect { }", "would send every request back"},
      {"redirect { path: '/a' rewrite { path: '/b' } }", "redirect.rewrite: stands beside path"},
      {"redirect { query: '?a' }", "redirect.query: \"?a\" is not a query"},
      {"redirect { query: 'a' strip_query: true }", "stands beside strip_query"},
      {"redirect { host: 'a:1' port: 2 }", "redirect.port: the host has a port already"},
      {"redirect { port: 65536 }", "redirect.port: 65536 is out of range"},
  };
  for (const auto& [fields, expected] : cases) {
    EXPECT_THAT(Read(fields).findings(), HasSubstr(expected)) << fields;
  }
}

TEST(RouteActionCompilerTest, PrefixesFitWhatMatches) {
  EXPECT_THAT(Read("route { rewrite { prefix: '/v2' } }", Kind::kPrefix, "/api/").findings(),
              HasSubstr("write \"/v2/\""));
  EXPECT_THAT(Read("route { rewrite { prefix: '/v2' } }", Kind::kRegex, "/a.*").findings(),
              HasSubstr("has no prefix"));
  EXPECT_EQ(Read("route { rewrite { prefix: '/' } }", Kind::kSegmentPrefix, "/api").findings(), "");
}

}  // namespace
}  // namespace weir::config
