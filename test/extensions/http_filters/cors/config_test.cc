#include "extensions/http_filters/cors/config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/access/findings.h"

namespace weir::extensions::http_filters::cors {
namespace {

using ::testing::HasSubstr;

std::string of(const std::string& fields) {
  return findings("[http_filters/cors] { " + fields + " }");
}

TEST(CorsConfig, TakesWhatIsRight) {
  EXPECT_EQ(of("allow_origins { exact: \"*\" } allow_methods: \"*\" max_age { seconds: 60 }"), "");
  EXPECT_EQ(of("allow_origins { exact: \"https://a.example:8443\" } allow_credentials: true"), "");
  EXPECT_EQ(of("allow_origins { regex: \"https://[a-z]+[.]a[.]example\" } allow_credentials: true "
               "allow_headers: \"*\" expose_headers: \"x-a\""),
            "");
  EXPECT_EQ(findings("[http_filters/cors] { allow_origins { exact: \"*\" } }",
                     "[http_filters/cors] { allow_origins { exact: \"null\" } }"),
            "");
}

TEST(CorsConfig, SaysWhatIsWrong) {
  EXPECT_THAT(of(""), HasSubstr("allow_origins: allows nobody"));
  EXPECT_THAT(of("allow_origins { exact: \"a.example\" }"),
              HasSubstr("write \"https://a.example\""));
  EXPECT_THAT(of("allow_origins { exact: \"https://a.example/\" }"), HasSubstr("has a path"));
  for (const char* everybody :
       {"exact: \"*\"", "regex: \".*\"", "prefix: \"http\"", "exact: \"null\""}) {
    EXPECT_THAT(of("allow_credentials: true allow_origins { " + std::string(everybody) + " }"),
                HasSubstr("every page could act for its visitors"))
        << everybody;
  }
  EXPECT_THAT(of("allow_origins { exact: \"https://a.example\" } allow_credentials: true "
                 "expose_headers: \"*\""),
              HasSubstr("means nothing with allow_credentials"));
  EXPECT_THAT(of("allow_origins { exact: \"*\" } allow_methods: \"A B\""),
              HasSubstr("allow_methods[0]: \"A B\" is not a name"));
  EXPECT_THAT(findings("[http_filters/cors] { allow_origins { exact: \"*\" } }",
                       "[http_filters/cors] { allow_origins { exact: \"*\" } stat_prefix: \"x\" }"),
              HasSubstr("belongs to the filter"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::cors
