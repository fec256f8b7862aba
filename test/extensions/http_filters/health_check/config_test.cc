#include "extensions/http_filters/health_check/config.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/findings.h"

namespace weir::extensions::http_filters::health_check {
namespace {

using ::testing::HasSubstr;

class HealthCheckConfig : public FilterConfigTest {
 protected:
  HealthCheckConfig() : FilterConfigTest("health_check") {}
};

TEST_F(HealthCheckConfig, RefusesWhatIsWrongWithPosition) {
  EXPECT_EQ(findings("path: \"/a\" pass_through: true cache_time { seconds: 5 }"), "");
  EXPECT_THAT(findings(""), HasSubstr("path: is required; write path: \"/healthz\""));
  EXPECT_THAT(findings("path: \"a\""), HasSubstr("is no path"));
  EXPECT_THAT(findings("path: \"/a?b\""), HasSubstr("is no path"));
  EXPECT_THAT(findings("path: \"/a\" cache_time { seconds: 5 }"),
              HasSubstr("cache_time: has no meaning without pass_through"));
  EXPECT_THAT(findings("path: \"/a\" pass_through: true cache_time { seconds: 100 }"),
              HasSubstr("cache_time: "));
  EXPECT_THAT(findings("path: \"/a\" clusters { cluster: \"nobody\" }"),
              HasSubstr("clusters[0].cluster: "));
  EXPECT_THAT(findings("path: \"/a\" clusters { }"), HasSubstr("clusters[0].cluster: is required"));
  EXPECT_THAT(findings("path: \"/a\" clusters { cluster: \"nobody\" }"),
              HasSubstr("test.textproto:"));
}

TEST_F(HealthCheckConfig, StandsInFrontOfWhatLeavesChecksOut) {
  const FilterFile file{
      .filter = "[http_filters/health_check] { path: \"/a\" }",
      .before = "http_filters { config { [http_filters/admission_control] {} } }"};
  EXPECT_THAT(http_filters::findings(file, stats_),
              HasSubstr("it would judge by what checks are answered"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::health_check
