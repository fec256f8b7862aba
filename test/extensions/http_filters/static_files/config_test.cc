#include "extensions/http_filters/static_files/config.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/all_extensions.h"
#include "source/config/snapshot.h"
#include "source/stats/stats.h"
#include "test/support/child_process.h"

namespace weir::extensions::http_filters::static_files {
namespace {

using ::testing::HasSubstr;

class StaticFilesConfigTest : public ::testing::Test {
 protected:
  StaticFilesConfigTest() { EXPECT_TRUE(registerAllExtensions(registry_).ok()); }

  // The findings for a file that has `filter` in its settings, and `route` in a route's; or "".
  std::string findings(const std::string& filter, const std::string& route = "") {
    config::Loader loader(registry_, stats_);
    config::Diagnostics diagnostics;
    const std::string text = R"(listeners {
  name: "edge"
  address: "127.0.0.1:8080"
  filter_chains { filters { config { [network_filters/http_connection_manager] {
    virtual_hosts { name: "all" domains: "*" routes { direct_response { status: 200 }
      filters { name: "static_files" config { [http_filters/static_files] { )" +
                             route + R"( } } } } }
    http_filters { config { [http_filters/static_files] { )" +
                             filter + R"( } } }
  } } } }
})";
    loader.loadText(text, "test.textproto", 1, diagnostics);
    return diagnostics.toString();
  }

  test::TemporaryFolder folder_;
  base::Registry registry_;
  stats::Store stats_;
};

TEST_F(StaticFilesConfigTest, Loads) {
  const std::string all = "root: \"" + folder_.path() +
                          R"(" prefix: "/a/" index: ["a.html", "b"] types { key: "x" value: "a/b" }
      default_type: "c/d" precompressed: [BROTLI, ZSTD, GZIP] cache_control: "no-cache"
      fallback: "sub/index.html" hidden_files: true)";
  EXPECT_EQ(findings(all + " stat_prefix: \"x\"", all), "");
  EXPECT_EQ(findings("fall_through: true"), "");
  EXPECT_THAT(stats_.prometheus(), HasSubstr("weir_static_files_served_total{filter=\"edge\"} 0"));
}

TEST_F(StaticFilesConfigTest, SaysWhatIsWrong) {
  for (const auto& [text, field] : std::vector<std::pair<std::string, std::string>>{
           {"root: \"/absent/folder\"", "root"},
           {"prefix: \"a/\"", "prefix"},
           {"prefix: \"/a\"", "prefix"},
           {"index: \"a/b\"", "index[0]"},
           {"index: \"\"", "index[0]"},
           {"types { key: \".x\" value: \"a/b\" }", "types"},
           {"types { key: \"X\" value: \"a/b\" }", "types"},
           {"types { key: \"x\" }", "types"},
           {"default_type: \"a\\nb\"", "default_type"},
           {"precompressed: PRECOMPRESSED_UNSPECIFIED", "precompressed[0]"},
           {"precompressed: [GZIP, GZIP]", "precompressed[1]"},
           {"cache_control: \"a\\r\\nb\"", "cache_control"},
           {"fallback: \"../x\"", "fallback"},
           {"fallback: \"sub/\"", "fallback"},
           {"fallback: \"x\" fall_through: true", "fallback"}}) {
    EXPECT_THAT(findings(text), HasSubstr(field)) << text;
  }
  EXPECT_THAT(findings("", "stat_prefix: \"x\""), HasSubstr("belongs to the filter"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::static_files
