#include "gmock/gmock.h"

#include "extensions/health_checkers/http/http.h"
#include "test/extensions/health_checkers/common/probe_fixture.h"
#include "test/extensions/health_checkers/common/tls_sides.h"
#include "test/grpc/scripted_server.h"

namespace weir::extensions::health_checkers::http {
namespace {

using grpc::test::ScriptedServer;
using grpc::test::ServerStream;
using test::EndpointConnection;
using ::testing::HasSubstr;
using upstream::HttpProtocol;

class TlsTest : public test::ProbeTest {
 protected:
  // HTTP/1.1 on endpoint_.
  void serveHttp1(std::vector<std::string> alpn = {}) {
    endpoint_ = std::make_unique<test::TestEndpoint>(io_, tls_.server(std::move(alpn)));
    endpoint_->on_data = [](EndpointConnection& connection) {
      if (!connection.received.ends_with("\r\n\r\n")) return;
      connection.received.clear();
      connection.say("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    };
    address_ = endpoint_->address();
  }
  void serveHttp2() {
    server_ = std::make_unique<ScriptedServer>(io_, grpc::test::ServerOptions{},
                                               tls_.server({"h2", "http/1.1"}));
    server_->on_request = [this](ServerStream& stream) {
      scheme_ = stream.header(":scheme");
      stream.rawHead({{":status", "200"}}, true);
    };
    address_ = server_->address();
  }
  void openIt(HttpProtocol protocol, std::vector<std::string> offer) {
    cluster_.http_protocol = protocol;
    settings_.transport = tls_.client("", std::move(offer));
    open(HttpCheckerFactory(std::make_shared<HttpOptions>(options_)), address_);
  }

  test::TlsSides tls_{services_, dispatcher_};
  HttpOptions options_{.host = "web.example:443"};
  network::Address address_;
  std::unique_ptr<ScriptedServer> server_;
  std::string scheme_;
};

TEST_F(TlsTest, Http1KeepsItsConnection) {
  serveHttp1();
  openIt(HttpProtocol::kHttp1, {});
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(endpoint_->connections(), 1u);
  act([&] { endpoint_->connection(0).close(); });
  EXPECT_EQ(probe(), "healthy");
}

TEST_F(TlsTest, AutoGoesByAlpn) {
  serveHttp1({"http/1.1"});
  openIt(HttpProtocol::kAuto, {"h2", "http/1.1"});
  EXPECT_EQ(probe(), "healthy");
  serveHttp2();
  openIt(HttpProtocol::kAuto, {"h2", "http/1.1"});
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(scheme_, "https");
  EXPECT_EQ(server_->connections(), 1u);
}

TEST_F(TlsTest, GoawayOfAnIdleConnectionMakesANewOne) {
  serveHttp2();
  openIt(HttpProtocol::kAuto, {"h2", "http/1.1"});
  EXPECT_EQ(probe(), "healthy");
  act([&] { server_->connection(0).goAway(1); });
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(server_->connections(), 2u);
}

TEST_F(TlsTest, Http2HasToBeChosen) {
  serveHttp1({"http/1.1"});
  openIt(HttpProtocol::kHttp2, {"h2", "http/1.1"});
  EXPECT_EQ(probe(), "unhealthy: did not choose \"h2\" by ALPN");
  serveHttp2();
  openIt(HttpProtocol::kHttp1, {"h2"});
  EXPECT_EQ(probe(), "unhealthy: chose \"h2\" by ALPN, where HTTP/1.1 is spoken");
}

TEST_F(TlsTest, TheCertificateHasToBeForTheHost) {
  serveHttp1();
  options_.host = "other.example";
  openIt(HttpProtocol::kHttp1, {});
  EXPECT_THAT(probe(), HasSubstr("Hostname mismatch"));
}

TEST_F(TlsTest, WithoutAHostItHasToBeForTheAddress) {
  serveHttp1();
  options_.host.clear();
  openIt(HttpProtocol::kHttp1, {});
  EXPECT_THAT(probe(), HasSubstr("IP address mismatch"));
}

TEST_F(TlsTest, MayBeCancelledAtAnyTime) {
  serveHttp2();
  for (int turns = 0; turns < 16; ++turns) {
    openIt(HttpProtocol::kHttp2, {"h2"});
    listener_.results.clear();
    dispatcher_.post([&] { probe_->start(); });
    dispatcher_.runUntilIdle(turns);
    const size_t told = listener_.results.size();
    dispatcher_.post([&] { turns % 2 == 0 ? probe_->cancel() : probe_.reset(); });
    settle();
    EXPECT_EQ(listener_.results.size(), told);
  }
}

}  // namespace
}  // namespace weir::extensions::health_checkers::http
