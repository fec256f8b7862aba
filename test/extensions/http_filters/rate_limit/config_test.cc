#include "extensions/http_filters/rate_limit/config.h"

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/findings.h"

namespace weir::extensions::http_filters::rate_limit {
namespace {

using ::testing::HasSubstr;

class RateLimitConfigTest : public FilterConfigTest {
 protected:
  RateLimitConfigTest() : FilterConfigTest("rate_limit") {}
  static std::string withRedis(const std::string& more) {
    return "redis { address: \"127.0.0.1:6379\" } " + more;
  }
};

TEST_F(RateLimitConfigTest, TakesWhatIsRight) {
  EXPECT_EQ(findings(withRedis(R"(key_prefix: "{x}:" timeout { nanos: 5000000 }
      on_failure: ON_FAILURE_LOCAL local_share { percent: 25 } max_waiting: 10 max_timeouts: 1
      limits { name: "a" requests: 5 per { seconds: 2678400 } key { parts { tls_identity {} } } }
      limits { name: "b" requests: 5 algorithm: ALGORITHM_BUCKET burst: 9 shadow: true })"),
                     R"(limits { name: "c" requests: 1 } add_limits: true)"),
            "");
}

TEST_F(RateLimitConfigTest, RefusesWhatIsWrongWithPosition) {
  EXPECT_THAT(findings(""), HasSubstr("redis: is required"));
  const struct {
    const char* fields;
    const char* finding;
  } kCases[] = {
      {"limits { name: \"a\" requests: 5 burst: 3 }", "burst: has no meaning for a window"},
      {"limits { name: \"a\" requests: 5 per { nanos: 1000000 } }", "limits[0].per: "},
      {"limits { name: \"a\" requests: 1 per { seconds: 2678400 } algorithm: ALGORITHM_BUCKET "
       "burst: 1000 }",
       "takes more than a year to come back"},
      {"timeout { seconds: 11 }", "timeout: "},
      {"key_prefix: \"a b\"", "key_prefix: has other bytes"},
      {"max_waiting: 5000", "max_waiting: "},
      {"local_share { percent: 200 }", "local_share"},
      {"add_limits: true", "add_limits: belongs to a route"},
  };
  for (const auto& [fields, finding] : kCases) {
    const std::string text = findings(withRedis(fields));
    EXPECT_THAT(text, HasSubstr(finding)) << fields;
    EXPECT_THAT(text, HasSubstr("test.textproto:6:")) << fields;
  }
}

TEST_F(RateLimitConfigTest, RoutesSayOnlyWhatIsTheirs) {
  const std::string filter = withRedis("limits { name: \"a\" requests: 5 }");
  EXPECT_THAT(findings(filter, "redis { address: \"127.0.0.1:1\" }"),
              HasSubstr("redis: belongs to the filter"));
  EXPECT_THAT(findings(filter, "timeout { nanos: 1000000 }"),
              HasSubstr("timeout: belongs to the filter"));
  EXPECT_THAT(findings(filter, "limits { name: \"a\" requests: 1 } add_limits: true"),
              HasSubstr("limits[0].name: is that of a limit of the filter"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::rate_limit
