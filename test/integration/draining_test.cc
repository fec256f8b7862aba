// Endpoints that are drained, disabled, removed or down, with sessions of every kind on several
// workers: what runs finishes in time or is broken off, and is told as it was.

#include <sched.h>

#include <atomic>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "nlohmann/json.hpp"

#include "test/network/udp_peer.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/http2_peer.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir {
namespace {

using network::UdpPeer;
using nlohmann::json;
using test::InProcessProxy;
using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;
using testing::HasSubstr;

constexpr int kSessions = 12;
constexpr int kWorkers = 4;

// Sessions of one protocol at an origin that keeps them until it is told.
class Traffic {
 public:
  virtual ~Traffic() = default;
  virtual std::string address() const = 0;
  virtual std::string clusterFields() const { return {}; }
  // Begins kSessions, and returns when the endpoint has them.
  virtual void open(InProcessProxy& proxy) = 0;
  // Ends them; true when all have ended well.
  virtual bool finish() = 0;
  // True when all were ended by the proxy, without the endpoint's doing.
  virtual bool brokenOff() = 0;
  // So many things are broken off.
  virtual int requests() const { return 0; }
};

std::string answer(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" +
         std::string(body);
}

// Requests that wait for their answer.
class HttpTraffic : public Traffic {
 public:
  void open(InProcessProxy& proxy) override {
    for (int i = 0; i < kSessions; ++i) {
      clients_.push_back(RawConnection::connectTo(proxy.port("edge")));
      clients_.back().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    }
    ASSERT_TRUE(proxy.waitForStat("cluster_requests_total", kSessions, {{"cluster", "origin"}}));
    ASSERT_TRUE(test::eventually([&] { return arrived_ == kSessions; }));
  }
  bool finish() override {
    released_ = true;
    return std::all_of(clients_.begin(), clients_.end(), [](RawConnection& client) {
      const RawMessage message = client.readMessage();
      return message.status() == 200 && message.body == "a";
    });
  }
  bool brokenOff() override {
    const bool all = std::all_of(clients_.begin(), clients_.end(), [](RawConnection& client) {
      const int status = client.readMessage().status();
      return status == 502 || status == 503;
    });
    released_ = true;
    return all;
  }
  int requests() const override { return kSessions; }

 protected:
  std::atomic<bool> released_{false};
  std::atomic<int> arrived_{0};
  std::deque<RawConnection> clients_;
};

class Http1Traffic final : public HttpTraffic {
 public:
  ~Http1Traffic() override { released_ = true; }
  std::string address() const override { return origin_.address(); }

 private:
  ScriptedOrigin origin_{[this](RawConnection& connection, int) {
    if (!connection.readMessage().complete) return;
    ++arrived_;
    while (!released_) ::sched_yield();
    connection.send(answer("a"));
    connection.readAll();
  }};
};

class Http2Traffic final : public HttpTraffic {
 public:
  ~Http2Traffic() override { released_ = true; }
  std::string address() const override { return origin_.address(); }
  std::string clusterFields() const override { return "http_protocol: HTTP_PROTOCOL_HTTP2"; }

 private:
  ScriptedOrigin origin_{[this](RawConnection& connection, int) {
    test::http2::Http2Peer peer(connection);
    if (!peer.start()) return;
    size_t seen = 0;
    while (!released_ && !peer.closed()) {
      peer.drain();
      const size_t now = peer.count(test::http2::FrameType::kHeaders);
      arrived_ += static_cast<int>(now - seen);
      seen = now;
      ::sched_yield();
    }
    for (size_t i = 0; i < seen && !peer.closed(); ++i) {
      if (const auto stream = peer.nextRequest()) peer.respond(*stream, 200, "a");
    }
    peer.readToEnd();
  }};
};

// Bytes both ways until the client ends.
class TunnelTraffic : public Traffic {
 public:
  bool finish() override {
    for (RawConnection& client : clients_) {
      if (!client.send("on") || client.readExactly(2) != "on") return false;
      client.close();
    }
    return true;
  }
  bool brokenOff() override {
    return std::all_of(clients_.begin(), clients_.end(),
                       [](RawConnection& client) { return client.closedByPeer(); });
  }

