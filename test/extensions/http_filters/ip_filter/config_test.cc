#include "extensions/http_filters/ip_filter/config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/access/findings.h"

namespace weir::extensions::http_filters::ip_filter {
namespace {

using ::testing::HasSubstr;

TEST(IpFilterConfig, TakesWhatIsRight) {
  EXPECT_EQ(findings("[http_filters/ip_filter] { deny: \"10.0.0.0/8\" }",
                     "[http_filters/ip_filter] { allow: \"::1\" shadow: true }"),
            "");
  EXPECT_EQ(findings("[http_filters/ip_filter] { default_action: ACTION_DENY }"), "");
}

TEST(IpFilterConfig, SaysWhatIsWrong) {
  const auto of = [](const std::string& fields) {
    return findings("[http_filters/ip_filter] { " + fields + " }");
  };
  EXPECT_THAT(of(""), HasSubstr("has nothing to deny"));
  EXPECT_THAT(of("allow: \"10.0.0.1/8\""), HasSubstr("allow[0]: "));
  EXPECT_THAT(of("deny: \"::1\" deny: \"x\""), HasSubstr("deny[1]: "));
  EXPECT_THAT(of("deny: \"::1\" status: 200"), HasSubstr("status: 200 is out of range"));
  EXPECT_THAT(of("deny_files: \"absent.list\""), HasSubstr("absent.list: No such file"));
  EXPECT_THAT(of("deny_files: \"\""), HasSubstr("deny_files[0]"));
  EXPECT_THAT(of("deny: \"::1\" body: \"" + std::string(4097, 'x') + "\""),
              HasSubstr("body: is too long"));
  EXPECT_THAT(findings("[http_filters/ip_filter] { deny: \"::1\" }",
                       "[http_filters/ip_filter] { deny: \"::1\" stat_prefix: \"x\" }"),
              HasSubstr("belongs to the filter"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::ip_filter
