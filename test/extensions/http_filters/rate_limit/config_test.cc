#include "extensions/http_filters/rate_limit/config.h"

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/network_filters/http_connection_manager/config.h"
#include "extensions/transport_sockets/plain/config.h"
#include "source/config/snapshot.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::rate_limit {
namespace {

using ::testing::HasSubstr;

class RateLimitConfigTest : public ::testing::Test {
 protected:
  RateLimitConfigTest() {
    using network_filters::http_connection_manager::HttpConnectionManagerExtension;
    EXPECT_TRUE(registry_.add(std::make_unique<HttpConnectionManagerExtension>()).ok());
    EXPECT_TRUE(registry_.add(std::make_unique<RateLimitExtension>()).ok());
    EXPECT_TRUE(registry_.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  }
  std::string findings(const std::string& filter, const std::string& route = "") {
    config::Loader loader(registry_, stats_);
    config::Diagnostics diagnostics;
    const std::string of_route =
        route.empty()
            ? ""
            : "filters { name: \"r\" config { [http_filters/rate_limit] { " + route + " } } }";
    const std::string text = R"(listeners {
  name: "edge"
  address: "127.0.0.1:8080"
  filter_chains { filters { config { [network_filters/http_connection_manager] {
    virtual_hosts { name: "all" domains: "*" routes { direct_response { status: 200 } )" +
                             of_route + R"( } }
    http_filters { name: "r" config { [http_filters/rate_limit] { )" +
                             filter + R"( } } }
  } } } }
})";
    loader.loadText(text, "test.textproto", 1, diagnostics);
    return diagnostics.toString();
  }
  static std::string withRedis(const std::string& more) {
    return "redis { address: \"127.0.0.1:6379\" } " + more;
  }
  base::Registry registry_;
  stats::Store stats_;
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
