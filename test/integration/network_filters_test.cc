// Network filters in front of proxies, in the whole process.

#include <unistd.h>

#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "test/extensions/transport_sockets/common/tls_peer.h"
#include "test/network/client_hello_builder.h"
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

// Listener "l" whose chain is `chain` and then an echo.
std::string echoListener(std::string_view chain, std::string_view before = {}) {
  return R"(listeners { name: "l" address: "127.0.0.1:0" )" + std::string(before) +
         " filter_chains { " + std::string(chain) +
         " filters { config { [network_filters/echo] {} } } } }\n" + test::runtime();
}

std::string filter(std::string_view name, std::string_view fields) {
  return "filters { config { [network_filters/" + std::string(name) + "] { " + std::string(fields) +
         " } } } ";
}

bool echoes(RawConnection& client) {
  return client.send("ping") && client.readExactly(4) == "ping";
}

TEST(NetworkFilters, EchoAndDirectResponse) {
  InProcessProxy proxy(echoListener("") +
                       R"(listeners { name: "closed" address: "127.0.0.1:0" filter_chains {
           filters { config { [network_filters/direct_response] { text: "421 later\r\n" } } } } })");
  RawConnection client = RawConnection::connectTo(proxy.port("l"));
  EXPECT_TRUE(echoes(client));
  RawConnection other = RawConnection::connectTo(proxy.port("closed"));
  other.send("HELO x\r\n");
  EXPECT_EQ(other.readAll(), "421 later\r\n");
}

// Exact, whoever of the workers has the connection.
TEST(NetworkFilters, ConnectionLimitHoldsOverAllWorkers) {
  InProcessProxy proxy(echoListener(filter("connection_limit", "max_connections: 10")));
  const stats::Labels limit = {{"limit", "l"}};
  std::vector<RawConnection> clients;
  for (int i = 0; i < 60; ++i) clients.push_back(RawConnection::connectTo(proxy.port("l")));
  EXPECT_TRUE(proxy.waitForStat("connection_limit_refused_total", 50, limit));
  EXPECT_EQ(proxy.stat("connection_limit_active", limit), 10);
  int served = 0;
  for (RawConnection& client : clients) served += echoes(client);
  EXPECT_EQ(served, 10);
  // The count goes on in another configuration.
  ASSERT_EQ(proxy.reload(echoListener(filter("connection_limit", "max_connections: 11"))), "");
  RawConnection eleventh = RawConnection::connectTo(proxy.port("l"));
  EXPECT_TRUE(echoes(eleventh));
  RawConnection twelfth = RawConnection::connectTo(proxy.port("l"));
  EXPECT_FALSE(echoes(twelfth));
  clients.clear();
  EXPECT_TRUE(proxy.waitForStat("connection_limit_active", 1, limit));
  RawConnection again = RawConnection::connectTo(proxy.port("l"));
  EXPECT_TRUE(echoes(again));
}

TEST(NetworkFilters, RateLimitHoldsOverAllWorkers) {
  InProcessProxy proxy(echoListener(
      filter("local_rate_limit", "rate { connections: 1 per { seconds: 3600 } burst: 7 }")));
  int served = 0;
  for (int i = 0; i < 40; ++i) {
    RawConnection client = RawConnection::connectTo(proxy.port("l"));
    served += echoes(client);
  }
  EXPECT_EQ(served, 7);
  EXPECT_EQ(proxy.stat("local_rate_limit_refused_total", {{"limit", "l"}}), 33);
}

// What is refused before the connection manager knows of it does not disturb its counts.
TEST(NetworkFilters, ALimitInFrontOfHttp) {
  InProcessProxy proxy(R"(listeners { name: "edge" address: "127.0.0.1:0" filter_chains { )" +
                       filter("connection_limit", "max_connections: 1") +
                       filter("http_connection_manager", R"(
          virtual_hosts { name: "all" domains: "*" routes { direct_response { status: 200 } } })") +
                       "} }\n" + test::runtime());
  const stats::Labels manager = {{"manager", "edge"}};
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  EXPECT_TRUE(proxy.waitForStat("http_active_connections", 1, manager));
  for (int i = 0; i < 5; ++i) {
    RawConnection other = RawConnection::connectTo(proxy.port("edge"));
    EXPECT_TRUE(other.closedByPeer());
  }
  EXPECT_EQ(proxy.stat("http_active_connections", manager), 1);
  client.close();
  EXPECT_TRUE(proxy.waitForStat("http_active_connections", 0, manager));
}

constexpr char kLoopbackOnly[] =
    R"(rules { name: "me" action: ACTION_ALLOW match { source_prefixes: "127.0.0.0/8" } })";
constexpr char kNobody[] =
    R"(rules { name: "else" action: ACTION_ALLOW match { source_prefixes: "10.0.0.0/8" } })";

