// How TCP connections and UDP sessions are spread over clusters and endpoints, through the whole
// proxy.

#include <netinet/in.h>
#include <sys/socket.h>

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "test/network/udp_peer.h"
#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir {
namespace {

using test::InProcessProxy;
using test::RawConnection;
using test::ScriptedOrigin;

constexpr char kSourceIpHash[] = "load_balancing { config { [load_balancing/source_ip_hash] {} } }";

// Tells its name and waits for the client's end.
std::unique_ptr<ScriptedOrigin> named(char name) {
  return std::make_unique<ScriptedOrigin>([name](RawConnection& connection, int) {
    connection.send(std::string(1, name));
    connection.readAll();
  });
}

std::string listener(std::string_view proxy) {
  return R"(listeners { name: "db" address: "127.0.0.1:0" filter_chains {
    filters { config { [network_filters/tcp_proxy] { )" +
         std::string(proxy) + " } } } } }\n";
}

// From 127.0.0.`last`.
RawConnection connectFrom(uint8_t last, uint16_t port) {
  base::UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK - 1 + last);
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  EXPECT_EQ(::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  return RawConnection(std::move(fd));
}

TEST(L4Balancing, WeightedClustersShareConnections) {
  const auto a = named('a');
  const auto b = named('b');
  InProcessProxy proxy(
      listener(
          R"(weighted_clusters { clusters { cluster: "a" weight: 3 } clusters { cluster: "b" } })") +
      test::cluster("a", {a->address()}) + test::cluster("b", {b->address()}) + test::runtime());
  std::map<std::string, int> counts;
  for (int i = 0; i < 400; ++i) {
    ++counts[RawConnection::connectTo(proxy.port("db")).readExactly(1)];
  }
  // 300 of 400 with a standard deviation of 9.
  EXPECT_NEAR(counts["a"], 300, 60);
  EXPECT_EQ(counts["a"] + counts["b"], 400);
}

TEST(L4Balancing, AClientsAddressDecidesTheCluster) {
  const auto a = named('a');
  const auto b = named('b');
  InProcessProxy proxy(
      listener(R"(weighted_clusters { clusters { cluster: "a" } clusters { cluster: "b" } }
                                   hash_policy: HASH_POLICY_SOURCE_IP)") +
      test::cluster("a", {a->address()}) + test::cluster("b", {b->address()}) + test::runtime());
  std::set<std::string> seen;
  for (uint8_t client = 1; client <= 32; ++client) {
    const std::string first = connectFrom(client, proxy.port("db")).readExactly(1);
    seen.insert(first);
    for (int again = 0; again < 3; ++again) {
      EXPECT_EQ(connectFrom(client, proxy.port("db")).readExactly(1), first);
    }
  }
  EXPECT_EQ(seen.size(), 2u);
}

TEST(L4Balancing, AClientsAddressDecidesTheEndpointOnEveryWorker) {
  const auto a = named('a');
  const auto b = named('b');
  const auto c = named('c');
  const std::vector<std::string> origins = {a->address(), b->address(), c->address()};
  for (const char* policy : {"", "hash_policy: HASH_POLICY_SOURCE_IP"}) {
    InProcessProxy proxy(listener(std::string("cluster: \"db\" ") + policy) +
                         test::cluster("db", origins, kSourceIpHash) + test::runtime(3));
    std::set<std::string> seen;
    for (uint8_t client = 1; client <= 32; ++client) {
      const std::string first = connectFrom(client, proxy.port("db")).readExactly(1);
      seen.insert(first);
      for (int again = 0; again < 4; ++again) {
        EXPECT_EQ(connectFrom(client, proxy.port("db")).readExactly(1), first);
      }
    }
    EXPECT_EQ(seen.size(), 3u) << policy;
  }
}

TEST(L4Balancing, LeastRequestCountsOpenConnections) {
  const auto a = named('a');
  const auto b = named('b');
  InProcessProxy proxy(
      listener("cluster: \"db\"") +
      test::cluster("db", {a->address(), b->address()},
                    "load_balancing { config { [load_balancing/least_request] {} } }") +
      test::runtime(1));
  std::vector<RawConnection> open;
  std::map<std::string, int> counts;
  for (int i = 0; i < 20; ++i) {
    open.push_back(RawConnection::connectTo(proxy.port("db")));
    ++counts[open.back().readExactly(1)];
  }
  EXPECT_EQ(counts["a"], 10);
  EXPECT_EQ(counts["b"], 10);
}

TEST(L4Balancing, DatagramsOfAnAddressGoToOneEndpoint) {
  const network::UdpPeer a, b, c;
  const std::vector<std::string> origins = {a.address().toString(), b.address().toString(),
                                            c.address().toString()};
  InProcessProxy proxy(R"(listeners { name: "dns" address: "127.0.0.1:0" udp_filter { config {
                            [udp_filters/udp_proxy] { cluster: "dns" hash_policy: HASH_POLICY_SOURCE_IP } } } }
                       )" +
                       test::cluster("dns", origins, kSourceIpHash) + test::runtime(2));
  const auto to = network::Address::parse("127.0.0.1:1")->withPort(proxy.port("dns"));
  const std::vector<network::UdpPeer> clients(12);  // one address, twelve ports
  for (const network::UdpPeer& client : clients) client.send("x", to);
  ASSERT_TRUE(proxy.waitForStat("udp_proxy_sessions_total", 12, {{"listener", "dns"}}));
  int endpoints = 0;
  for (const network::UdpPeer* origin : {&a, &b, &c}) {
    char byte;
    const bool asked = ::recv(origin->fd(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
    endpoints += asked ? 1 : 0;
  }
  EXPECT_EQ(endpoints, 1);
}

}  // namespace
}  // namespace weir
