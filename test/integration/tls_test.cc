// TLS through the whole proxy: clients over TLS, endpoints over TLS, certificates that change, and
// clients that never get anywhere.

#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "test/integration/tls_client.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"
#include "test/support/test_certificates.h"

namespace weir {
namespace {

using test::InProcessProxy;
using test::RawConnection;
using test::ScriptedOrigin;
using test::TlsClient;

constexpr char kGet[] = "GET /a HTTP/1.1\r\nHost: localhost\r\n\r\n";

class TlsTest : public testing::Test {
 protected:
  std::string tlsListener(const std::string& fields = {}) const {
    return test::tlsListener(pki_, fields);
  }
  std::string upstreamTls(const std::string& fields) const {
    return "transport_socket { config { [transport_sockets/upstream_tls] { ca_files: \"" +
           pki_.ca() + "\" " + fields + " } } }";
  }
  const test::TestPki pki_;
};

TEST_F(TlsTest, ClientsOverTls) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  InProcessProxy proxy(tlsListener() + test::cluster("origin", {origin.address()}) +
                       test::runtime());
  TlsClient client(proxy.port("edge"));
  ASSERT_TRUE(client.up());
  for (int i = 0; i < 3; ++i) {
    const std::string response = client.exchange(kGet);
    EXPECT_TRUE(response.starts_with("HTTP/1.1 200")) << response;
    EXPECT_NE(response.find("x-forwarded-proto: https"), std::string::npos) << response;
  }
  const stats::Labels labels = {{"listener", "edge"}, {"version", "TLSv1.3"}};
  EXPECT_EQ(proxy.stat("tls_handshakes_total", labels), 1);
}

TEST_F(TlsTest, LargeBodiesBothWays) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  InProcessProxy proxy(tlsListener() + test::cluster("origin", {origin.address()}) +
                       test::runtime());
  TlsClient client(proxy.port("edge"));
  const std::string body(3'000'000, 'b');
  const std::string response = client.exchange("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " +
                                               std::to_string(body.size()) + "\r\n\r\n" + body);
  EXPECT_TRUE(response.ends_with(body));
}

TEST_F(TlsTest, EndpointsOverTls) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  InProcessProxy inner(tlsListener("client_certificate { ca_files: \"" + pki_.ca() + "\" }") +
                       test::cluster("origin", {origin.address()}) + test::runtime());
  const std::string address = "127.0.0.1:" + std::to_string(inner.port("edge"));
  const std::string shown = "client_certificate { certificate_file: \"" + pki_.clientCertificate() +
                            "\" private_key_file: \"" + pki_.clientKey() + "\" } ";
  const auto statusWith = [&](const std::string& fields) {
    InProcessProxy outer(test::edgeListener() +
                         test::cluster("origin", {address}, upstreamTls(fields)) + test::runtime());
    RawConnection client = RawConnection::connectTo(outer.port("edge"));
    int status = 0;
    for (int i = 0; i < 3; ++i) {
      client.send(kGet);
      status = client.readMessage().status();
    }
    return status;
  };
  EXPECT_EQ(statusWith(shown + "server_name: \"localhost\""), 200);
  EXPECT_EQ(statusWith(shown + "server_name_from_host: true"), 200);
  EXPECT_EQ(statusWith(shown), 200);  // by its address
  EXPECT_EQ(statusWith(shown + "server_name: \"wrong.example\""), 503);
  // It shows none, which TLS 1.3 lets the other side say only when it is connected.
  EXPECT_EQ(statusWith("server_name: \"localhost\""), 502);
}

TEST_F(TlsTest, CertificatesChangeWhileConnectionsLive) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  InProcessProxy proxy(tlsListener() + test::cluster("origin", {origin.address()}) +
                       test::runtime());
  TlsClient old(proxy.port("edge"));
  EXPECT_EQ(old.commonName(), "localhost");
  const test::TestCertificate renewed =
      test::issue(pki_.authority, {.common_name = "renewed", .dns = {"localhost"}});
  pki_.folder().write("server.key", renewed.keyPem());
  pki_.folder().write("server.pem", renewed.pem());
  EXPECT_TRUE(
      test::eventually([&] { return TlsClient(proxy.port("edge")).commonName() == "renewed"; }));
  EXPECT_TRUE(old.exchange(kGet).starts_with("HTTP/1.1 200"));
  EXPECT_EQ(proxy.stat("tls_reloads_total", {{"what", "certificate"}, {"result", "success"}}), 1);
}

TEST_F(TlsTest, AChangeForTheWorseIsNotTaken) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  InProcessProxy proxy(tlsListener() + test::cluster("origin", {origin.address()}) +
                       test::runtime());
  pki_.folder().write("server.pem", "no certificate at all");
  EXPECT_TRUE(
      proxy.waitForStat("tls_reloads_total", 1, {{"what", "certificate"}, {"result", "failure"}}));
  EXPECT_TRUE(TlsClient(proxy.port("edge")).exchange(kGet).starts_with("HTTP/1.1 200"));
}

TEST_F(TlsTest, HandshakesHaveATimeLimit) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  InProcessProxy proxy(tlsListener("handshake_timeout { nanos: 100000000 }") +
                       test::cluster("origin", {origin.address()}) + test::runtime());
  RawConnection silent = RawConnection::connectTo(proxy.port("edge"));
  EXPECT_TRUE(silent.closedByPeer());
  EXPECT_TRUE(proxy.waitForStat("listener_connections_active", 0, {{"listener", "edge"}}));
}

TEST_F(TlsTest, PlainHttpIsToldSo) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  InProcessProxy proxy(tlsListener() + test::cluster("origin", {origin.address()}) +
                       test::runtime());
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  client.send(kGet);
  EXPECT_EQ(client.readMessage().status(), 400);
  EXPECT_TRUE(client.closedByPeer());
}

// WEIR_LONG=1 takes ten thousand.
TEST_F(TlsTest, ManyHalfOpenHandshakesAndAHealthyClient) {
  const bool all = std::getenv("WEIR_LONG") != nullptr;
  const size_t wanted = all ? 10'000 : 1'000;
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  const size_t count =
      std::min<size_t>(wanted, limit.rlim_cur > 500 ? (limit.rlim_cur - 500) / 2 : 0);
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  InProcessProxy proxy(tlsListener() + test::cluster("origin", {origin.address()}) +
                       test::runtime());
  std::vector<RawConnection> half_open;
  for (size_t i = 0; i < count; ++i) {
    half_open.push_back(RawConnection::connectTo(proxy.port("edge")));
    // Every other one has begun, and stops in the middle of its first message.
    if (i % 2 == 0)
      half_open.back().send(std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03", 10));
  }
  const auto begin = std::chrono::steady_clock::now();
  TlsClient probe(proxy.port("edge"));
  EXPECT_TRUE(probe.exchange(kGet).starts_with("HTTP/1.1 200"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(1));
  EXPECT_GT(proxy.stat("listener_connections_active", {{"listener", "edge"}}),
            static_cast<int64_t>(count * 9 / 10));
}

}  // namespace
}  // namespace weir
