// Answers that are retried, over both versions of HTTP towards the endpoints (docs/retries.md).

#include <string>

#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/raw_connection.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::RawConnection;
using test::RawMessage;

std::string answering(const std::string& name, int status, const std::string& body) {
  return "listeners { name: \"" + name + R"(" address: "127.0.0.1:0"
    filter_chains { filters { config { [network_filters/http_connection_manager] {
      virtual_hosts { name: "all" domains: "*" routes { direct_response { status: )" +
         std::to_string(status) + " body: \"" + body + "\" } } } } } } } }\n";
}

// One endpoint answers 503, the other 200.
class RetriesTest : public ::testing::TestWithParam<const char*> {
 protected:
  RetriesTest()
      : origins_(answering("busy", 503, "busy") + answering("fine", 200, "fine") +
                 test::runtime(1)),
        weir_(
            test::edgeListener({}, R"(
                routes { match { path: "/any" } route { cluster: "origin"
                  retry { statuses: 503 any_method: true } } }
                routes { match { path: "/none" } route { cluster: "origin" } }
                routes { route { cluster: "origin" retry { retry_on: GATEWAY_ERROR } } })") +
            test::cluster(
                "origin", {address("busy"), address("fine")},
                std::string("retry_limits { min_concurrency: 100 } http_protocol: HTTP_PROTOCOL_") +
                    GetParam()) +
            test::runtime(1)),
        client_(RawConnection::connectTo(weir_.port("edge"))) {}

  std::string address(const std::string& listener) {
    return "127.0.0.1:" + std::to_string(origins_.port(listener));
  }
  RawMessage ask(const std::string& method, const std::string& path) {
    client_.send(method + " " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nbody");
    return client_.readMessage();
  }

  test::WeirProcess origins_;
  test::WeirProcess weir_;
  RawConnection client_;
};

TEST_P(RetriesTest, NobodySeesTheAnswerOfTheBusyOne) {
  for (int i = 0; i < 40; ++i) {
    const RawMessage answer = ask(i % 2 == 0 ? "GET" : "PUT", "/");
    EXPECT_EQ(answer.status(), 200);
    EXPECT_EQ(answer.body, "fine");
  }
  EXPECT_GE(weir_.stat("cluster_retries_total"), 10);
  // Discarding an answer costs no connection.
  EXPECT_LE(weir_.stat("cluster_connections_total"), 2);
}

TEST_P(RetriesTest, MethodsThatMayHaveHadAnEffectOnlyWhereTheRouteSaysSo) {
  int busy = 0;
  for (int i = 0; i < 10; ++i) busy += ask("POST", "/").status() == 503 ? 1 : 0;
  EXPECT_EQ(busy, 5);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask("POST", "/any").status(), 200);
}

TEST_P(RetriesTest, WithoutAPolicyAnswersAreAnswers) {
  int busy = 0;
  for (int i = 0; i < 10; ++i) busy += ask("GET", "/none").status() == 503 ? 1 : 0;
  EXPECT_EQ(busy, 5);
  EXPECT_EQ(weir_.stat("cluster_retries_total"), 0);
}

INSTANTIATE_TEST_SUITE_P(Versions, RetriesTest, ::testing::Values("HTTP1", "HTTP2"));

}  // namespace
}  // namespace weir