TEST(NetworkFilters, RbacInFrontOfHttp) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  const auto edge = [&](std::string_view rules) {
    return R"(listeners { name: "edge" address: "127.0.0.1:0" filter_chains { )" +
           filter("rbac", rules) + filter("http_connection_manager", R"(virtual_hosts {
               name: "all" domains: "*" routes { route { cluster: "origin" } } })") +
           "} }\n" + test::cluster("origin", {origin.address()}) + test::runtime();
  };
  InProcessProxy proxy(edge(kLoopbackOnly));
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.readMessage().status(), 200);
  ASSERT_EQ(proxy.reload(edge(kNobody)), "");
  // Decided when they came; only new ones are held to new rules.
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.readMessage().status(), 200);
  RawConnection other = RawConnection::connectTo(proxy.port("edge"));
  EXPECT_TRUE(other.closedByPeer());
  EXPECT_EQ(proxy.stat("rbac_decisions_total",
                       {{"rbac", "edge"}, {"rule", "default"}, {"action", "deny"}}),
            1);
}

TEST(NetworkFilters, RbacBehindAProxyHeader) {
  InProcessProxy proxy(
      echoListener(filter("rbac", R"(rules { name: "r" action: ACTION_ALLOW match {
          source_prefixes: "192.0.2.0/24" direct_source_prefixes: "127.0.0.1"
          destination_ports: 443 } })"),
                   "listener_filters { config { [listener_filters/proxy_protocol] {} } }"));
  const auto served = [&](std::string_view header) {
    RawConnection client = RawConnection::connectTo(proxy.port("l"));
    client.send(header);
    return echoes(client);
  };
  EXPECT_TRUE(served("PROXY TCP4 192.0.2.7 198.51.100.1 4711 443\r\n"));
  EXPECT_FALSE(served("PROXY TCP4 192.0.3.7 198.51.100.1 4711 443\r\n"));
  EXPECT_FALSE(served("PROXY TCP4 192.0.2.7 198.51.100.1 4711 444\r\n"));
}

TEST(NetworkFilters, RbacByClientCertificate) {
  using extensions::transport_sockets::test::TlsPeer;
  const test::TestPki pki;
  InProcessProxy proxy(echoListener(
      "transport_socket { config { [transport_sockets/tls] { certificates { certificate_file: \"" +
      pki.serverCertificate() + "\" private_key_file: \"" + pki.serverKey() +
      "\" } client_certificate { ca_files: \"" + pki.ca() + "\" mode: MODE_OPTIONAL } } } } " +
      filter("rbac", R"(rules { name: "services" action: ACTION_ALLOW match {
          client_certificate { uris: "spiffe://example.com/*" } } })")));
  const auto answer = [&](const test::TestCertificate* certificate) {
    const RawConnection connection = RawConnection::connectTo(proxy.port("l"));
    TlsPeer::Options options{.server_name = "localhost"};
    if (certificate != nullptr) options.certificate = *certificate;
    TlsPeer client(base::UniqueFd(::dup(connection.fd())), options);
    EXPECT_TRUE(test::eventually([&] { return client.step() != TlsPeer::State::kGoingOn; }));
    client.write("ping");
    std::string got;
    EXPECT_TRUE(test::eventually([&] {
      got += client.read();
      return got.size() >= 4 || client.ended() || client.failed();
    }));
    return got;
  };
  EXPECT_EQ(answer(&pki.client), "ping");
  EXPECT_EQ(answer(nullptr), "");
  EXPECT_EQ(proxy.stat("rbac_decisions_total",
                       {{"rbac", "l"}, {"rule", "services"}, {"action", "allow"}}),
            1);
}

TEST(NetworkFilters, SniChoosesTheCluster) {
  const auto naming = [](std::string name) {
    return [name](RawConnection& connection, int) {
      connection.readSome();
      connection.send(name);
    };
  };
  ScriptedOrigin shop(naming("shop"));
  ScriptedOrigin mail(naming("mail"));
  InProcessProxy proxy(
      R"(listeners { name: "l" address: "127.0.0.1:0"
        listener_filters { config { [listener_filters/tls_inspector] {} } } filter_chains { )" +
      filter("sni_cluster", R"(clusters { key: "*.shop.example" value: "shop" }
                               fallback: FALLBACK_CLOSE)") +
      filter("tcp_proxy", "") + "} }\n" + test::cluster("shop", {shop.address()}) +
      test::cluster("mail.example", {mail.address()}) + test::runtime());
  const auto ask = [&](const std::string& name) {
    RawConnection client = RawConnection::connectTo(proxy.port("l"));
    client.send(network::test::clientHelloFor(name));
    return client.readAll();
  };
  EXPECT_EQ(ask("www.shop.example"), "shop");
  EXPECT_EQ(ask("mail.example"), "mail");
  EXPECT_EQ(ask("shop.example"), "");
  EXPECT_EQ(ask("none.example"), "");
}

}  // namespace
}  // namespace weir
