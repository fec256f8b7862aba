// prequal in the whole proxy: origins that answer probes, origins that do not, and TCP.

#include <atomic>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir::extensions::load_balancing::prequal {
namespace {

using test::InProcessProxy;
using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;

// Probes keep up with one client that does nothing but ask.
constexpr char kPrequal[] =
    "load_balancing { config { [load_balancing/prequal] { "
    "probing { max_per_second: 1000000 } } } }";

// Counts requests; answers probes with `load`, or does not know them when that is empty.
struct Origin {
  explicit Origin(std::string load)
      : server([this, load](RawConnection& connection, int) {
          while (true) {
            const RawMessage request = connection.readMessage();
            if (!request.complete) return;
            if (request.target() != "/.well-known/weir/load") {
              ++requests;
              connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
            } else if (load.empty()) {
              connection.send("HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
            } else {
              connection.send("HTTP/1.1 204 No Content\r\n" + load + "\r\n");
            }
          }
        }) {}
  std::atomic<int> requests{0};
  ScriptedOrigin server;
};

std::string load(int in_flight, int latency_us) {
  return "X-Requests-In-Flight: " + std::to_string(in_flight) +
         "\r\nX-Latency-Estimate-Us: " + std::to_string(latency_us) + "\r\n";
}

std::string configFor(const std::deque<Origin>& origins) {
  std::vector<std::string> addresses;
  for (const Origin& origin : origins) addresses.push_back(origin.server.address());
  return test::edgeListener() + test::cluster("origin", addresses, kPrequal) + test::runtime(1);
}

int64_t mode(const InProcessProxy& proxy, const char* mode) {
  return proxy.stat("prequal_mode", {{"cluster", "origin"}, {"mode", mode}});
}

int64_t probes(const InProcessProxy& proxy, const char* result) {
  return proxy.stat("prequal_probes_total", {{"cluster", "origin"}, {"result", result}});
}

// One client that asks one thing after the other.
struct Client {
  explicit Client(const InProcessProxy& proxy)
      : connection(RawConnection::connectTo(proxy.port("edge"))) {}
  bool ask() {
    connection.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    return connection.readMessage().status() == 200;
  }
  RawConnection connection;
};

TEST(PrequalProxy, ASlowOriginGetsLittle) {
  std::deque<Origin> origins;
  for (int i = 0; i < 3; ++i) origins.emplace_back(i == 1 ? load(2, 50'000) : load(2, 1'000));
  InProcessProxy proxy(configFor(origins));
  Client client(proxy);
  EXPECT_TRUE(test::eventually([&] { return mode(proxy, "observed") == 1; }));
  ASSERT_TRUE(test::eventually([&] { return client.ask() && mode(proxy, "probed") == 1; }));
  EXPECT_EQ(mode(proxy, "observed"), 0);
  // Until all have told.
  ASSERT_TRUE(test::eventually([&] { return client.ask() && probes(proxy, "answered") > 30; }));
  const int before = origins[1].requests;
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(client.ask());
  EXPECT_LT(origins[1].requests - before, 80) << "by chance it would be 167";
  EXPECT_EQ(probes(proxy, "refused"), 0);
}

TEST(PrequalProxy, OriginsThatAnswerNoProbes) {
  std::deque<Origin> origins;
  for (int i = 0; i < 3; ++i) origins.emplace_back("");
  InProcessProxy proxy(configFor(origins));
  Client client(proxy);
  ASSERT_TRUE(test::eventually([&] { return client.ask() && probes(proxy, "refused") >= 3; }));
  for (int i = 0; i < 500; ++i) ASSERT_TRUE(client.ask());
  EXPECT_EQ(mode(proxy, "observed"), 1);
  EXPECT_EQ(mode(proxy, "probed"), 0);
  EXPECT_EQ(probes(proxy, "answered"), 0);
  EXPECT_LT(probes(proxy, "refused"), 30);  // they are left in peace
  int requests = 0;
  for (const Origin& origin : origins) requests += origin.requests;
  EXPECT_GE(requests, 500);
}

TEST(PrequalProxy, NoProbesInTcp) {
  std::atomic<int> connections{0};
  std::atomic<int> wrong{0};
  ScriptedOrigin origin([&](RawConnection& connection, int) {
    const std::string text = connection.readExactly(4);
    if (text == "ping") {
      ++connections;
    } else {
      ++wrong;
    }
    connection.send("pong");
  });
  InProcessProxy proxy(R"(listeners { name: "edge" address: "127.0.0.1:0" filter_chains {
      filters { config { [network_filters/tcp_proxy] { cluster: "origin" } } } } }
      )" + test::cluster("origin", {origin.address()}, kPrequal) +
                       test::runtime(1));
  for (int i = 0; i < 30; ++i) {
    RawConnection client = RawConnection::connectTo(proxy.port("edge"));
    client.send("ping");
    ASSERT_EQ(client.readExactly(4), "pong");
  }
  EXPECT_EQ(connections, 30);
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(mode(proxy, "observed"), 1);
}

}  // namespace
}  // namespace weir::extensions::load_balancing::prequal
