#include "extensions/http_filters/tap/config.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/findings.h"

namespace weir::extensions::http_filters::tap {
namespace {

using ::testing::HasSubstr;

class TapConfig : public FilterConfigTest {
 protected:
  TapConfig() : FilterConfigTest("tap") {}
  static std::string path() { return "path: \"" + testing::TempDir() + "/tap.log\" "; }
};

TEST_F(TapConfig, TakesWhatIsGiven) {
  EXPECT_EQ(findings(path()), "");
  EXPECT_EQ(findings(path() + R"(
      stat_prefix: "t" percentage { percent: 1 } min_status: 500 max_body_bytes: 0
      request_headers { name: ":path" prefix: "/a" } redact_fields: "X-Key"
      redact_patterns: "[0-9]{16}" max_per_second: 7 max_file_bytes: 4096 keep: 100)",
                     R"(percentage { percent: 100 } min_status: 400 max_body_bytes: 9
      request_headers { name: "x" } redact_fields: "y" redact_patterns: "z")"),
            "");
}

TEST_F(TapConfig, RefusesWhatCannotBe) {
  EXPECT_THAT(findings(""), HasSubstr("path"));
  EXPECT_THAT(findings("path: '/no/such/folder/tap.log'"), HasSubstr("there is no folder"));
  EXPECT_THAT(findings(path() + "min_status: 600"), HasSubstr("min_status"));
  EXPECT_THAT(findings(path() + "max_body_bytes: 65537"), HasSubstr("max_body_bytes"));
  EXPECT_THAT(findings(path() + "redact_fields: 'a b'"), HasSubstr("redact_fields[0]"));
  EXPECT_THAT(findings(path() + "redact_patterns: '('"), HasSubstr("redact_patterns[0]"));
  EXPECT_THAT(findings(path() + "redact_patterns: 'a*'"), HasSubstr("empty text"));
  EXPECT_THAT(findings(path() + "max_per_second: 100001"), HasSubstr("max_per_second"));
  EXPECT_THAT(findings(path() + "max_file_bytes: 4095"), HasSubstr("max_file_bytes"));
  EXPECT_THAT(findings(path() + "keep: 101"), HasSubstr("keep"));
}

TEST_F(TapConfig, RoutesHaveNoFileOfTheirOwn) {
  for (const char* field :
       {"path: 'x'", "stat_prefix: 'x'", "max_per_second: 1", "max_file_bytes: 4096", "keep: 0"}) {
    EXPECT_THAT(findings(path(), field), HasSubstr("is not for a route")) << field;
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters::tap
