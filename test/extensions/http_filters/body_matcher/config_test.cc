#include "extensions/http_filters/body_matcher/config.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/all_extensions.h"
#include "source/config/snapshot.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::body_matcher {
namespace {

using ::testing::HasSubstr;

// The findings for a file that uses `extension`, or "".
std::string findings(const std::string& extension) {
  base::Registry registry;
  EXPECT_TRUE(registerAllExtensions(registry).ok());
  stats::Store stats;
  config::Loader loader(registry, stats);
  config::Diagnostics diagnostics;
  const std::string text = R"(listeners {
  name: "edge"
  address: "127.0.0.1:8080"
  filter_chains { filters { config { [network_filters/http_connection_manager] {
    virtual_hosts { name: "all" domains: "*" routes { direct_response { status: 200 } } }
    http_filters { config {
      )" + extension + R"(
    } }
  } } } }
})";
  loader.loadText(text, "test.textproto", 1, diagnostics);
  return diagnostics.toString();
}

std::string ofFilter(const std::string& fields) {
  return findings("[http_filters/body_matcher] { " + fields + " }");
}

TEST(BodyMatcherConfig, TakesWhatIsRight) {
  EXPECT_EQ(ofFilter(R"(values { key: "a" json_pointer: "/a/0" })"), "");
  EXPECT_EQ(ofFilter(R"(
      values { key: "a" json_pointer: "" }
      values { key: "b" contains: "x" }
      values { key: "c" regex: "x+" }
      content_types: "application/*+json" content_types: "text/plain"
      max_bytes: 1000 too_large: REFUSE malformed: REFUSE
      metadata_namespace: "mine" stat_prefix: "api")"),
            "");
}

TEST(BodyMatcherConfig, RefusesWhatIsWrongWithPosition) {
  const struct {
    std::string fields;
    std::string finding;
  } cases[] = {
      {"", "values: is required"},
      {R"(values { json_pointer: "/a" })", "values[0].key: is required"},
      {R"(values { key: "a" })", "values[0]: does not say what to look for"},
      {R"(values { key: "a" json_pointer: "a" })", "values[0].json_pointer: a JSON Pointer is"},
      {R"(values { key: "a" contains: "" })", "values[0].contains: is required"},
      {R"(values { key: "a" regex: "(" })", "values[0].regex: "},
      {R"(values { key: "a" contains: "x" } values { key: "a" contains: "y" })", "values[1].key: "},
      {R"(values { key: "a" contains: "x" } malformed: REFUSE)", "malformed: has no effect"},
      {R"(values { key: "a" contains: "x" } content_types: "json")", "content_types[0]: "},
      {R"(values { key: "a" contains: "x" } content_types: "*/*")", "content_types[0]: "},
      {R"(values { key: "a" contains: "x" } max_bytes: 16777217)", "max_bytes: "},
  };
  for (const auto& c : cases) {
    const std::string text = ofFilter(c.fields);
    EXPECT_THAT(text, HasSubstr(c.finding)) << c.fields;
    EXPECT_THAT(text, HasSubstr("test.textproto:"));
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters::body_matcher
