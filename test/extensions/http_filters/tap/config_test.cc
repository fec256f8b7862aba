#include "extensions/http_filters/tap/config.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/all_extensions.h"
#include "source/config/snapshot.h"
#include "source/stats/stats.h"

namespace weir::extensions::http_filters::tap {
namespace {

using ::testing::HasSubstr;

class TapConfig : public ::testing::Test {
 protected:
  TapConfig() { EXPECT_TRUE(registerAllExtensions(registry_).ok()); }

  // The findings for a filter and what a route says of it, or "".
  std::string findings(const std::string& filter, const std::string& route = "") {
    config::Loader loader(registry_, stats_);
    config::Diagnostics diagnostics;
    std::string text = R"(listeners {
  name: "edge"
  address: "127.0.0.1:8080"
  filter_chains { filters { config { [network_filters/http_connection_manager] {
    virtual_hosts { name: "all" domains: "*" routes { direct_response { status: 200 } )";
    if (!route.empty()) {
      text += "filters { name: \"tap\" config { [http_filters/tap] {" + route + "} } }";
    }
    text += R"( } }
    http_filters { name: "tap" config { [http_filters/tap] { )" +
            filter + R"( } } }
  } } } }
})";
    loader.loadText(text, "test.textproto", 1, diagnostics);
    return diagnostics.toString();
  }
  static std::string path() { return "path: \"" + testing::TempDir() + "/tap.log\" "; }

  base::Registry registry_;
  stats::Store stats_;
};

TEST_F(TapConfig, TakesWhatIsGiven) {
  EXPECT_EQ(findings(path()), "");
  EXPECT_EQ(findings(path() + R"(
      stat_prefix: "t" percentage { percent: 1 } min_status: 500 max_body_bytes: 0
      request_headers { name: ":path" prefix: "/a" } redact_fields: "X-Key"
      redact_patterns: "[0-9]{16}" max_per_second: 7 max_file_bytes: 4096)",
                     R"(percentage { percent: 100 } min_status: 400 max_body_bytes: 9
      request_headers { name: "x" } redact_fields: "y" redact_patterns: "z")"),
            "");
}

TEST_F(TapConfig, RefusesWhatCannotBe) {
  EXPECT_THAT(findings(""), HasSubstr("path"));
  EXPECT_THAT(findings("path: '/no/such/folder/tap.log'"), HasSubstr("there is no folder"));
  EXPECT_THAT(findings(path() + "min_status: 600"), HasSubstr("min_status"));
  EXPECT_THAT(findings(path() + "max_body_bytes: 65537"), HasSubstr("max_body_bytes"));
  EXPECT_THAT(findings(path() + "redact_fields: 'a b'"), HasSubstr("redact_fields[0]"));
  EXPECT_THAT(findings(path() + "redact_patterns: '('"), HasSubstr("redact_patterns[0]"));
  EXPECT_THAT(findings(path() + "redact_patterns: 'a*'"), HasSubstr("empty text"));
  EXPECT_THAT(findings(path() + "max_per_second: 100001"), HasSubstr("max_per_second"));
  EXPECT_THAT(findings(path() + "max_file_bytes: 4095"), HasSubstr("max_file_bytes"));
}

TEST_F(TapConfig, RoutesHaveNoFileOfTheirOwn) {
  for (const char* field :
       {"path: 'x'", "stat_prefix: 'x'", "max_per_second: 1", "max_file_bytes: 4096"}) {
    EXPECT_THAT(findings(path(), field), HasSubstr("is not for a route")) << field;
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters::tap
