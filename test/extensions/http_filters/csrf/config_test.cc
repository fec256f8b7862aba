#include "extensions/http_filters/csrf/config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/access/findings.h"

namespace weir::extensions::http_filters::csrf {
namespace {

using ::testing::HasSubstr;

TEST(CsrfConfig, TakesWhatIsRight) {
  EXPECT_EQ(findings("[http_filters/csrf] { }", "[http_filters/csrf] { shadow: true }"), "");
  EXPECT_EQ(findings("[http_filters/csrf] { enforced { percent: 10 } "
                     "additional_origins { exact: \"https://a.example\" } }"),
            "");
}

TEST(CsrfConfig, SaysWhatIsWrong) {
  EXPECT_THAT(findings("[http_filters/csrf] { shadow: true enforced { percent: 1 } }"),
              HasSubstr("enforced: has no effect beside shadow"));
  EXPECT_THAT(findings("[http_filters/csrf] { additional_origins { regex: \"(\" } }"),
              HasSubstr("additional_origins[0]"));
  EXPECT_THAT(findings("[http_filters/csrf] { }", "[http_filters/csrf] { stat_prefix: \"x\" }"),
              HasSubstr("belongs to the filter"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::csrf