 protected:
  static void echo(RawConnection& connection) {
    for (std::string bytes; !(bytes = connection.readSome()).empty();) connection.send(bytes);
  }
  std::deque<RawConnection> clients_;
};

class WebSocketTraffic final : public TunnelTraffic {
 public:
  std::string address() const override { return origin_.address(); }
  void open(InProcessProxy& proxy) override {
    for (int i = 0; i < kSessions; ++i) {
      clients_.push_back(RawConnection::connectTo(proxy.port("edge")));
      RawConnection& client = clients_.back();
      client.send(
          "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
      ASSERT_EQ(client.readMessage(false, false).status(), 101);
      client.send("ping");
      ASSERT_EQ(client.readExactly(4), "ping");
    }
  }
  int requests() const override { return kSessions; }

 private:
  ScriptedOrigin origin_{[](RawConnection& connection, int) {
    if (!connection.readMessage().complete) return;
    connection.send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
    echo(connection);
  }};
};

class TcpTraffic final : public TunnelTraffic {
 public:
  std::string address() const override { return origin_.address(); }
  void open(InProcessProxy& proxy) override {
    for (int i = 0; i < kSessions; ++i) {
      clients_.push_back(RawConnection::connectTo(proxy.port("db")));
      clients_.back().send("ping");
      ASSERT_EQ(clients_.back().readExactly(4), "ping");
    }
  }

 private:
  ScriptedOrigin origin_{[](RawConnection& connection, int) { echo(connection); }};
};

class UdpTraffic final : public Traffic {
 public:
  std::string address() const override { return origin_.address().toString(); }
  void open(InProcessProxy& proxy) override {
    const network::Address to = network::Address::parse("127.0.0.1:1")->withPort(proxy.port("dns"));
    for (int i = 0; i < kSessions; ++i) {
      UdpPeer& client = clients_.emplace_back();
      client.send("ask", to);
      const UdpPeer::Received asked = origin_.receive();
      ASSERT_EQ(asked.bytes, "ask");
      origin_.send("told", asked.from);
      ASSERT_EQ(client.receive().bytes, "told");
    }
  }
  bool finish() override { return true; }  // they end when they have been silent
  bool brokenOff() override { return true; }

 private:
  UdpPeer origin_;
  std::deque<UdpPeer> clients_;
};

enum class Kind { kHttp1, kHttp2, kWebSocket, kTcp, kUdp };
enum class Way { kDrain, kDisable, kRemove, kReconfigure, kDown };

std::unique_ptr<Traffic> trafficOf(Kind kind) {
  switch (kind) {
    case Kind::kHttp1:
      return std::make_unique<Http1Traffic>();
    case Kind::kHttp2:
      return std::make_unique<Http2Traffic>();
    case Kind::kWebSocket:
      return std::make_unique<WebSocketTraffic>();
    case Kind::kTcp:
      return std::make_unique<TcpTraffic>();
    case Kind::kUdp:
      return std::make_unique<UdpTraffic>();
  }
  return nullptr;
}

// Cluster "origin" of endpoint "a", and "b" which serves when "a" does not.
class Proxy {
 public:
  Proxy(Traffic& traffic, std::string_view drain, std::string_view udp = {})
      : traffic_(traffic), drain_(drain), udp_(udp), proxy_(config("")) {}

