#include "extensions/http_filters/ip_filter/config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/findings.h"

namespace weir::extensions::http_filters::ip_filter {
namespace {

using ::testing::HasSubstr;

class IpFilterConfig : public FilterConfigTest {
 protected:
  IpFilterConfig() : FilterConfigTest("ip_filter") {}
};

TEST_F(IpFilterConfig, TakesWhatIsRight) {
  EXPECT_EQ(findings("deny: \"10.0.0.0/8\"", "allow: \"::1\" shadow: true"), "");
  EXPECT_EQ(findings("default_action: ACTION_DENY"), "");
}

TEST_F(IpFilterConfig, SaysWhatIsWrong) {
  EXPECT_THAT(findings(""), HasSubstr("has nothing to deny"));
  EXPECT_THAT(findings("allow: \"10.0.0.1/8\""), HasSubstr("allow[0]: "));
  EXPECT_THAT(findings("deny: \"::1\" deny: \"x\""), HasSubstr("deny[1]: "));
  EXPECT_THAT(findings("deny: \"::1\" status: 200"), HasSubstr("status: 200 is out of range"));
  EXPECT_THAT(findings("deny_files: \"absent.list\""), HasSubstr("absent.list: No such file"));
  EXPECT_THAT(findings("deny_files: \"\""), HasSubstr("deny_files[0]"));
  EXPECT_THAT(findings("deny: \"::1\" body: \"" + std::string(4097, 'x') + "\""),
              HasSubstr("body: is too long"));
  EXPECT_THAT(findings("deny: \"::1\"", "deny: \"::1\" stat_prefix: \"x\""),
              HasSubstr("belongs to the filter"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::ip_filter
