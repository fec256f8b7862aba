// The filter in a whole proxy: what clients see, and what is counted and logged of it.

#include <chrono>
#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir::extensions::http_filters::fault {
namespace {

using std::chrono::milliseconds;
using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;
using ::testing::HasSubstr;

class FaultProxy : public ::testing::Test {
 protected:
  // `policy`: of the filter; `route`: of what begins with /own/.
  void run(const std::string& policy, const std::string& route = {}) {
    config_ =
        test::runtime(1) +
        test::edgeListener("http_filters { config { [http_filters/fault] { " + policy + " } } }",
                           R"(routes { match { prefix: "/spared/" } route { cluster: "origin" }
                       filters { name: "fault" disabled: true } }
                     routes { match { prefix: "/own/" } route { cluster: "origin" }
                       filters { name: "fault" config { [http_filters/fault] { )" +
                               route + R"( } } } }
                     routes { route { cluster: "origin" } })") +
        test::cluster("origin", {origin_.address()});
    proxy_ = std::make_unique<test::InProcessProxy>(config_);
  }
  RawMessage ask(const std::string& path, const std::string& fields = {},
                 const std::string& body = {}) {
    auto client = RawConnection::connectTo(proxy_->port("edge"));
    const auto begin = std::chrono::steady_clock::now();
    client.send("POST " + path + " HTTP/1.1\r\nHost: a\r\n" + fields +
                "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
    RawMessage answer = client.readMessage();
    took_ = std::chrono::steady_clock::now() - begin;
    EXPECT_TRUE(answer.complete);
    return answer;
  }
  // The last exchange, as the administration tells it.
  std::string last() {
    auto client = RawConnection::connectTo(proxy_->adminPort());
    client.send("GET /requests?limit=1 HTTP/1.1\r\nHost: a\r\n\r\n");
    return client.readMessage().body;
  }
  int64_t count(const std::string& name) {
    return proxy_->stat("fault_" + name, {{"filter", "edge"}});
  }
  bool quiet() { return proxy_->waitForStat("fault_active", 0, {{"filter", "edge"}}); }

  ScriptedOrigin origin_{ScriptedOrigin::echoing()};
  std::string config_;
  std::unique_ptr<test::InProcessProxy> proxy_;
  std::chrono::steady_clock::duration took_{};
};

TEST_F(FaultProxy, ADelayHoldsBackAndPasses) {
  run("delay { fixed { nanos: 100000000 } }");
  const RawMessage answer = ask("/a", {}, "question");
  EXPECT_EQ(answer.status(), 200);
  EXPECT_TRUE(answer.body.ends_with("question"));
  EXPECT_GE(took_, milliseconds(80));  // right within 20 ms
  EXPECT_EQ(ask("/spared/a").status(), 200);
  EXPECT_EQ(count("delays_total"), 1);
  EXPECT_TRUE(quiet());
}

TEST_F(FaultProxy, AnAbortNeverReachesTheEndpoint) {
  run(R"(abort { http_status: 418 body: "on purpose\n" })");
  const RawMessage answer = ask("/a", {}, "question");
  EXPECT_EQ(answer.status(), 418);
  EXPECT_EQ(answer.body, "on purpose\n");
  EXPECT_EQ(origin_.connections(), 0);
  EXPECT_EQ(ask("/spared/a").status(), 200);
  EXPECT_EQ(origin_.connections(), 1);
  EXPECT_EQ(count("aborts_total"), 1);
  EXPECT_TRUE(quiet());
}

TEST_F(FaultProxy, AnAbortIsToldOfInTheLog) {
  run("abort { http_status: 503 }");
  EXPECT_EQ(ask("/a").status(), 503);
  ASSERT_TRUE(quiet());
  const std::string told = last();
  EXPECT_THAT(told, HasSubstr("fault_injected"));
  EXPECT_THAT(told, HasSubstr("FI"));
}

TEST_F(FaultProxy, ResponsesComeAtTheirRate) {
  run("response_rate { bytes_per_second: 1000000 }");
  const std::string body(300'000, 'b');
  const RawMessage answer = ask("/a", {}, body);
  EXPECT_TRUE(answer.body.ends_with(body));
  EXPECT_GE(took_, milliseconds(150));  // 300 ms less what a full bucket has
  EXPECT_EQ(count("response_rates_total"), 1);
  EXPECT_TRUE(quiet());
}

TEST_F(FaultProxy, ARouteReplacesTheWhole) {
  run("delay { fixed { seconds: 3600 } } abort { http_status: 503 }", R"(
      abort { http_status: 404 } headers { name: "x-canary" present: true })");
  EXPECT_EQ(ask("/own/a").status(), 200);
  EXPECT_EQ(ask("/own/a", "X-Canary: 1\r\n").status(), 404);
  EXPECT_EQ(count("delays_total"), 0);
  EXPECT_EQ(count("aborts_total"), 1);
}

TEST_F(FaultProxy, ARouteMayLetRequestsAsk) {
  run({}, "allow_request_headers: true");
  const std::string asks = "x-envoy-fault-abort-request: 507\r\n";
  EXPECT_EQ(ask("/a", asks).status(), 200);
  EXPECT_EQ(ask("/own/a", asks).status(), 507);
  EXPECT_EQ(ask("/own/a").status(), 200);
}

TEST_F(FaultProxy, AClientThatLeavesIsForgotten) {
  run("delay { fixed { seconds: 3600 } } max_active: 1");
  auto client = RawConnection::connectTo(proxy_->port("edge"));
  client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(proxy_->waitForStat("fault_active", 1, {{"filter", "edge"}}));
  EXPECT_EQ(ask("/b").status(), 200);  // one at a time has a fault
  EXPECT_EQ(count("overflows_total"), 1);
  client.abort();
  EXPECT_TRUE(quiet());
  EXPECT_EQ(origin_.connections(), 1);
}

// What waits is let go by a new configuration no sooner than by the old one.
TEST_F(FaultProxy, AChangeOfTheConfigurationLeavesWhatWaits) {
  run("delay { fixed { nanos: 200000000 } }");
  auto client = RawConnection::connectTo(proxy_->port("edge"));
  client.send("GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(proxy_->waitForStat("fault_delays_total", 1, {{"filter", "edge"}}));
  EXPECT_EQ(proxy_->reload(config_), "");
  EXPECT_EQ(client.readMessage().status(), 200);
  EXPECT_TRUE(quiet());
}

}  // namespace
}  // namespace weir::extensions::http_filters::fault
