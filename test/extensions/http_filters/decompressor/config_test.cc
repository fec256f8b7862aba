#include "extensions/http_filters/decompressor/config.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/findings.h"

namespace weir::extensions::http_filters::decompressor {
namespace {

using ::testing::HasSubstr;

class DecompressorConfigTest : public FilterConfigTest {
 protected:
  DecompressorConfigTest() : FilterConfigTest("decompressor") {}
};

TEST_F(DecompressorConfigTest, CountsUnderTheListener) {
  EXPECT_EQ(findings("responses: true"), "");
  EXPECT_THAT(
      stats_.prometheus(),
      HasSubstr("weir_decompressor_corrupt_total{direction=\"request\",filter=\"edge\"} 0"));
}

TEST_F(DecompressorConfigTest, EverythingAtItsLimits) {
  EXPECT_EQ(findings(R"(requests: true responses: true codings: [GZIP, ZSTD] max_codings: 4
      max_bytes: 1099511627776 max_ratio: 1000000 advertise: true max_decoders: 1
      stat_prefix: "x")",
                     "requests: false advertise: false max_bytes: 1"),
            "");
}

TEST_F(DecompressorConfigTest, SaysWhatIsWrong) {
  for (const auto& [text, field] : std::vector<std::pair<std::string, std::string>>{
           {"", "decompresses nothing"},
           {"requests: true codings: CODING_UNSPECIFIED", "codings[0]"},
           {"requests: true max_codings: 5", "max_codings"},
           {"requests: true max_bytes: 1099511627777", "max_bytes"},
           {"requests: true max_ratio: 1", "max_ratio"},
           {"requests: true advertise: true", "advertise"},
           {"responses: true codings: DEFLATE advertise: true", "advertise"},
           {"requests: true max_decoders: 1000001", "max_decoders"}}) {
    EXPECT_THAT(findings(text), HasSubstr(field)) << text;
  }
  EXPECT_THAT(findings("requests: true", "max_decoders: 3"), HasSubstr("belongs to the filter"));
  EXPECT_THAT(findings("requests: true", "stat_prefix: \"r\""), HasSubstr("belongs to the filter"));
}

}  // namespace
}  // namespace weir::extensions::http_filters::decompressor
