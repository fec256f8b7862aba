#include "extensions/http_filters/cors/config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/findings.h"

namespace weir::extensions::http_filters::cors {
namespace {

using ::testing::HasSubstr;

class CorsConfig : public FilterConfigTest {
 protected:
  CorsConfig() : FilterConfigTest("cors") {}
};

TEST_F(CorsConfig, TakesWhatIsRight) {
  EXPECT_EQ(findings("allow_origins { exact: \"*\" } allow_methods: \"*\" max_age { seconds: 60 }"),
            "");
  EXPECT_EQ(findings("allow_origins { exact: \"https://a.example:8443\" } allow_credentials: true"),
            "");
  EXPECT_EQ(
      findings("allow_origins { regex: \"https://[a-z]+[.]a[.]example\" } allow_credentials: true "
               "allow_headers: \"*\" expose_headers: \"x-a\""),
      "");
  EXPECT_EQ(findings("allow_origins { exact: \"*\" }", "allow_origins { exact: \"null\" }"), "");
}

TEST_F(CorsConfig, SaysWhatIsWrong) {
  EXPECT_THAT(findings(""), HasSubstr("allow_origins: allows nobody"));
  EXPECT_THAT(findings("allow_origins { exact: \"a.example\" }"),
              HasSubstr("write \"https://a.example\""));
  EXPECT_THAT(findings("allow_origins { exact: \"https://a.example/\" }"), HasSubstr("has a path"));
  for (const char* everybody :
       {"exact: \"*\"", "regex: \".*\"", "prefix: \"http\"", "exact: \"null\""}) {
    EXPECT_THAT(
        findings("allow_credentials: true allow_origins { " + std::string(everybody) + " }"),
        HasSubstr("every page could act for its visitors"))
        << everybody;
  }
  EXPECT_THAT(findings("allow_origins { exact: \"https://a.example\" } allow_credentials: true "
                       "expose_headers: \"*\""),
              HasSubstr("means nothing with allow_credentials"));
  EXPECT_THAT(findings("allow_origins { exact: \"*\" } allow_methods: \"A B\""),
              HasSubstr("allow_methods[0]: \"A B\" is not a name"));
  EXPECT_THAT(findings("allow_origins { exact: \"*\" }",
                       "allow_origins { exact: \"*\" } stat_prefix: \"x\""),
              HasSubstr("belongs to the filter"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::cors
