// The check against real servers: what they do to idle connections is never ill health.

#include <csignal>

#include "gmock/gmock.h"

#include "extensions/health_checkers/http/http.h"
#include "test/e2e/programs.h"
#include "test/extensions/health_checkers/common/probe_fixture.h"

namespace weir::extensions::health_checkers::http {
namespace {

using weir::test::ChildProcess;
using weir::test::Nginx;

class ServersTest : public test::ProbeTest {
 protected:
  void openIt(uint16_t port, HttpOptions options = {}) {
    open(HttpCheckerFactory(std::make_shared<HttpOptions>(std::move(options))),
         network::Address::parse("127.0.0.1:1")->withPort(port));
  }
  // All the probe's connections have gone, by the server's doing.
  bool ended() {
    return until([&] { return io_.connections() == 0; });
  }
  // By this thread, ever.
  uint64_t connectionsMade() { return io_.nextConnectionId() - asked_++; }
  uint64_t asked_ = 0;
  const uint16_t port_ = weir::test::freePort();
};

std::string server(uint16_t port, const std::string& http2, const std::string& more) {
  return more + " server { listen 127.0.0.1:" + std::to_string(port) + http2 +
         "; location /health { return 200 \"all well\"; } location /busy { return 429; } }";
}

TEST_F(ServersTest, NginxEndsIdleConnections) {
  Nginx nginx(server(port_, "", "keepalive_timeout 100ms; keepalive_requests 3;"), {port_});
  ASSERT_TRUE(nginx.ready()) << nginx.log();
  HttpOptions options;
  options.expected.body_text.emplace("all well");
  openIt(port_, options);
  for (int i = 0; i < 20; ++i) ASSERT_EQ(probe(), "healthy") << i;
  EXPECT_TRUE(ended());
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(probe(), "healthy");
    EXPECT_TRUE(ended());
  }
  openIt(port_, {.path = "/none"});
  EXPECT_EQ(probe(), "unhealthy: status 404, expected 200-299");
  options = {.path = "/busy"};
  options.expected.degraded_statuses = {{429, 429}};
  openIt(port_, options);
  EXPECT_EQ(probe(), "degraded: status 429");
}

// New workers take over, old ones leave: HTTP/2 says GOAWAY.
TEST_F(ServersTest, NginxReloads) {
  for (const bool http2 : {false, true}) {
    const uint16_t port = weir::test::freePort();
    Nginx nginx(server(port, http2 ? " http2" : "", ""), {port});
    ASSERT_TRUE(nginx.ready()) << nginx.log();
    HttpOptions options;
    if (http2) options.protocol = upstream::HttpProtocol::kHttp2;
    openIt(port, options);
    for (int round = 0; round < 3; ++round) {
      ASSERT_EQ(probe(), "healthy");
      EXPECT_EQ(io_.connections(), 1u);
      nginx.process().signal(SIGHUP);
      // It is asked until the connection is one to a new worker.
      const uint64_t before = connectionsMade();
      for (int i = 0; i < 200'000 && connectionsMade() == before; ++i) {
        ASSERT_EQ(probe(), "healthy");
      }
      EXPECT_GT(connectionsMade(), before);
    }
    probe_.reset();
    settle();
  }
}

TEST_F(ServersTest, HaproxyEndsIdleConnections) {
  const weir::test::TemporaryFolder folder;
  const std::string file = folder.write(
      "haproxy.cfg",
      "defaults\n mode http\n timeout client 5s\n timeout http-keep-alive 100ms\n"
      " timeout http-request 5s\nfrontend f\n bind 127.0.0.1:" +
          std::to_string(port_) +
          "\n http-request return status 200 content-type text/plain string ok if { path /health "
          "}\n http-request return status 503\n");
  ChildProcess haproxy({"haproxy", "-db", "-f", file});
  ASSERT_TRUE(weir::test::accepts(port_, haproxy)) << haproxy.err();
  openIt(port_);
  for (int i = 0; i < 5; ++i) {
    ASSERT_EQ(probe(), "healthy");
    EXPECT_TRUE(ended());
  }
  openIt(port_, {.path = "/other"});
  EXPECT_EQ(probe(), "unhealthy: status 503, expected 200-299");
}

}  // namespace
}  // namespace weir::extensions::health_checkers::http
