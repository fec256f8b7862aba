// Internal redirects, mirrors and second attempts in the whole process.

#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir {
namespace {

using test::InProcessProxy;
using test::RawConnection;
using test::ScriptedOrigin;

std::string answer(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

// Redirects with this status to where `to` in the query says, else echoes.
ScriptedOrigin::Script redirecting(int status) {
  return [status](RawConnection& connection, int) {
    while (true) {
      const test::RawMessage message = connection.readMessage();
      if (message.start_line.empty()) return;
      const size_t at = message.start_line.find("to=");
      if (at == std::string::npos) {
        connection.send(answer(message.start_line + "|" + message.header("x-seen") + "|" +
                               message.header("x-weir-original-url") + "|" + message.body));
        continue;
      }
      const std::string to =
          message.start_line.substr(at + 3, message.start_line.rfind(' ') - at - 3);
      connection.send("HTTP/1.1 " + std::to_string(status) + " Away\r\nLocation: " + to +
                      "\r\nContent-Length: 4\r\n\r\naway");
    }
  };
}

// Lets nobody through to /secret, and counts how often it has seen a request.
constexpr std::string_view kGuard = R"(http_filters { config { [http_filters/lua] { script { inline:
"function envoy_on_request(handle) local headers = handle:headers() headers:replace('x-seen', (headers:get('x-seen') or '') .. 'x') if headers:get(':path') == '/secret' then handle:respond({[':status'] = '403'}, 'no') end end" } } } })";

class InternalRedirects : public testing::Test {
 protected:
  std::string config(std::string_view fields) const {
    return test::runtime(1) +
           test::edgeListener(kGuard,
                              R"(routes { name: "all" route { cluster: "origin"
                                   internal_redirects { )" +
                                  std::string(fields) + " } } }") +
           test::cluster("origin", {origin_.address()});
  }
  ScriptedOrigin origin_{redirecting(307)};
};

TEST_F(InternalRedirects, ARequestComesAgainThroughTheFilters) {
  InProcessProxy proxy(config("max: 2"));
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  for (int i = 0; i < 3; ++i) {
    client.send("GET /?to=/next HTTP/1.1\r\nHost: shop\r\n\r\n");
    const test::RawMessage next = client.readMessage();
    EXPECT_EQ(next.start_line, "HTTP/1.1 200 OK");
    EXPECT_EQ(next.body, "GET /next HTTP/1.1|xx|http://shop/?to=/next|");
  }
  client.send("POST /?to=/next HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\n\r\nbody");
  EXPECT_EQ(client.readMessage().body, "POST /next HTTP/1.1|xx|http://shop/?to=/next|body");
  client.send(
      "POST /?to=/next HTTP/1.1\r\nHost: shop\r\nTransfer-Encoding: chunked\r\n\r\n"
      "4\r\nbody\r\n0\r\n\r\n");
  EXPECT_EQ(client.readMessage().body, "POST /next HTTP/1.1|xx|http://shop/?to=/next|body");
}

TEST_F(InternalRedirects, NobodyGetsAroundAFilter) {
  InProcessProxy proxy(config("max: 2"));
  for (const char* to : {"/secret", "/./a/../secret", "//shop/secret", "http://shop/%73ecret"}) {
    RawConnection client = RawConnection::connectTo(proxy.port("edge"));
    client.send("GET /?to=" + std::string(to) + " HTTP/1.1\r\nHost: shop\r\n\r\n");
    EXPECT_EQ(client.readMessage().start_line, "HTTP/1.1 403 Forbidden") << to;
  }
}

TEST_F(InternalRedirects, LoopsEnd) {
  InProcessProxy proxy(config("max: 5"));
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  client.send("GET /?to=?to=?to=?to=?to=?to=?to=?to=?to=/end HTTP/1.1\r\nHost: shop\r\n\r\n");
  const test::RawMessage last = client.readMessage();
  EXPECT_EQ(last.status(), 307);
  EXPECT_EQ(last.body, "away");
}

// A client that goes, a client that sends the next request at once.
TEST_F(InternalRedirects, ClientsDoWhatTheyLike) {
  InProcessProxy proxy(config("max: 2"));
  for (int i = 0; i < 20; ++i) {
    RawConnection client = RawConnection::connectTo(proxy.port("edge"));
    client.send(
        "GET /?to=/next HTTP/1.1\r\nHost: shop\r\n\r\n"
        "GET /?to=/other HTTP/1.1\r\nHost: shop\r\n\r\n");
    if (i % 2 == 0) continue;
    EXPECT_EQ(client.readMessage().body, "GET /next HTTP/1.1|xx|http://shop/?to=/next|");
    EXPECT_EQ(client.readMessage().body, "GET /other HTTP/1.1|xx|http://shop/?to=/other|");
  }
  EXPECT_TRUE(proxy.waitForStat("http_active_streams", 0));
}

// --- Mirrors ---

// Until open() says otherwise.
class Gate {
 public:
  void pass() {
    std::unique_lock lock(mutex_);
    opened_.wait(lock, [this] { return open_; });
  }
  void open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    opened_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable opened_;
  bool open_ = false;
};

