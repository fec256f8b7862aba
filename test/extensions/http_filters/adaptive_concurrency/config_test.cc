#include "extensions/http_filters/adaptive_concurrency/config.h"

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/network_filters/http_connection_manager/config.h"
#include "extensions/transport_sockets/plain/config.h"
#include "source/config/snapshot.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::adaptive_concurrency {
namespace {

using ::testing::HasSubstr;

class AdaptiveConcurrencyConfig : public ::testing::Test {
 protected:
  AdaptiveConcurrencyConfig() {
    using network_filters::http_connection_manager::HttpConnectionManagerExtension;
    EXPECT_TRUE(registry_.add(std::make_unique<HttpConnectionManagerExtension>()).ok());
    EXPECT_TRUE(registry_.add(std::make_unique<AdaptiveConcurrencyExtension>()).ok());
    EXPECT_TRUE(registry_.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  }
  std::string findings(const std::string& filter, const std::string& route = "") {
    config::Loader loader(registry_, stats_);
    config::Diagnostics diagnostics;
    const std::string of_route =
        route.empty() ? ""
                      : "filters { name: \"a\" config { [http_filters/adaptive_concurrency] { " +
                            route + " } } }";
    const std::string text = R"(listeners {
  name: "edge"
  address: "127.0.0.1:8080"
  filter_chains { filters { config { [network_filters/http_connection_manager] {
    virtual_hosts { name: "all" domains: "*" routes { direct_response { status: 200 } )" +
                             of_route + R"( } }
    http_filters { name: "a" config { [http_filters/adaptive_concurrency] { )" +
                             filter + R"( } } }
  } } } }
})";
    loader.loadText(text, "test.textproto", 1, diagnostics);
    return diagnostics.toString();
  }
  base::Registry registry_;
  stats::Store stats_;
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
