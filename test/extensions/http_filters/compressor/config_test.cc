#include "extensions/http_filters/compressor/config.h"

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/findings.h"

namespace weir::extensions::http_filters::compressor {
namespace {

using ::testing::HasSubstr;

class CompressorConfigTest : public FilterConfigTest {
 protected:
  CompressorConfigTest() : FilterConfigTest("compressor") {}
};

TEST_F(CompressorConfigTest, DefaultsCountUnderTheListener) {
  EXPECT_EQ(findings(""), "");
  EXPECT_THAT(stats_.prometheus(),
              HasSubstr("weir_compressor_bytes_out_total{coding=\"zstd\",filter=\"edge\"} 0"));
  EXPECT_THAT(stats_.prometheus(),
              HasSubstr("weir_compressor_skipped_total{filter=\"edge\",reason=\"too_small\"} 0"));
}

TEST_F(CompressorConfigTest, EverythingAtItsLimits) {
  EXPECT_EQ(findings(R"(codings: [GZIP, ZSTD] gzip { level: 9 window_bits: 9 memory_level: 1 }
      brotli { quality: 0 window_bits: 24 } zstd { level: 19 window_bits: 23 } min_bytes: 0
      content_types: ["text/*", "*/*+json"] flush: FLUSH_AT_END flush_delay { seconds: 10 }
      remove_accept_encoding: true max_encoders: 1 stat_prefix: "x")",
                     "min_bytes: 10 flush: FLUSH_AUTO content_types: \"a/b\""),
            "");
}

TEST_F(CompressorConfigTest, SaysWhatIsWrong) {
  for (const auto& [text, field] : std::vector<std::pair<std::string, std::string>>{
           {"codings: [GZIP, GZIP]", "codings[1]"},
           {"codings: CODING_UNSPECIFIED", "codings[0]"},
           {"gzip { level: 10 }", "gzip.level"},
           {"gzip { window_bits: 8 }", "gzip.window_bits"},
           {"brotli { quality: 12 }", "brotli.quality"},
           {"zstd { window_bits: 24 }", "zstd.window_bits"},
           {"min_bytes: 2000000", "min_bytes"},
           {"content_types: \"text/html; charset=utf-8\"", "content_types[0]"},
           {"flush_delay { nanos: 1 }", "flush_delay"},
           {"max_encoders: 1000001", "max_encoders"}}) {
    EXPECT_THAT(findings(text), HasSubstr(field)) << text;
  }
}

TEST_F(CompressorConfigTest, ARouteMayNotChangeTheEncoders) {
  for (const std::string text : {"codings: GZIP", "gzip { level: 1 }", "brotli {}", "zstd {}",
                                 "max_encoders: 3", "stat_prefix: \"r\""}) {
    EXPECT_THAT(findings("", text), HasSubstr("belongs to the filter")) << text;
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters::compressor
