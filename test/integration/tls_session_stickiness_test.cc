// Clients that resume their TLS session, through the whole proxy with several workers.

#include <openssl/ssl.h>

#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/integration/tls_client.h"
#include "test/support/configs.h"
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
constexpr int kWorkers = 3;

// Three origins that say their name.
class TlsSessionStickinessTest : public testing::Test {
 protected:
  void start(std::string_view tls = {}, std::string_view filter = {}) {
    std::vector<std::string> addresses;
    for (const char* name : {"a", "b", "c"}) {
      origins_.push_back(std::make_unique<ScriptedOrigin>(ScriptedOrigin::answering(
          std::string("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n") + name)));
      addresses.push_back(origins_.back()->address());
    }
    proxy_ = std::make_unique<InProcessProxy>(
        test::tlsListener(pki_, tls, filter) +
        test::cluster("origin", addresses,
                      "stickiness { config { [stickiness/tls_session] { } } }") +
        test::runtime(kWorkers));
  }
  // The name of the origin that answers; '-' for none.
  static char who(TlsClient& client) {
    const std::string response = client.up() ? client.exchange(kGet) : "";
    return response.starts_with("HTTP/1.1 200 ") ? response.back() : '-';
  }
  // Six clients with sessions of their own, and twelve more connections of each.
  void expectClientsStay(TlsClient::Options options) {
    std::set<char> all;
    for (int i = 0; i < kClients; ++i) {
      TlsClient first(proxy_->port("edge"), options);
      ASSERT_TRUE(first.up());
      EXPECT_FALSE(first.resumed());
      const char name = who(first);
      all.insert(name);
      const auto session = first.session();
      TlsClient::Options again = options;
      again.session = session.get();
      for (int j = 0; j < kMore; ++j) {
        TlsClient next(proxy_->port("edge"), again);
        EXPECT_TRUE(next.resumed());
        EXPECT_EQ(who(next), name);
      }
    }
    EXPECT_EQ(all.count('-'), 0u);
    EXPECT_GT(all.size(), 1u) << "clients are spread";
    EXPECT_EQ(stat("new"), kClients);
    EXPECT_EQ(stat("followed"), kClients * kMore);
    EXPECT_EQ(stat("rebound"), 0);
  }
  int64_t stat(const std::string& name) {
    return proxy_->stat("cluster_sticky_" + name + "_total", {{"cluster", "origin"}});
  }
  std::string metrics() {
    RawConnection client = RawConnection::connectTo(proxy_->adminPort());
    client.send("GET /metrics?filter=sticky HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    return client.readMessage().body;
  }

  static constexpr int kClients = 6;
  static constexpr int kMore = 12;

  const test::TestPki pki_;
  std::vector<std::unique_ptr<ScriptedOrigin>> origins_;
  std::unique_ptr<InProcessProxy> proxy_;
};

TEST_F(TlsSessionStickinessTest, WhoKnowsNoTicketsStays) {
  start();
  expectClientsStay({.most = TLS1_2_VERSION, .tickets = false});
}

TEST_F(TlsSessionStickinessTest, WithoutTicketsInTheListenerAllOfTls12Stay) {
  start("tickets { off: true }");
  expectClientsStay({.most = TLS1_2_VERSION});
}

TEST_F(TlsSessionStickinessTest, ConnectionsOfTcpStay) {
  start("tickets { off: true }", "[network_filters/tcp_proxy] { cluster: \"origin\" }");
  expectClientsStay({.most = TLS1_2_VERSION, .tickets = false});
}

TEST_F(TlsSessionStickinessTest, Tls13IsBalancedWithEachConnection) {
  start("tickets { off: true }");
  std::set<char> all;
  for (int i = 0; i < 12; ++i) {
    TlsClient client(proxy_->port("edge"));
    all.insert(who(client));
  }
  EXPECT_GT(all.size(), 1u);
  EXPECT_EQ(all.count('-'), 0u);
  EXPECT_THAT(metrics(), testing::HasSubstr("weir_cluster_sticky_entries{cluster=\"origin\"} 0\n"));
}

}  // namespace
}  // namespace weir
