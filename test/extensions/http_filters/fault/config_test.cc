#include "extensions/http_filters/fault/config.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/all_extensions.h"
#include "source/config/snapshot.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::fault {
namespace {

using ::testing::HasSubstr;

class FaultConfigTest : public ::testing::Test {
 protected:
  FaultConfigTest() { EXPECT_TRUE(registerAllExtensions(registry_).ok()); }

  // The findings for a file that has `filter` in its settings, and `route` in a route's; or "".
  std::string findings(const std::string& filter, const std::string& route = "") {
    config::Loader loader(registry_, stats_);
    config::Diagnostics diagnostics;
    const std::string text = R"(listeners {
  name: "edge"
  address: "127.0.0.1:8080"
  filter_chains { filters { config { [network_filters/http_connection_manager] {
    virtual_hosts { name: "all" domains: "*" routes { direct_response { status: 200 }
      filters { name: "fault" config { [http_filters/fault] { )" +
                             route + R"( } } } } }
    http_filters { config { [http_filters/fault] { )" +
                             filter + R"( } } }
  } } } }
})";
    loader.loadText(text, "test.textproto", 1, diagnostics);
    return diagnostics.toString();
  }

  base::Registry registry_;
  stats::Store stats_;
};

TEST_F(FaultConfigTest, Loads) {
  const std::string all =
      R"(delay { uniform { least { seconds: 1 } most { seconds: 3600 } } percentage { percent: 0.5 } }
      abort { grpc_status: 16 body: "x" } response_rate { bytes_per_second: 1 }
      headers { name: "a" exact: "b" } allow_request_headers: true)";
  EXPECT_EQ(findings(all + " max_active: 1 stat_prefix: \"x\"", all), "");
  EXPECT_EQ(findings("delay { exponential { mean { seconds: 3600 } } }"), "");
  EXPECT_EQ(findings(""), "");
  EXPECT_THAT(stats_.prometheus(), HasSubstr("weir_fault_active{filter=\"edge\"} 0"));
}

TEST_F(FaultConfigTest, SaysWhatIsWrong) {
  for (const auto& [text, field] : std::vector<std::pair<std::string, std::string>>{
           {"delay {}", "delay"},
           {"delay { fixed {} }", "delay.fixed"},
           {"delay { fixed { seconds: 3601 } }", "delay.fixed"},
           {"delay { exponential {} }", "delay.exponential.mean"},
           {"delay { uniform {} }", "delay.uniform.most"},
           {"delay { uniform { least { seconds: 2 } most { seconds: 1 } } }", "less than"},
           {"delay { fixed { seconds: 1 } percentage { percent: 101 } }", "percent"},
           {"abort {}", "abort"},
           {"abort { http_status: 199 }", "abort.http_status"},
           {"abort { grpc_status: 17 }", "abort.grpc_status"},
           {"response_rate {}", "response_rate.bytes_per_second"},
           {"headers {}", "headers[0]"},
           {"max_active: 1000001", "max_active"}}) {
    EXPECT_THAT(findings(text), HasSubstr(field)) << text;
  }
  EXPECT_THAT(findings("", "max_active: 1"), HasSubstr("belongs to the filter"));
  EXPECT_THAT(findings("", "stat_prefix: \"x\""), HasSubstr("belongs to the filter"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::fault
