#include "extensions/http_filters/tracing/config.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/findings.h"

namespace weir::extensions::http_filters::tracing {
namespace {

using ::testing::HasSubstr;

class TracingConfig : public FilterConfigTest {
 protected:
  TracingConfig() : FilterConfigTest("tracing") {}
};

TEST_F(TracingConfig, SaysWhatIsWrong) {
  EXPECT_EQ(findings("propagation: W3C propagation: B3 span_name: \"%REQ(:METHOD)%\""), "");
  for (const auto& [text, field] : std::vector<std::pair<std::string, std::string>>{
           {"exporter {}", "exporter.cluster"},
           {"exporter { cluster: \"none\" }", "exporter.cluster"},
           {"propagation: W3C propagation: W3C", "propagation[1]"},
           {"span_name: \"%NONE%\"", "span_name"},
           {"attributes { key: \"a\" value: \"%REQ%\" }", "attributes"},
           {"attributes { key: \"\" value: \"a\" }", "attributes"},
           {"response_field: \"content-length\"", "response_field"},
           {"always {}", "always[0]"},
           {"sampling { percent: 101 }", "percent"},
           {"exporter { path: \"a\" }", "exporter.path"},
           {"exporter { fields { key: \"host\" value: \"a\" } }", "exporter.fields"},
           {"exporter { flush_interval { nanos: 1000000 } }", "flush_interval"}}) {
    EXPECT_THAT(findings(text), HasSubstr(field)) << text;
  }
  for (const char* text : {"exporter {}", "client_context: JOIN", "propagation: B3",
                           "response_field: \"x\"", "include_query: true", "stat_prefix: \"x\""}) {
    EXPECT_THAT(findings("", text), HasSubstr("belongs to the filter")) << text;
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters::tracing
