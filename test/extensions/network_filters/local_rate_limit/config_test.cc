#include "extensions/network_filters/local_rate_limit/config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "test/extensions/network_filters/common/findings.h"

namespace weir::extensions::network_filters::local_rate_limit {
namespace {

using testing::HasSubstr;

std::string findings(std::string_view fields) {
  return network::test::findings(
      base::concat("filters { config { [network_filters/local_rate_limit] { ", fields,
                   " } } } filters { config { [network_filters/echo] {} } }"));
}

TEST(LocalRateLimitConfig, TakesWhatIsRight) {
  EXPECT_EQ(findings("rate { connections: 10 }"), "");
  EXPECT_EQ(findings("rate_per_source { connections: 1000000 per { nanos: 1000000 } burst: 1 } "
                     "max_sources: 5000"),
            "");
}

TEST(LocalRateLimitConfig, RefusesWhatIsWrong) {
  EXPECT_THAT(findings(""), HasSubstr("rate: there is no limit; give rate or rate_per_source"));
  EXPECT_THAT(findings("rate {}"), HasSubstr("rate.connections: 0 is out of range"));
  EXPECT_THAT(findings("rate { connections: 1 burst: 1000001 }"), HasSubstr("rate.burst: "));
  EXPECT_THAT(findings("rate { connections: 1 per { seconds: 0 } }"), HasSubstr("rate.per: "));
  EXPECT_THAT(findings("rate_per_source { connections: 1 } max_sources: 10"),
              HasSubstr("max_sources: 10 is out of range; it must be 1024 to 1048576"));
}

}  // namespace
}  // namespace weir::extensions::network_filters::local_rate_limit
