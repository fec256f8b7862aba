#include "extensions/http_filters/adaptive_concurrency/config.h"

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/findings.h"

namespace weir::extensions::http_filters::adaptive_concurrency {
namespace {

using ::testing::HasSubstr;

class AdaptiveConcurrencyConfig : public FilterConfigTest {
 protected:
  AdaptiveConcurrencyConfig() : FilterConfigTest("adaptive_concurrency") {}
};

TEST_F(AdaptiveConcurrencyConfig, TakesWhatIsRight) {
  EXPECT_EQ(findings(""), "");
  EXPECT_EQ(findings(R"(min_concurrency: 5 max_concurrency: 50 update_interval { seconds: 1 }
      percentile { percent: 90 } buffer_percent: 10 min_rtt_interval { seconds: 30 }
      jitter_percent: 0 min_rtt_requests: 10 retry_after { seconds: 5 })",
                     R"(stat_prefix: "slow")"),
            "");
  EXPECT_THAT(stats_.prometheus(),
              HasSubstr("weir_adaptive_concurrency_refused_total{filter=\"slow\"} 0"));
}

TEST_F(AdaptiveConcurrencyConfig, RefusesWhatIsWrongWithPosition) {
  EXPECT_THAT(findings("min_concurrency: 50 max_concurrency: 5"),
              HasSubstr("max_concurrency: is less than min_concurrency, 50"));
  EXPECT_THAT(findings("percentile { percent: 0 }"), HasSubstr("percentile.percent: "));
  EXPECT_THAT(findings("update_interval { nanos: 1000000 }"), HasSubstr("update_interval: "));
  EXPECT_THAT(findings("jitter_percent: 101"), HasSubstr("test.textproto:6:"));
  EXPECT_THAT(findings("", "min_concurrency: 2"), HasSubstr("stat_prefix: is required"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::adaptive_concurrency
