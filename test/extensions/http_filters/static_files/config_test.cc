#include "extensions/http_filters/static_files/config.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/findings.h"
#include "test/support/child_process.h"

namespace weir::extensions::http_filters::static_files {
namespace {

using ::testing::HasSubstr;

class StaticFilesConfigTest : public FilterConfigTest {
 protected:
  StaticFilesConfigTest() : FilterConfigTest("static_files") {}

  test::TemporaryFolder folder_;
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
