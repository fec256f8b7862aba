#include "extensions/http_filters/body_matcher/config.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/findings.h"

namespace weir::extensions::http_filters::body_matcher {
namespace {

using ::testing::HasSubstr;

class BodyMatcherConfig : public FilterConfigTest {
 protected:
  BodyMatcherConfig() : FilterConfigTest("body_matcher") {}
};

TEST_F(BodyMatcherConfig, TakesWhatIsRight) {
  EXPECT_EQ(findings(R"(values { key: "a" json_pointer: "/a/0" })"), "");
  EXPECT_EQ(findings(R"(
      values { key: "a" json_pointer: "" }
      values { key: "b" contains: "x" }
      values { key: "c" regex: "x+" }
      content_types: "application/*+json" content_types: "text/plain"
      max_bytes: 1000 too_large: REFUSE malformed: REFUSE
      metadata_namespace: "mine" stat_prefix: "api")"),
            "");
}

TEST_F(BodyMatcherConfig, RefusesWhatIsWrongWithPosition) {
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
    const std::string text = findings(c.fields);
    EXPECT_THAT(text, HasSubstr(c.finding)) << c.fields;
    EXPECT_THAT(text, HasSubstr("test.textproto:"));
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters::body_matcher
