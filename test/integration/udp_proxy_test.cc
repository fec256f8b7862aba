// Datagrams through the whole proxy: real threads, real sockets.

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "test/network/udp_peer.h"
#include "test/support/allocation_counter.h"
#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"

namespace weir {
namespace {

using network::Address;
using network::UdpPeer;

std::string udpListener(std::string_view fields = {}, std::string_view name = "dns") {
  return "listeners { name: \"" + std::string(name) +
         "\" address: \"127.0.0.1:0\" udp_filter { config { [udp_filters/udp_proxy] { cluster: "
         "\"origin\" " +
         std::string(fields) + " } } } }\n";
}

Address listenerOf(const test::InProcessProxy& proxy) {
  return Address::parse("127.0.0.1:1")->withPort(proxy.port("dns"));
}

std::string config(const UdpPeer& origin, std::string_view fields = {}) {
  return udpListener(fields) + test::cluster("origin", {origin.address().toString()}) +
         test::runtime();
}

// The client's question and the origin's answer.
void exchange(const UdpPeer& client, const UdpPeer& origin, const Address& to,
              const std::string& text) {
  client.send(text, to);
  const auto asked = origin.receive();
  ASSERT_EQ(asked.bytes, text);
  origin.send(text, asked.from);
  const auto answer = client.receive();
  ASSERT_EQ(answer.bytes, text);
  ASSERT_EQ(answer.from, to);
}

TEST(UdpProxyIntegration, ManyClientsOverTwoWorkers) {
  const UdpPeer origin;
  test::InProcessProxy proxy(config(origin));
  const Address to = listenerOf(proxy);
  std::vector<UdpPeer> clients(20);
  for (int round = 0; round < 3; ++round) {
    for (size_t i = 0; i < clients.size(); ++i) {
      exchange(clients[i], origin, to, std::to_string(i) + "/" + std::to_string(round));
    }
  }
  EXPECT_TRUE(proxy.waitForStat("udp_proxy_sessions_active", 20, {{"listener", "dns"}}));
  EXPECT_EQ(proxy.stat("udp_proxy_sessions_total", {{"listener", "dns"}}), 20);
}

TEST(UdpProxyIntegration, AReloadKeepsSessionsAndARemovedListenerEndsThem) {
  const UdpPeer origin, client;
  test::InProcessProxy proxy(config(origin));
  const Address to = listenerOf(proxy);
  exchange(client, origin, to, "before");
  EXPECT_EQ(proxy.reload(config(origin, "idle_timeout { seconds: 30 }")), "");
  EXPECT_EQ(listenerOf(proxy), to);
  exchange(client, origin, to, "after");
  EXPECT_EQ(proxy.stat("udp_proxy_sessions_total", {{"listener", "dns"}}), 1);
  EXPECT_EQ(proxy.reload(test::cluster("origin", {origin.address().toString()}) + test::runtime()),
            "");
  EXPECT_TRUE(proxy.waitForStat("udp_proxy_sessions_active", 0, {{"listener", "dns"}}));
  // The port is free again.
  EXPECT_EQ(proxy.reload(config(origin)), "");
  exchange(client, origin, listenerOf(proxy), "again");
}

TEST(UdpProxyIntegration, DrainWaitsForSessionsToFallSilent) {
  const UdpPeer origin, client;
  test::InProcessProxy proxy(config(origin));
  exchange(client, origin, listenerOf(proxy), "x");
  EXPECT_EQ(proxy.shutdown(), 0);
}

TEST(UdpProxyIntegration, NoAllocationForADatagramOfASession) {
  if (!test::AllocationCounter::available()) GTEST_SKIP() << "the sanitizer allocates";
  const UdpPeer origin;
  test::InProcessProxy proxy(config(origin));
  const Address to = listenerOf(proxy);
  std::vector<UdpPeer> clients(8);
  const auto rounds = [&](int count) {
    for (int i = 0; i < count; ++i) {
      for (const UdpPeer& client : clients) exchange(client, origin, to, std::string(500, 'x'));
    }
  };
  rounds(20);
  const test::AllocationCounter counter("weir-");
  rounds(100);
  EXPECT_EQ(counter.count(), 0u) << "in 800 datagrams each way";
  counter.printStacks();
}

}  // namespace
}  // namespace weir
