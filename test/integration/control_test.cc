// Live change, drain and admin, under traffic.

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir {
namespace {

using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;
using ::testing::HasSubstr;

std::string replying(const std::string& body, const std::string& address = "127.0.0.1:0") {
  return R"(listeners { name: "edge" address: ")" + address + R"(" filter_chains {
    filters { config { [network_filters/http_connection_manager] { virtual_hosts { name: "all" domains: "*"
      routes { direct_response { status: 200 body: ")" +
         body + R"(" } } } } } } } })" + test::runtime();
}

RawMessage ask(RawConnection& client, const std::string& target = "/") {
  client.send("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n");
  return client.readMessage();
}

TEST(Control, AKeptConnectionSeesTheNewRoutesWithItsNextRequest) {
  test::InProcessProxy proxy(replying("one"));
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  EXPECT_EQ(ask(client).body, "one");
  ASSERT_EQ(proxy.reload(replying("two")), "");
  EXPECT_EQ(ask(client).body, "two");
}

TEST(Control, SnapshotsAreSwappedUnderTrafficWithoutAFailedRequest) {
  ScriptedOrigin first(ScriptedOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"));
  ScriptedOrigin second(ScriptedOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2"));
  const auto config = [](const ScriptedOrigin& origin) {
    return test::edgeListener() + test::cluster("origin", {origin.address()}) + test::runtime();
  };
  test::InProcessProxy proxy(config(first));
  std::atomic<bool> stop{false};
  std::atomic<int> failed{0};
  std::atomic<int> answered{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([&] {
      RawConnection client = RawConnection::connectTo(proxy.port("edge"));
      while (!stop) {
        const RawMessage response = ask(client);
        const bool good =
            response.status() == 200 && (response.body == "1" || response.body == "2");
        ++(good ? answered : failed);
      }
    });
  }
  for (int i = 0; i < 50; ++i) ASSERT_EQ(proxy.reload(config(i % 2 == 0 ? second : first)), "");
  stop = true;
  for (auto& client : clients) client.join();
  EXPECT_EQ(failed, 0);
  EXPECT_GT(answered, 100);
  EXPECT_EQ(proxy.stat("snapshots_refused_total"), 0);
}

TEST(Control, AnOlderSnapshotIsRefused) {
  test::InProcessProxy proxy(replying("one"));
  ASSERT_EQ(proxy.reload(replying("two")), "");
  proxy.onMain([&] {
    auto old = std::make_shared<config::Snapshot>(proxy.server().snapshot());
    old->version = 1;
    EXPECT_FALSE(proxy.server().apply(old).ok());
  });
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  EXPECT_EQ(ask(client).body, "two");
}

TEST(Control, ABadConfigurationLeavesTheGoodOneServing) {
  test::InProcessProxy proxy(replying("one"));
  EXPECT_THAT(proxy.reload(test::edgeListener() + test::runtime()), HasSubstr("origin"));
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  EXPECT_EQ(ask(client).body, "one");
}

TEST(Control, ATakenAddressLeavesEverythingAsItWas) {
  ScriptedOrigin other(ScriptedOrigin::echoing());
  test::InProcessProxy proxy(replying("one"));
  EXPECT_THAT(proxy.reload(replying("two", other.address())), HasSubstr("in use"));
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  EXPECT_EQ(ask(client).body, "one");
}

TEST(Control, ShutdownFinishesWhatRunsAndClosesIdleConnections) {
  std::atomic<bool> go{false};
  ScriptedOrigin origin([&](RawConnection& connection, int) {
    connection.readMessage();
    test::eventually([&] { return go.load(); });
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone");
  });
  test::InProcessProxy proxy(test::edgeListener() + test::cluster("origin", {origin.address()}) +
                             test::runtime());
  RawConnection idle = RawConnection::connectTo(proxy.port("edge"));
  RawConnection busy = RawConnection::connectTo(proxy.port("edge"));
  busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(proxy.waitForStat("cluster_active_requests", 1, {{"cluster", "origin"}}));
  std::thread stopper([&] { EXPECT_EQ(proxy.shutdown(), 0); });
  EXPECT_TRUE(idle.closedByPeer());
  go = true;
  const RawMessage response = busy.readMessage();
  EXPECT_EQ(response.body, "done");
  EXPECT_EQ(response.header("connection"), "close");
  EXPECT_TRUE(busy.closedByPeer());
  stopper.join();
}

TEST(Control, ADrainThatTakesTooLongEndsWithItsTimeout) {
  ScriptedOrigin origin([](RawConnection& connection, int) { connection.readAll(); });
  test::InProcessProxy proxy(test::edgeListener() + test::cluster("origin", {origin.address()}) +
                             test::runtime(1, "drain_timeout { nanos: 300000000 }"));
  RawConnection busy = RawConnection::connectTo(proxy.port("edge"));
  busy.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  ASSERT_TRUE(proxy.waitForStat("cluster_active_requests", 1, {{"cluster", "origin"}}));
  EXPECT_EQ(proxy.shutdown(), 1);
  EXPECT_TRUE(busy.closedByPeer());
}

TEST(Control, ConnectionsOfAListenerAreLimited) {
  std::string config = replying("x");
  config.insert(config.find("filter_chains"), "max_connections: 2 ");
  test::InProcessProxy proxy(config);
  RawConnection first = RawConnection::connectTo(proxy.port("edge"));
  RawConnection second = RawConnection::connectTo(proxy.port("edge"));
  EXPECT_EQ(ask(first).body, "x");
  EXPECT_EQ(ask(second).body, "x");
  RawConnection third = RawConnection::connectTo(proxy.port("edge"));
  EXPECT_TRUE(third.closedByPeer());
  first.close();
  EXPECT_TRUE(test::eventually([&] {
    RawConnection again = RawConnection::connectTo(proxy.port("edge"));
    return ask(again).body == "x";
  }));
}

class AdminTest : public ::testing::Test {
 protected:
  RawMessage request(const std::string& method, const std::string& target) {
    RawConnection client = RawConnection::connectTo(proxy_.adminPort());
    client.send(method + " " + target + " HTTP/1.1\r\nHost: admin\r\n\r\n");
    return client.readMessage(method == "HEAD");
  }
  nlohmann::json json(const std::string& target) {
    const RawMessage response = request("GET", target);
    EXPECT_EQ(response.status(), 200);
    return nlohmann::json::parse(response.body);
  }
  ScriptedOrigin origin_{ScriptedOrigin::echoing()};
  test::InProcessProxy proxy_{test::edgeListener() + test::cluster("origin", {origin_.address()}) +
                              test::runtime()};
};

TEST_F(AdminTest, TellsWhatIsThere) {
  EXPECT_EQ(json("/ready")["state"], "serving");
  EXPECT_EQ(json("/live")["workers"], 2);
  EXPECT_EQ(json("/listeners")["listeners"][0]["name"], "edge");
  const auto cluster = json("/clusters")["clusters"][0];
  EXPECT_EQ(cluster["name"], "origin");
  EXPECT_EQ(cluster["endpoints"][0]["address"], origin_.address());
  EXPECT_EQ(cluster["endpoints"][0]["eligible"], true);
  EXPECT_EQ(json("/config")["clusters"][0]["name"], "origin");
  EXPECT_THAT(request("GET", "/config?format=text").body, HasSubstr("name: \"origin\""));
  EXPECT_GT(json("/")["endpoints"].size(), 10u);
}

TEST_F(AdminTest, CountsTraffic) {
  RawConnection client = RawConnection::connectTo(proxy_.port("edge"));
  for (int i = 0; i < 3; ++i) ask(client);
  EXPECT_EQ(proxy_.stat("cluster_requests_total", {{"cluster", "origin"}}), 3);
  const RawMessage metrics = request("GET", "/metrics");
  EXPECT_THAT(metrics.header("content-type"), HasSubstr("version=0.0.4"));
  EXPECT_THAT(metrics.body, HasSubstr("weir_cluster_requests_total{cluster=\"origin\"} 3\n"));
  EXPECT_THAT(request("GET", "/stats?filter=cluster_requests").body,
              HasSubstr("cluster_requests_total"));
}

TEST_F(AdminTest, ChangesNeedPost) {
  for (const char* path : {"/drain", "/quit"}) {
    const RawMessage response = request("GET", path);
    EXPECT_EQ(response.status(), 405);
    EXPECT_EQ(response.header("allow"), "POST");
  }
  EXPECT_EQ(request("POST", "/ready").status(), 405);
  EXPECT_EQ(request("GET", "/nothing").status(), 404);
  EXPECT_EQ(request("HEAD", "/live").status(), 200);
  EXPECT_EQ(request("POST", "/logging?level=warning&area=x").status(), 200);
  EXPECT_EQ(json("/logging")["levels"]["x"], "warning");
  EXPECT_EQ(request("POST", "/logging?level=loud").status(), 400);
}

TEST_F(AdminTest, DrainStopsAcceptingAndStaysUp) {
  RawConnection client = RawConnection::connectTo(proxy_.port("edge"));
  EXPECT_EQ(ask(client).status(), 200);
  EXPECT_EQ(request("POST", "/drain").status(), 200);
  EXPECT_TRUE(client.closedByPeer());
  EXPECT_EQ(request("GET", "/ready").status(), 503);
  EXPECT_EQ(request("GET", "/live").status(), 200);
}

}  // namespace
}  // namespace weir
