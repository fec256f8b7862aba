// Datagrams through the whole proxy: real threads, real sockets.

#include <gtest/gtest.h>

#include <string>
#include <thread>
#include <vector>

#include "test/integration/udp_fixture.h"

namespace weir::test_udp {
namespace {

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

}  // namespace
}  // namespace weir::test_udp
