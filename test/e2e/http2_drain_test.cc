// A shutdown under HTTP/2 load: every request that Weir took is answered in full.

#include <signal.h>

#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/e2e/http2_programs.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/scripted_origin.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::Load;
using test::ServedFiles;

class Http2DrainTest : public ::testing::Test {
 protected:
  // Ends Weir while h2load asks for `path` with these arguments.
  void expectNothingCut(const std::string& origin, test::Command arguments,
                        const std::string& path) {
    const std::string log = folder_.file("access.log");
    test::WeirProcess weir(test::edgeListener(test::shortAccessLog(log)) +
                           test::cluster("origin", {origin}) + test::runtime());
    ASSERT_NE(weir.port("edge"), 0) << weir.process().err();
    arguments.insert(arguments.end(), {"-n", "10000000", "-c", "8", "-m", "20"});
    test::ChildProcess h2load(test::loadCommand(arguments, weir.url("edge", path)));
    ASSERT_TRUE(test::eventually([&] { return weir.stat("http_requests_total", "edge") > 2000; }));
    weir.process().signal(SIGTERM);
    EXPECT_EQ(weir.process().wait(), 0) << weir.process().err();
    EXPECT_TRUE(h2load.wait()) << h2load.out();
    const Load load = test::readLoad(h2load.out());
    const std::string text = test::readFile(log);
    constexpr std::string_view kWhole = "HTTP/2 200 -\n";
    const size_t lines = text.size() / kWhole.size();
    std::string expected;
    for (size_t i = 0; i < lines; ++i) expected += kWhole;
    EXPECT_TRUE(text == expected) << text.substr(0, 2000);
    EXPECT_GT(lines, 1000u);
    EXPECT_EQ(static_cast<size_t>(load.succeeded), lines) << load.text;
  }

  test::TemporaryFolder folder_;
  ServedFiles files_{folder_};
  uint16_t port_ = test::freePort();
  test::Nginx nginx_{
      "server { listen 127.0.0.1:" + std::to_string(port_) + "; root " + files_.root() + "; }",
      {port_}};
};

TEST_F(Http2DrainTest, SigtermUnderLoadCutsNoAnswer) {
  ASSERT_TRUE(nginx_.ready()) << nginx_.log();
  expectNothingCut("127.0.0.1:" + std::to_string(port_), {}, "/f16384");
}

TEST_F(Http2DrainTest, SigtermUnderLoadCutsNoUpload) {
  test::ScriptedOrigin echo(test::ScriptedOrigin::echoing());
  expectNothingCut(echo.address(), {"-d", files_.root() + "/f65536"}, "/");
}

}  // namespace
}  // namespace weir
