#include "extensions/http_filters/local_rate_limit/config.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/findings.h"

namespace weir::extensions::http_filters::local_rate_limit {
namespace {

using ::testing::HasSubstr;

class LocalRateLimitConfig : public FilterConfigTest {
 protected:
  LocalRateLimitConfig() : FilterConfigTest("local_rate_limit") {}
};

TEST_F(LocalRateLimitConfig, TakesWhatIsRight) {
  EXPECT_EQ(findings(R"(
    limits { name: "client" requests: 100 per { seconds: 60 } burst: 20 max_keys: 1000
             key { parts { client_address { ipv6_prefix_length: 56 } } parts { path { segments: 1 } } } }
    limits { name: "all" requests: 1000000 headers { name: ":method" exact: "POST" } }
    exempt_addresses: "10.0.0.0/8" exempt_headers { name: "x-probe" }
    enabled { percent: 50 } shadow: true answer { status: 503 fields: RATE_LIMIT_FIELDS_X })",
                     R"(limits { name: "login" requests: 1 } add_limits: true shadow: false)"),
            "");
  EXPECT_THAT(
      stats_.prometheus(),
      HasSubstr("weir_http_local_rate_limit_refused_total{filter=\"edge\",limit=\"login\"} 0"));
}

TEST_F(LocalRateLimitConfig, RefusesWhatIsWrongWithPosition) {
  const struct {
    const char* fields;
    const char* finding;
  } kCases[] = {
      {"limits { requests: 1 }", "limits[0].name: is required"},
      {"limits { name: \"a b\" requests: 1 }", "cannot be the name of a limit"},
      {"limits { name: \"a\" }", "limits[0].requests: "},
      {"limits { name: \"a\" requests: 2000000 }", "limits[0].requests: "},
      {"limits { name: \"a\" requests: 1 per { seconds: 86400 } burst: 1000000 }",
       "takes more than a year to come back"},
      {"limits { name: \"a\" requests: 1 } limits { name: \"a\" requests: 2 }", "limits[1].name: "},
      {"limits { name: \"a\" requests: 1 max_keys: 1 }", "limits[0].max_keys: "},
      {"limits { name: \"a\" requests: 1 key { parts { } } }", "names nothing of a request"},
      {"limits { name: \"a\" requests: 1 key { parts { header: \":path\" } } }",
       "use path { }, method { } or host { }"},
      {"limits { name: \"a\" requests: 1 key { parts { client_address { ipv4_prefix_length: 40 } } "
       "} }",
       "parts[0].client_address.ipv4_prefix_length: "},
      {"limits { name: \"a\" requests: 1 key { parts { text: \"\" } } }",
       "parts[0].text: is required"},
      {"exempt_addresses: \"10.0.0.0/40\"", "exempt_addresses[0]: "},
      {"answer { status: 200 }", "answer.status: "},
      {"add_limits: true", "add_limits: belongs to a route's settings"},
  };
  for (const auto& [fields, finding] : kCases) {
    const std::string text = findings(fields);
    EXPECT_THAT(text, HasSubstr(finding)) << fields;
    EXPECT_THAT(text, HasSubstr("test.textproto:6:")) << fields;
  }
}

TEST_F(LocalRateLimitConfig, RoutesHaveNoNameOfTheirOwn) {
  EXPECT_THAT(findings("", "stat_prefix: \"x\""),
              HasSubstr("stat_prefix: belongs to the filter, in the connection manager"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::local_rate_limit
