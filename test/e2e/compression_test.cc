// Compression read by others: curl, Python's zlib, and a browser.

#include <cstdlib>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/e2e/programs.h"
#include "test/support/configs.h"
#include "test/support/scripted_origin.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::Finished;
using test::RawConnection;
using test::ScriptedOrigin;
using ::testing::HasSubstr;
using ::testing::Not;

std::string page() {
  std::string text = "<!doctype html><title>compressed</title><body>";
  for (int i = 0; i < 20'000; ++i) text += "line " + std::to_string(i * 7919 % 10'007) + "\n";
  return text + "<p id=end>all of it</p>";
}

class CompressionTest : public ::testing::Test {
 protected:
  // The filter with one coding.
  std::string configuration(const std::string& codings) const {
    return test::edgeListener("http_filters { config { [http_filters/compressor] { codings: [" +
                              codings + "] } } }") +
           test::cluster("origin", {origin_.address()}) + test::runtime();
  }

  const std::string page_ = page();
  ScriptedOrigin origin_{ScriptedOrigin::answering(
      "HTTP/1.1 200 OK\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: " +
      std::to_string(page_.size()) + "\r\n\r\n" + page_)};
  test::TemporaryFolder folder_;
};

TEST_F(CompressionTest, CurlReadsEachCoding) {
  for (const auto& [setting, name] : std::vector<std::pair<std::string, std::string>>{
           {"GZIP", "gzip"}, {"BROTLI", "br"}, {"ZSTD", "zstd"}}) {
    test::WeirProcess weir(configuration(setting));
    const std::string got = folder_.file("got");
    for (const char* version : {"--http1.1", "--http2-prior-knowledge"}) {
      const Finished finished = test::curl(
          {version, "--compressed", "--dump-header", "-", "--output", got, weir.url("edge", "/")});
      EXPECT_EQ(finished.code, 0) << finished.err;
      EXPECT_THAT(finished.out, HasSubstr("content-encoding: " + name)) << version;
      EXPECT_TRUE(test::readFile(got) == page_) << name << version;
    }
    const Finished plain =
        test::curl({"--dump-header", "-", "--output", got, weir.url("edge", "/")});
    EXPECT_THAT(plain.out, Not(HasSubstr("content-encoding")));
    EXPECT_TRUE(test::readFile(got) == page_);
  }
}

TEST_F(CompressionTest, PythonReadsGzip) {
  test::WeirProcess weir(configuration("GZIP"));
  const std::string raw = folder_.file("raw");
  const Finished finished =
      test::curl({"--header", "Accept-Encoding: gzip", "--output", raw, weir.url("edge", "/")});
  ASSERT_EQ(finished.code, 0) << finished.err;
  EXPECT_LT(test::readFile(raw).size(), page_.size() / 2);
  const std::string plain = folder_.file("plain");
  constexpr char kProgram[] = R"(
import sys, zlib
d = zlib.decompressobj(31)
t = d.decompress(open(sys.argv[1], 'rb').read())
assert d.eof and not d.unused_data
open(sys.argv[2], 'wb').write(t)
)";
  const Finished python = test::runToEnd({"python3", "-c", kProgram, raw, plain});
  EXPECT_EQ(python.code, 0) << python.err;
  EXPECT_TRUE(test::readFile(plain) == page_);
}

TEST_F(CompressionTest, ABrowserShowsEachCoding) {
  if (test::runToEnd({"chromium", "--version"}).code != 0) {
    GTEST_SKIP() << "chromium is missing; tools/packages.txt has what tests need";
  }
  for (const std::string setting : {"GZIP", "BROTLI"}) {
    // Browsers take br and zstd from secure places only, which loopback is for them.
    test::WeirProcess weir(configuration(setting));
    const Finished browser = test::runToEnd({"chromium", "--headless", "--no-sandbox",
                                             "--disable-gpu", "--disable-dev-shm-usage",
                                             "--user-data-dir=" + folder_.file("profile" + setting),
                                             "--dump-dom", weir.url("edge", "/")});
    EXPECT_THAT(browser.out, HasSubstr("all of it")) << browser.err;
    EXPECT_GE(weir.stat("compressor_responses_total"), 1) << setting;
  }
}

}  // namespace
}  // namespace weir
