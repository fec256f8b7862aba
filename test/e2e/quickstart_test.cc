// The example that tools/run starts: needs no other program, two origins take turns.

#include <set>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::RawConnection;
using test::RawMessage;
using ::testing::HasSubstr;

// A port that was free a moment ago.
std::string freePort() {
  test::ScriptedOrigin origin([](RawConnection&, int) {});
  return std::to_string(origin.port());
}

void replaceAll(std::string& text, const std::string& from, const std::string& to) {
  for (size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size()) {
    text.replace(at, from.size(), to);
  }
}

TEST(Quickstart, BothOriginsAnswerInTurnAndAdminTells) {
  std::string config = test::readFile(test::dataFile("docs/examples/quickstart.textproto"));
  ASSERT_NE(config, "");
  replaceAll(config, "127.0.0.1:8080", "127.0.0.1:0");
  replaceAll(config, "127.0.0.1:9901", "127.0.0.1:0");
  replaceAll(config, "127.0.0.1:8081", "127.0.0.1:" + freePort());
  replaceAll(config, "127.0.0.1:8082", "127.0.0.1:" + freePort());
  // One worker, so that there is one turn to take.
  test::WeirProcess weir("runtime { workers: 1 }\n" + config);
  ASSERT_NE(weir.port("edge"), 0) << weir.process().err();

  std::string previous;
  std::set<std::string> seen;
  for (int i = 0; i < 6; ++i) {
    const test::Finished answer = test::curl({weir.url("edge")});
    EXPECT_EQ(answer.code, 0) << answer.err;
    EXPECT_NE(answer.out, previous);
    previous = answer.out;
    seen.insert(answer.out);
  }
  EXPECT_THAT(seen, ::testing::ElementsAre("Hello from origin 1\n", "Hello from origin 2\n"));

  const std::string admin = "http://127.0.0.1:" + std::to_string(weir.adminPort());
  EXPECT_THAT(test::curl({admin + "/ready"}).out, HasSubstr("serving"));
  EXPECT_THAT(test::curl({admin + "/clusters"}).out, HasSubstr("\"origins\""));
  EXPECT_THAT(test::curl({admin + "/metrics"}).out,
              HasSubstr("weir_cluster_requests_total{cluster=\"origins\"} 6"));
  const test::Finished redirect = test::curl({"--write-out", "%{http_code} %{redirect_url}",
                                              "--output", "/dev/null", weir.url("edge", "/home")});
  EXPECT_EQ(redirect.out, "302 " + weir.url("edge"));
  EXPECT_TRUE(weir.process().waitForOutput("\"GET / HTTP/1.1\" 200"));
}

}  // namespace
}  // namespace weir
