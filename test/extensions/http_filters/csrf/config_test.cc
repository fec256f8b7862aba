#include "extensions/http_filters/csrf/config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/findings.h"

namespace weir::extensions::http_filters::csrf {
namespace {

using ::testing::HasSubstr;

class CsrfConfig : public FilterConfigTest {
 protected:
  CsrfConfig() : FilterConfigTest("csrf") {}
};

TEST_F(CsrfConfig, TakesWhatIsRight) {
  EXPECT_EQ(findings("", "shadow: true"), "");
  EXPECT_EQ(findings("enforced { percent: 10 } "
                     "additional_origins { exact: \"https://a.example\" }"),
            "");
}

TEST_F(CsrfConfig, SaysWhatIsWrong) {
  EXPECT_THAT(findings("shadow: true enforced { percent: 1 }"),
              HasSubstr("enforced: has no effect beside shadow"));
  EXPECT_THAT(findings("additional_origins { regex: \"(\" }"), HasSubstr("additional_origins[0]"));
  EXPECT_THAT(findings("", "stat_prefix: \"x\""), HasSubstr("belongs to the filter"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::csrf