TEST(Mirrors, ASilentOneIsNotNoticed) {
  Gate gate;
  std::atomic<int> asked{0};
  ScriptedOrigin origin(ScriptedOrigin::answering(answer("real")));
  ScriptedOrigin mirror([&](RawConnection& connection, int) {
    connection.readMessage();
    ++asked;
    gate.pass();
  });
  InProcessProxy proxy(
      test::runtime(1) +
      test::edgeListener(
          {},
          R"(routes { route { cluster: "origin" mirrors { cluster: "mirror" max_active: 2 } } })") +
      test::cluster("origin", {origin.address()}) + test::cluster("mirror", {mirror.address()}));
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  for (int i = 0; i < 10; ++i) {
    client.send("PUT / HTTP/1.1\r\nHost: shop\r\nContent-Length: 4\r\n\r\nbody");
    EXPECT_EQ(client.readMessage().body, "real");
  }
  EXPECT_EQ(proxy.stat("mirrored_requests_total"), 2);
  EXPECT_EQ(proxy.stat("mirrored_requests_refused_total", {{"reason", "limit"}}), 8);
  gate.open();
  EXPECT_TRUE(proxy.waitForStat("http_calls_active", 0));
  EXPECT_EQ(asked, 2);
}

// --- Second attempts ---

TEST(Hedges, ASilentEndpointCostsNothingButItsDelay) {
  Gate gate;
  ScriptedOrigin silent([&](RawConnection& connection, int) {
    connection.readMessage();
    gate.pass();
  });
  ScriptedOrigin origin(ScriptedOrigin::answering(answer("fast")));
  InProcessProxy proxy(test::runtime(1) +
                       test::edgeListener({}, R"(routes { route { cluster: "origin" timeout {}
          hedge { initial_delay { nanos: 5000000 } max_delay { nanos: 5000000 } budget_percent: 100 } } })") +
                       test::cluster("origin", {silent.address(), origin.address()}));
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  for (int i = 0; i < 10; ++i) {
    client.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n");
    EXPECT_EQ(client.readMessage().body, "fast");
  }
  EXPECT_GE(proxy.stat("hedges_won_total"), 1);
  gate.open();
}

// The losers are streams among others: they are cancelled, and their connections stay.
TEST(Hedges, OverHttp2TheLoserIsReset) {
  Gate gate;
  ScriptedOrigin silent([&](RawConnection& connection, int) {
    connection.readMessage();
    gate.pass();
  });
  ScriptedOrigin origin(ScriptedOrigin::answering(answer("fast")));
  const auto inner = [](const std::string& name) {
    return "unix:@weir-resilience-test-" + name + "-" + std::to_string(::getpid());
  };
  const auto listener = [&](const std::string& name) {
    return "listeners { name: \"" + name + "\" address: \"" + inner(name) +
           "\" filter_chains { filters { config { [network_filters/http_connection_manager] { "
           "virtual_hosts { name: \"all\" domains: \"*\" routes { route { cluster: \"" +
           name + "\" timeout {} } } } } } } } }\n";
  };
  InProcessProxy proxy(test::runtime(1) +
                       test::edgeListener({}, R"(routes { route { cluster: "both" timeout {} hedge {
          initial_delay { nanos: 5000000 } max_delay { nanos: 5000000 } budget_percent: 100 } } })") +
                       test::cluster("both", {inner("silent"), inner("origin")},
                                     "http_protocol: HTTP_PROTOCOL_HTTP2") +
                       listener("silent") + test::cluster("silent", {silent.address()}) +
                       listener("origin") + test::cluster("origin", {origin.address()}));
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  for (int i = 0; i < 10; ++i) {
    client.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n");
    EXPECT_EQ(client.readMessage().body, "fast");
  }
  EXPECT_GE(proxy.stat("hedges_won_total"), 1);
  // Nobody waits for what the silent one will never say.
  EXPECT_TRUE(proxy.waitForStat("http_active_streams", 0));
  EXPECT_EQ(proxy.stat("cluster_connections_total", {{"cluster", "both"}}), 2);
  gate.open();
}

TEST(Hedges, NotWhereTheMemberOfAnAggregateBindsItsClients) {
  Gate gate;
  const auto silent = [&](RawConnection& connection, int) {
    connection.readMessage();
    gate.pass();
    connection.send(answer("only"));
  };
  ScriptedOrigin one(silent);
  ScriptedOrigin other(silent);
  InProcessProxy proxy(
      test::runtime(1) +
      test::edgeListener({}, R"(routes { route { cluster: "all" timeout {} hedge {
          initial_delay { nanos: 5000000 } max_delay { nanos: 5000000 } budget_percent: 100 } } })") +
      test::cluster("all", {},
                    "discovery { config { [clusters/aggregate] { clusters: 'bound' } } }") +
      test::cluster("bound", {one.address(), other.address()},
                    "stickiness { config { [stickiness/source_ip] {} } }"));
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  client.send("GET / HTTP/1.1\r\nHost: shop\r\n\r\n");
  EXPECT_TRUE(proxy.waitForStat("hedges_refused_total", 1, {{"reason", "endpoint"}}));
  gate.open();
  EXPECT_EQ(client.readMessage().body, "only");
  EXPECT_EQ(one.connections() + other.connections(), 1);
}

}  // namespace
}  // namespace weir
