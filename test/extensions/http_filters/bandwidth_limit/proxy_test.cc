// The filter in a whole proxy: bodies arrive whole, and not at once.

#include <chrono>
#include <string>

#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir::extensions::http_filters::bandwidth_limit {
namespace {

using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;

TEST(BandwidthLimitProxy, BothWaysThroughRealConnections) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  test::InProcessProxy proxy(test::runtime(1) +
                             test::edgeListener(R"(
          http_filters { config { [http_filters/bandwidth_limit] {} } })",
                                                R"(
      routes { match { prefix: "/slow/" } route { cluster: "origin" }
        filters { name: "bandwidth_limit" config { [http_filters/bandwidth_limit] {
          request { bytes_per_second: 2000000 scope: SCOPE_ALL }
          response { bytes_per_second: 2000000 scope: SCOPE_WORKER } } } } }
      routes { route { cluster: "origin" } })") +
                             test::cluster("origin", {origin.address()}));
  auto client = RawConnection::connectTo(proxy.port("edge"));
  const std::string body(500'000, 'b');
  for (const std::string path : {"/slow/a", "/fast", "/slow/b"}) {
    const auto begin = std::chrono::steady_clock::now();
    client.send("POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: " +
                std::to_string(body.size()) + "\r\n\r\n" + body);
    const RawMessage answer = client.readMessage();
    ASSERT_TRUE(answer.complete);
    EXPECT_TRUE(answer.body.ends_with(body));
    if (path == "/fast") continue;
    // 500 kB less what a full bucket has; the answer overlaps with nothing of it.
    EXPECT_GE(std::chrono::steady_clock::now() - begin, std::chrono::milliseconds(250));
  }
  EXPECT_TRUE(proxy.waitForStat("bandwidth_limit_delayed_total", 2,
                                {{"filter", "edge"}, {"direction", "request"}}));
}

}  // namespace
}  // namespace weir::extensions::http_filters::bandwidth_limit
