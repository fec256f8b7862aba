#include "extensions/http_filters/fault/config.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/findings.h"

namespace weir::extensions::http_filters::fault {
namespace {

using ::testing::HasSubstr;

class FaultConfigTest : public FilterConfigTest {
 protected:
  FaultConfigTest() : FilterConfigTest("fault") {}
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
