// gRPC-Web through Weir to a gRPC server of another make (grpcio): binary and text, unary and
// server streaming.

#include <signal.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/e2e/programs.h"
#include "test/support/configs.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using ::testing::HasSubstr;

constexpr char kFilter[] = "http_filters { config { [http_filters/grpc_web] {} } }";
constexpr char kHttp2[] = "http_protocol: HTTP_PROTOCOL_HTTP2";

class GrpcWebTest : public ::testing::Test {
 protected:
  std::string serverAddress() {
    EXPECT_TRUE(server_.waitForOutput("\n")) << server_.err();
    const std::string line = server_.out();
    return "127.0.0.1:" + std::to_string(std::atoi(line.c_str() + line.find(' ') + 1));
  }

  static test::Finished call(test::WeirProcess& weir, const std::string& what) {
    return test::runToEnd({"python3", test::dataFile("test/e2e/grpc_web_client.py"),
                           std::to_string(weir.port("edge")), what});
  }

  test::ChildProcess server_{{"python3", test::dataFile("test/e2e/grpc_echo_server.py")}};
};

TEST_F(GrpcWebTest, CallsOverHttp1) {
  for (const std::string type : {"application/grpc-web+proto", "application/grpc-web-text+proto"}) {
    test::WeirProcess weir(test::edgeListener(kFilter) +
                           test::cluster("origin", {serverAddress()}, kHttp2) + test::runtime());
    ASSERT_NE(weir.port("edge"), 0) << weir.process().err();
    const test::Finished client = call(weir, type);
    EXPECT_EQ(client.out, "OK\n") << type << client.err << weir.process().err() << server_.err();
    EXPECT_GT(weir.stat("grpc_web_requests_total"), 0);
    EXPECT_GT(weir.stat("grpc_web_text_requests_total"), 0);
    EXPECT_EQ(weir.stat("grpc_web_malformed_requests_total"), 1);
    EXPECT_EQ(weir.stat("grpc_web_malformed_responses_total"), 0);
    EXPECT_EQ(weir.stat("grpc_web_foreign_responses_total"), 0);
  }
}

TEST_F(GrpcWebTest, AServerThatIsGoneIsAStatus) {
  test::WeirProcess weir(test::edgeListener(kFilter) +
                         test::cluster("origin", {serverAddress()}, kHttp2) + test::runtime());
  ASSERT_NE(weir.port("edge"), 0) << weir.process().err();
  server_.signal(SIGKILL);
  EXPECT_EQ(server_.wait(), 128 + SIGKILL);
  const test::Finished client = call(weir, "dead");
  EXPECT_EQ(client.out, "OK\n") << client.err << weir.process().err();
}

// As a browser does it with fetch.
TEST_F(GrpcWebTest, ACallOverHttp2) {
  test::WeirProcess weir(test::edgeListener(kFilter) +
                         test::cluster("origin", {serverAddress()}, kHttp2) + test::runtime());
  ASSERT_NE(weir.port("edge"), 0) << weir.process().err();
  const test::Finished answer = test::curl(
      {"--http2-prior-knowledge", "--header", "content-type: application/grpc-web-text+proto",
       "--data", "AAAAAAJoaQ==", "--write-out", " %{http_version} %{http_code} %{content_type}",
       weir.url("edge", "/weir.test.Echo/Unary")});
  EXPECT_EQ(answer.code, 0) << answer.err;
  // "hi" and the trailers, each encoded for itself.
  EXPECT_THAT(answer.out, ::testing::StartsWith("AAAAAAJoaQ==gAAAA"));
  EXPECT_THAT(answer.out, HasSubstr(" 2 200 application/grpc-web-text+proto"));
}

}  // namespace
}  // namespace weir
