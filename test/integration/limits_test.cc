// Limits over all workers: four of them, under more load than the limits allow, towards an origin
// that measures. What must hold: never more than the limit, everybody is served, nothing is left.

#include <atomic>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir {
namespace {

using test::InProcessProxy;
using test::RawConnection;
using test::ScriptedOrigin;

constexpr int kClients = 24;
constexpr int kRequests = 25;  // of each

// How many are there at once, and how many there have been at most.
class Meter {
 public:
  void enter() {
    const int now = ++now_;
    int most = most_;
    while (now > most && !most_.compare_exchange_weak(most, now)) {
    }
  }
  void leave() { --now_; }
  int most() const { return most_; }

 private:
  std::atomic<int> now_{0};
  std::atomic<int> most_{0};
};

// Long enough for others to come along.
void dwell() {
  for (int i = 0; i < 50; ++i) std::this_thread::yield();
}

ScriptedOrigin::Script measuringHttp(Meter& meter) {
  return [&meter](RawConnection& connection, int) {
    while (connection.readMessage().complete) {
      meter.enter();
      dwell();
      meter.leave();
      if (!connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) return;
    }
  };
}

// Each client is served all it asks for, one after the other.
template <class Exchange>
int serveAll(Exchange&& exchange) {
  std::atomic<int> served{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < kClients; ++i) {
    clients.emplace_back([&] { served += exchange(); });
  }
  for (std::thread& client : clients) client.join();
  return served;
}

std::string endpoint(const ScriptedOrigin& origin, std::string_view limit) {
  return "endpoints { address: \"" + origin.address() + "\" " + std::string(limit) + " } ";
}

class LimitsTest : public testing::Test {
 protected:
  static constexpr std::string_view kPatience = "queue { timeout { seconds: 60 } } ";

  // `clusters`: fields of cluster "origin". At the end nothing is in flight, waits or counts.
  void serveHttp(std::string_view fields) {
    InProcessProxy proxy(test::edgeListener() + "clusters { name: \"origin\" " +
                         std::string(kPatience) + std::string(fields) + " }\n" + test::runtime(4));
    const uint16_t port = proxy.port("edge");
    const int served = serveAll([port] {
      RawConnection client = RawConnection::connectTo(port);
      int good = 0;
      for (int i = 0; i < kRequests; ++i) {
        if (!client.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n")) break;
        good += client.readMessage().status() == 200 ? 1 : 0;
      }
      return good;
    });
    EXPECT_EQ(served, kClients * kRequests);
    const stats::Labels origin{{"cluster", "origin"}};
    EXPECT_TRUE(proxy.waitForStat("cluster_active_requests", 0, origin));
    EXPECT_TRUE(proxy.waitForStat("cluster_pending_requests", 0, origin));
    EXPECT_EQ(proxy.stat("cluster_overflow_total", origin), 0);
  }

  Meter meter_;
};

TEST_F(LimitsTest, ConnectionsOfACluster) {
  ScriptedOrigin a(measuringHttp(meter_)), b(measuringHttp(meter_));
  serveHttp("max_connections: 3 " + endpoint(a, "") + endpoint(b, ""));
  EXPECT_LE(meter_.most(), 3);
  EXPECT_GT(meter_.most(), 1);
}

// Fewer connections than workers: they pass from one to the other.
TEST_F(LimitsTest, OneConnectionForAllWorkers) {
  ScriptedOrigin origin(measuringHttp(meter_));
  serveHttp("max_connections: 1 " + endpoint(origin, ""));
  EXPECT_EQ(meter_.most(), 1);
}

TEST_F(LimitsTest, ConnectionsOfAnEndpoint) {
  Meter other;
  ScriptedOrigin a(measuringHttp(meter_)), b(measuringHttp(other));
  serveHttp(endpoint(a, "max_connections: 2") + endpoint(b, "max_connections: 3"));
  EXPECT_LE(meter_.most(), 2);
  EXPECT_LE(other.most(), 3);
}

TEST_F(LimitsTest, RequestsOfACluster) {
  ScriptedOrigin origin(measuringHttp(meter_));
  serveHttp("max_requests: 3 " + endpoint(origin, ""));
  EXPECT_LE(meter_.most(), 3);
  EXPECT_GT(meter_.most(), 1);
}

TEST_F(LimitsTest, RequestsOfEndpoints) {
  Meter other;
  ScriptedOrigin a(measuringHttp(meter_)), b(measuringHttp(other));
  serveHttp(endpoint(a, "max_requests: 2") + endpoint(b, "max_requests: 1"));
  EXPECT_LE(meter_.most(), 2);
  EXPECT_LE(other.most(), 1);
}

TEST_F(LimitsTest, SessionsOfTcp) {
  ScriptedOrigin origin([this](RawConnection& connection, int) {
    if (connection.readExactly(1).empty()) return;
    meter_.enter();
    dwell();
    meter_.leave();
    connection.send("y");
    connection.readAll();
  });
  InProcessProxy proxy(
      R"(listeners { name: "db" address: "127.0.0.1:0" filter_chains { filters { config {
           [network_filters/tcp_proxy] { cluster: "db" } } } } }
         clusters { name: "db" queue { timeout { seconds: 60 } } )" +
      endpoint(origin, "max_connections: 3") + "}\n" + test::runtime(4));
  const uint16_t port = proxy.port("db");
  const int served = serveAll([port] {
    int good = 0;
    for (int i = 0; i < 10; ++i) {
      RawConnection client = RawConnection::connectTo(port);
      client.send("x");
      good += client.readExactly(1) == "y" ? 1 : 0;
    }
    return good;
  });
  EXPECT_EQ(served, kClients * 10);
  EXPECT_LE(meter_.most(), 3);
  const stats::Labels db{{"cluster", "db"}};
  EXPECT_TRUE(proxy.waitForStat("cluster_active_connections", 0, db));
  EXPECT_TRUE(proxy.waitForStat("cluster_pending_requests", 0, db));
}

// Who finds no room in time is told why.
TEST_F(LimitsTest, TheReasonIsInTheAnswer) {
  std::atomic<bool> done{false};
  ScriptedOrigin origin([&done](RawConnection& connection, int) {
    if (!connection.readMessage().complete) return;
    test::eventually([&done] { return done.load(); });
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    connection.readAll();
  });
  InProcessProxy proxy(test::edgeListener() +
                       "clusters { name: \"origin\" queue { timeout { nanos: 50000000 } } " +
                       endpoint(origin, "max_requests: 1") + "}\n" + test::runtime(1));
  RawConnection first = RawConnection::connectTo(proxy.port("edge"));
  first.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  ASSERT_TRUE(test::eventually([&] { return origin.connections() == 1; }));
  RawConnection second = RawConnection::connectTo(proxy.port("edge"));
  second.send("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
  const test::RawMessage refused = second.readMessage();
  EXPECT_EQ(refused.status(), 503);
  EXPECT_EQ(refused.header("weir-overload"), "queue_timeout");
  EXPECT_EQ(
      proxy.stat("cluster_refused_total", {{"cluster", "origin"}, {"reason", "queue_timeout"}}), 1);
  done = true;
  EXPECT_EQ(first.readMessage().status(), 200);
}

}  // namespace
}  // namespace weir
