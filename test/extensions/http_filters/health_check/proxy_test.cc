// The filter in a whole proxy: what clusters have and what the operator says.

#include <string>

#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir::extensions::http_filters::health_check {
namespace {

using test::RawConnection;
using test::ScriptedOrigin;

std::string filter(const std::string& fields) {
  return "http_filters { config { [http_filters/health_check] { path: \"/healthz\" " + fields +
         " } } }";
}

int check(uint16_t port) {
  auto client = RawConnection::connectTo(port);
  client.send("GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n");
  return client.readMessage().status();
}

int post(uint16_t port, const std::string& path) {
  auto client = RawConnection::connectTo(port);
  client.send("POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n");
  return client.readMessage().status();
}

// The operator has taken endpoints out, or they are as their state says: health without waiting.
TEST(HealthCheckProxy, LooksAtClusters) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  const std::string clusters = test::cluster("all", {origin.address()}) +
                               "clusters { name: \"out\" endpoints { address: \"" +
                               origin.address() + "\" state: STATE_DISABLED } }\n";
  const auto status = [&](const std::string& fields) {
    test::InProcessProxy proxy(
        test::runtime(1) +
        test::edgeListener(filter(fields), "routes { direct_response { status: 404 } }") +
        clusters);
    return check(proxy.port("edge"));
  };
  EXPECT_EQ(status("clusters { cluster: \"all\" min_healthy { percent: 100 } }"), 200);
  EXPECT_EQ(status("clusters { cluster: \"out\" }"), 503);
  EXPECT_EQ(status("clusters { cluster: \"out\" min_healthy { percent: 0 } }"), 200);
  EXPECT_EQ(status("clusters { cluster: \"all\" } clusters { cluster: \"out\" }"), 503);
}

TEST(HealthCheckProxy, TheOperatorHasAWord) {
  const std::string config =
      test::runtime(2) +
      test::edgeListener(filter(""), "routes { direct_response { status: 404 } }");
  test::InProcessProxy proxy(config);
  EXPECT_EQ(check(proxy.port("edge")), 200);
  EXPECT_EQ(post(proxy.adminPort(), "/healthcheck/fail"), 200);
  EXPECT_EQ(check(proxy.port("edge")), 503);
  EXPECT_EQ(proxy.reload(config), "");
  EXPECT_EQ(check(proxy.port("edge")), 503) << "it outlasts configurations";
  EXPECT_EQ(post(proxy.adminPort(), "/healthcheck/ok"), 200);
  EXPECT_EQ(check(proxy.port("edge")), 200);
}

}  // namespace
}  // namespace weir::extensions::http_filters::health_check