  InProcessProxy& operator*() { return proxy_; }
  InProcessProxy* operator->() { return &proxy_; }
  std::string config(std::string_view state, bool with_a = true) const {
    std::string text = test::edgeListener() +
                       "listeners { name: \"db\" address: \"127.0.0.1:0\" filter_chains { filters "
                       "{ config { [network_filters/tcp_proxy] { cluster: \"origin\" } } } } }\n"
                       "listeners { name: \"dns\" address: \"127.0.0.1:0\" udp_filter { config { "
                       "[udp_filters/udp_proxy] { cluster: \"origin\" " +
                       udp_ + "} } } }\nclusters { name: \"origin\" " + drain_ + " " +
                       traffic_.clusterFields();
    if (with_a) {
      text += " endpoints { id: \"a\" address: \"" + traffic_.address() + "\" " +
              std::string(state) + " }";
    }
    return text + " endpoints { id: \"b\" address: \"" + other_.address() + "\" priority: 1 } }\n" +
           test::runtime(kWorkers);
  }
  RawMessage ask(const std::string& method, const std::string& target) const {
    RawConnection client = RawConnection::connectTo(proxy_.adminPort());
    client.send(method + " " + target + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    return client.readMessage();
  }
  json shown() const { return json::parse(ask("GET", "/clusters").body)["clusters"][0]; }
  void leave(Way way) {
    switch (way) {
      case Way::kDrain:
      case Way::kDisable: {
        const std::string word = way == Way::kDrain ? "drain" : "disable";
        const RawMessage reply =
            ask("POST", "/endpoints/" + word + "?cluster=origin&endpoint=a&revision=1");
        ASSERT_EQ(reply.status(), 200) << reply.body;
        return;
      }
      case Way::kRemove:
        ASSERT_EQ(proxy_.reload(config("", /*with_a=*/false)), "");
        return;
      case Way::kReconfigure:
        ASSERT_EQ(proxy_.reload(config("state: STATE_DISABLED")), "");
        return;
      case Way::kDown:
        proxy_.onMain([&] {
          proxy_.server().routing().observe(
              "origin", "a",
              {.health = upstream::Health::kUnhealthy, .revision = 1, .observer = "test"});
        });
        return;
    }
  }
  // Waits for the event of that kind of endpoint "a".
  json waitFor(const std::string& kind) const {
    const RawMessage reply = ask("GET", "/events?endpoint=a&wait=30s&kind=" + kind);
    EXPECT_EQ(reply.status(), 200) << reply.body;
    const json events = json::parse(reply.body)["events"];
    EXPECT_EQ(events.size(), 1u) << kind << ": " << reply.body;
    return events.empty() ? json::object() : events[0];
  }
  size_t count(const std::string& kind) const {
    return json::parse(ask("GET", "/events?endpoint=a&kind=" + kind).body)["events"].size();
  }
  int64_t stat(std::string_view name) const { return proxy_.stat(name, {{"cluster", "origin"}}); }
  // The laws of routing were kept, and nothing is left.
  void checkEnd() {
    for (const char* kind : {"pick", "version", "host_set"}) {
      EXPECT_EQ(proxy_.stat("routing_violations_total", {{"kind", kind}}), 0) << kind;
    }
    EXPECT_EQ(stat("cluster_draining_endpoints"), 0);
  }

 private:
  Traffic& traffic_;
  const std::string drain_;
  const std::string udp_;
  ScriptedOrigin other_{ScriptedOrigin::answering(answer("b"))};
  InProcessProxy proxy_;
};

constexpr const char* kLong = "drain { timeout { seconds: 600 } }";
constexpr const char* kShort = "drain { timeout { nanos: 200000000 } }";
constexpr const char* kClose =
    "drain { timeout { seconds: 600 } on_unhealthy: ON_UNHEALTHY_CLOSE }";

struct Case {
  Kind kind;
  Way way;
};

std::string nameOf(const testing::TestParamInfo<Case>& info) {
  constexpr const char* kKinds[] = {"Http1", "Http2", "WebSocket", "Tcp", "Udp"};
  constexpr const char* kWays[] = {"Drain", "Disable", "Remove", "Reconfigure", "Down"};
  return std::string(kKinds[static_cast<int>(info.param.kind)]) +
         kWays[static_cast<int>(info.param.way)];
}

class FinishingTest : public testing::TestWithParam<Case> {};

TEST_P(FinishingTest, WhatRunsFinishesAndIsCounted) {
  const auto [kind, way] = GetParam();
  const std::unique_ptr<Traffic> traffic = trafficOf(kind);
  Proxy proxy(*traffic, kLong, "idle_timeout { seconds: 2 } ");
  traffic->open(*proxy);
  const int64_t connections = proxy.stat("cluster_active_connections");
  if (kind != Kind::kHttp2) {
    EXPECT_EQ(connections, kSessions);
  }
  proxy.leave(way);
  const json draining = proxy.waitFor("draining");
  if (kind != Kind::kUdp) {
    EXPECT_EQ(draining["connections"], connections);
    EXPECT_EQ(draining["requests"], traffic->requests());
    EXPECT_EQ(proxy.stat("cluster_draining_endpoints"), 1);
    EXPECT_EQ(proxy.count("drained"), 0u);
  }
  if (kind == Kind::kHttp1) {
    RawConnection client = RawConnection::connectTo(proxy->port("edge"));
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    EXPECT_EQ(client.readMessage().body, "b") << "nothing new gets there";
  }
  EXPECT_TRUE(traffic->finish());
  const json drained = proxy.waitFor("drained");
  EXPECT_EQ(drained["finished"], draining["connections"]);
  EXPECT_EQ(proxy.count("drain_ended"), 0u);
  EXPECT_EQ(proxy.stat("cluster_broken_connections_total"), 0);
  proxy.checkEnd();
}

INSTANTIATE_TEST_SUITE_P(
    All, FinishingTest,
    testing::Values(Case{Kind::kHttp1, Way::kDrain}, Case{Kind::kHttp1, Way::kRemove},
                    Case{Kind::kHttp1, Way::kReconfigure}, Case{Kind::kHttp2, Way::kDisable},
                    Case{Kind::kHttp2, Way::kRemove}, Case{Kind::kWebSocket, Way::kDrain},
                    Case{Kind::kTcp, Way::kDisable}, Case{Kind::kTcp, Way::kRemove},
                    Case{Kind::kUdp, Way::kDisable}),
    nameOf);

class BreakingTest : public testing::TestWithParam<Case> {};

TEST_P(BreakingTest, WhatStillRunsIsBrokenOffAndCounted) {
  const auto [kind, way] = GetParam();
  const std::unique_ptr<Traffic> traffic = trafficOf(kind);
  Proxy proxy(*traffic, way == Way::kDown ? kClose : kShort,
              "removed_endpoint: REMOVED_ENDPOINT_KEEP ");
  traffic->open(*proxy);
  const int64_t connections = proxy.stat("cluster_active_connections");
  proxy.leave(way);
  proxy.waitFor("drained");
  const json ended = proxy.waitFor("drain_ended");
  EXPECT_EQ(ended["connections"], connections);
  EXPECT_EQ(ended["requests"], traffic->requests());
  EXPECT_EQ(ended["finished"], 0);
  EXPECT_TRUE(traffic->brokenOff());
  EXPECT_EQ(proxy.stat("cluster_broken_connections_total"), connections);
  EXPECT_EQ(proxy.stat("cluster_drained_connections_total"), 0);
  proxy.checkEnd();
}

INSTANTIATE_TEST_SUITE_P(
    All, BreakingTest,
    testing::Values(Case{Kind::kHttp1, Way::kDisable}, Case{Kind::kHttp1, Way::kDown},
                    Case{Kind::kHttp2, Way::kDrain}, Case{Kind::kHttp2, Way::kRemove},
                    Case{Kind::kHttp2, Way::kDown}, Case{Kind::kWebSocket, Way::kDrain},
                    Case{Kind::kWebSocket, Way::kDown}, Case{Kind::kTcp, Way::kReconfigure},
                    Case{Kind::kTcp, Way::kDown}, Case{Kind::kUdp, Way::kRemove},
                    Case{Kind::kUdp, Way::kDown}),
    nameOf);

TEST(Draining, OneThatIsFitAgainInTimeKeepsWhatRuns) {
  TcpTraffic traffic;
  Proxy proxy(traffic, "drain { timeout { seconds: 1 } }");
  traffic.open(*proxy);
  proxy.leave(Way::kRemove);
  proxy.waitFor("draining");
  ASSERT_EQ(proxy->reload(proxy.config("")), "");
  proxy.leave(Way::kDrain);
  EXPECT_EQ(proxy.ask("POST", "/endpoints/enable?cluster=origin&endpoint=a").status(), 200);
  // Longer than the timeout: another endpoint's drain, which begins now, is over.
  ASSERT_EQ(proxy.ask("POST", "/endpoints/drain?cluster=origin&endpoint=b").status(), 200);
  const uint64_t now = proxy->stat("uptime_seconds");
  ASSERT_TRUE(test::eventually([&] {
    proxy.ask("GET", "/stats?filter=uptime");
    return static_cast<uint64_t>(proxy->stat("uptime_seconds")) >= now + 3;
  }));
  EXPECT_TRUE(traffic.finish());
  EXPECT_EQ(proxy.stat("cluster_broken_connections_total"), 0);
}

TEST(Draining, ShowsWhatIsLeft) {
  TcpTraffic traffic;
  Proxy proxy(traffic, kLong);
  traffic.open(*proxy);
  json a = proxy.shown()["endpoints"][0];
  EXPECT_EQ(a["state"], "enabled");
  EXPECT_EQ(a["checked"], "healthy");
  EXPECT_EQ(a["ejected"], false);
  EXPECT_EQ(a["revision"], 1);
  EXPECT_FALSE(a.contains("drain"));
  proxy.leave(Way::kDrain);
  proxy.waitFor("draining");
  a = proxy.shown()["endpoints"][0];
  EXPECT_EQ(a["state"], "draining");
  EXPECT_EQ(a["health"], "draining");
  EXPECT_EQ(a["revision"], 2);
  EXPECT_EQ(a["drain"]["connections"], kSessions);
  EXPECT_EQ(a["drain"]["drained"], false);
  EXPECT_GT(a["drain"]["left_ms"], 500'000);
  proxy.leave(Way::kRemove);
  const json cluster = proxy.shown();
  EXPECT_EQ(cluster["endpoints"].size(), 1u);
  EXPECT_EQ(cluster["removed"][0]["id"], "a");
  EXPECT_EQ(cluster["removed"][0]["connections"], kSessions);
  EXPECT_TRUE(traffic.finish());
  proxy.waitFor("drained");
  EXPECT_FALSE(proxy.shown().contains("removed"));
}

TEST(Draining, TheOperatorIsToldWhatIsWrong) {
  Http1Traffic traffic;
  Proxy proxy(traffic, kLong);
  const auto post = [&](const std::string& target) { return proxy.ask("POST", target); };
  EXPECT_EQ(post("/endpoints/drain").status(), 400);
  EXPECT_THAT(post("/endpoints/drain?cluster=origin").body, HasSubstr("GET /clusters"));
  RawMessage reply = post("/endpoints/drain?cluster=orign&endpoint=a");
  EXPECT_EQ(reply.status(), 404);
  EXPECT_THAT(reply.body, HasSubstr("did you mean \\\"origin\\\"?"));
  EXPECT_EQ(post("/endpoints/drain?cluster=origin&endpoint=zz").status(), 404);
  EXPECT_EQ(post("/endpoints/drain?cluster=origin&endpoint=a&revision=x").status(), 400);
  EXPECT_EQ(proxy.ask("GET", "/endpoints/drain?cluster=origin&endpoint=a").status(), 405);
  reply = post("/endpoints/disable?cluster=origin&endpoint=a&revision=1");
  EXPECT_EQ(reply.status(), 200);
  json state = json::parse(reply.body);
  EXPECT_EQ(state["state"], "disabled");
  EXPECT_EQ(state["health"], "disabled");
  EXPECT_EQ(state["revision"], 2);
  reply = post("/endpoints/enable?cluster=origin&endpoint=a&revision=1");
  EXPECT_EQ(reply.status(), 409);
  state = json::parse(reply.body);
  EXPECT_EQ(state["revision"], 2);
  EXPECT_EQ(state["state"], "disabled");
  // Another weight of the same endpoint does not bring it back.
  ASSERT_EQ(proxy->reload(proxy.config("weight: 7")), "");
  EXPECT_EQ(proxy.shown()["endpoints"][0]["state"], "disabled");
  EXPECT_EQ(post("/endpoints/enable?cluster=origin&endpoint=a&revision=2").status(), 200);
}

TEST(Draining, EventsAreAskedForByWhatTheyAre) {
  Http1Traffic traffic;
  Proxy proxy(traffic, kLong);
  proxy.leave(Way::kDrain);
  proxy.waitFor("drained");
  json all = json::parse(proxy.ask("GET", "/events").body);
  ASSERT_EQ(all["events"].size(), 3u);  // health, draining, drained
  EXPECT_EQ(all["last"], 3);
  EXPECT_EQ(all["oldest"], 1);
  EXPECT_EQ(all["events"][0]["kind"], "health");
  EXPECT_EQ(all["events"][0]["source"], "operator");
  EXPECT_EQ(all["events"][0]["cause"], "POST /endpoints/drain");
  EXPECT_EQ(all["events"][2]["revision"], 2);
  json some = json::parse(proxy.ask("GET", "/events?limit=2").body);
  EXPECT_EQ(some["events"].size(), 2u);
  EXPECT_EQ(some["last"], 2);
  some = json::parse(proxy.ask("GET", "/events?since=2&cluster=origin&wait=20s").body);
  EXPECT_EQ(some["events"].size(), 1u);
  // Nothing comes: the time is over. Of a process before this one: all.
  some = json::parse(proxy.ask("GET", "/events?since=3&wait=50ms").body);
  EXPECT_EQ(some["events"].size(), 0u);
  EXPECT_EQ(some["last"], 3);
  EXPECT_EQ(json::parse(proxy.ask("GET", "/events?since=99").body)["events"].size(), 3u);
  for (const char* wrong : {"since=x", "since=-1", "limit=0", "limit=10001", "wait=61s", "wait=1h",
                            "wait=", "kind=draned"}) {
    const RawMessage reply = proxy.ask("GET", std::string("/events?") + wrong);
    EXPECT_EQ(reply.status(), 400) << wrong << reply.body;
  }
  EXPECT_THAT(proxy.ask("GET", "/events?kind=draned").body,
              HasSubstr("did you mean \\\"drained\\\"?"));
}

TEST(Draining, WaitingRequestsAreBoundedAndMayGo) {
  Http1Traffic traffic;
  Proxy proxy(traffic, kLong);
  const std::string wait = "GET /events?since=0&kind=drained&wait=60s HTTP/1.1\r\nHost: a\r\n\r\n";
  std::deque<RawConnection> waiting;
  for (int i = 0; i < 64; ++i) {
    waiting.push_back(RawConnection::connectTo(proxy->adminPort()));
    waiting.back().send(wait);
  }
  ASSERT_TRUE(test::eventually(
      [&] { return proxy.ask("GET", "/events?kind=drained&wait=1ms").status() == 503; }));
  waiting.pop_back();  // its client has gone
  ASSERT_TRUE(test::eventually(
      [&] { return proxy.ask("GET", "/events?kind=drained&wait=1ms").status() == 200; }));
  proxy.leave(Way::kDrain);
  for (RawConnection& client : waiting) {
    const json reply = json::parse(client.readMessage().body);
    ASSERT_EQ(reply["events"].size(), 1u);
    EXPECT_EQ(reply["events"][0]["kind"], "drained");
  }
  // And some that wait when the process ends.
  for (RawConnection& client : waiting) {
    client.send(
        "GET /events?since=100&kind=health&wait=60s&cluster=zz HTTP/1.1\r\nHost: a\r\n\r\n");
  }
}

}  // namespace
}  // namespace weir
