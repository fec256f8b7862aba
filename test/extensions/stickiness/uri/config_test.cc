#include "extensions/stickiness/uri/config.h"

#include "gtest/gtest.h"

#include "test/extensions/stickiness/common/config_outcome.h"

namespace weir::extensions::stickiness::uri {
namespace {

std::string outcome(std::string_view fields) {
  return test::configOutcome(std::make_unique<UriExtension>(), fields);
}

TEST(UriConfig, TakesPathOrParameter) {
  for (const char* fields :
       {"path_segments: 0", "path_segments: 64", "query_parameter: \"user\""}) {
    EXPECT_EQ(outcome(fields), "uri") << fields;
  }
}

TEST(UriConfig, RefusesNeitherBothAndTooMany) {
  EXPECT_EQ(
      outcome(""),
      "w.textproto:2:81: clusters[0].stickiness.config: says neither how many segments of the path "
      "count nor which parameter; add path_segments: 1, or query_parameter: \"user\"\n");
  EXPECT_EQ(outcome("path_segments: 65"),
            "w.textproto:3:16: clusters[0].stickiness.config.path_segments: 65 is out of range; it "
            "must be 0 to 64\n");
  EXPECT_EQ(outcome("query_parameter: \"\""),
            "w.textproto:3:18: clusters[0].stickiness.config.query_parameter: is required; name "
            "the parameter, as in query_parameter: \"user\"\n");
  EXPECT_EQ(outcome("path_segments: 1 query_parameter: \"a\""),
            "w.textproto:3:18: clusters[0].stickiness.config.query_parameter: cannot stand beside "
            "\"path_segments\"; give only one of them\n");
}

}  // namespace
}  // namespace weir::extensions::stickiness::uri
