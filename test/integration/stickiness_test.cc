// Clients that stay with their endpoint, through the whole proxy with several workers: over
// connections, when endpoints go down, drain, are full, and over configurations.

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/integration/udp_fixture.h"
#include "test/support/child_process.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir {
namespace {

using test::InProcessProxy;
using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;
using testing::HasSubstr;
using testing::Not;
using upstream::Health;

constexpr int kWorkers = 3;

class StickinessTest : public testing::Test {
 protected:
  StickinessTest() {
    folder_.write("one.key", std::string(40, '1'));
    folder_.write("two.key", std::string(40, '2') + "\n");
  }

  // Answers with its name, gives out sessions at /login, and tells what it got to see.
  static ScriptedOrigin::Script answering(char name) {
    return [name](RawConnection& connection, int number) {
      for (int count = 0;; ++count) {
        const RawMessage request = connection.readMessage();
        if (!request.complete) return;
        std::string head = "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n";
        if (request.target().starts_with("/login")) {
          const std::string id = std::string(1, name) + std::to_string(number) + "-" +
                                 std::to_string(count) + "-session";
          head += "Set-Cookie: SID=" + id + "; Path=/\r\nX-Session: " + id + "\r\n";
        }
        if (request.target() == "/public") head += "Cache-Control: public, max-age=60\r\n";
        head += "X-Seen-Cookie: " + request.header("cookie") + "\r\n\r\n";
        if (!connection.send(head + name)) return;
      }
    };
  }

  struct Member {
    char name;
    std::string fields = {};
  };
  std::string config(const std::string& stickiness, const std::vector<Member>& members,
                     std::string_view cluster = {}, std::string_view rest = {}) {
    std::string text = test::edgeListener({}, routes_) + "clusters { name: \"origin\" ";
    for (const Member& member : members) {
      std::unique_ptr<ScriptedOrigin>& origin = origins_[member.name];
      if (origin == nullptr) origin = std::make_unique<ScriptedOrigin>(answering(member.name));
      text += "endpoints { id: \"" + std::string(1, member.name) + "\" address: \"" +
              origin->address() + "\" " + member.fields + " } ";
    }
    if (!stickiness.empty()) text += "stickiness { " + stickiness + " } ";
    return text + std::string(cluster) + " }\n" + std::string(rest) + test::runtime(kWorkers);
  }
  std::string cookie(std::string_view fields = {}, std::string_view key = "one.key") {
    return "config { [stickiness/cookie] { key_files: \"" + folder_.path() + "/" +
           std::string(key) + "\" " + std::string(fields) + " } }";
  }
  void start(const std::string& config) { proxy_ = std::make_unique<InProcessProxy>(config); }
  void reload(const std::string& config) { EXPECT_EQ(proxy_->reload(config), ""); }
  // The workers know a little later.
  void set(char name, Health health) {
    proxy_->onMain([&] {
      EXPECT_EQ(proxy_->server().routing().observe("origin", std::string(1, name),
                                                   {.health = health, .revision = ++revision_}),
                control::Taken::kTaken);
    });
  }

  // On a connection of its own, so that it comes to any worker.
  RawMessage ask(std::string_view fields = {}, std::string_view target = "/") {
    RawConnection client = RawConnection::connectTo(proxy_->port("edge"));
    client.send("GET " + std::string(target) + " HTTP/1.1\r\nHost: a\r\nConnection: close\r\n" +
                std::string(fields) + "\r\n");
    return client.readMessage();
  }
  // Who has answered; '-' for none.
  static char who(const RawMessage& answer) {
    return answer.status() == 200 && !answer.body.empty() ? answer.body[0] : '-';
  }
  std::string whoAnswers(std::string_view fields, int times, std::string_view target = "/") {
    std::string names;
    for (int i = 0; i < times; ++i) names.push_back(who(ask(fields, target)));
    return names;
  }
  // "Cookie: NAME=VALUE\r\n" of what an answer has set.
  static std::string cookieField(const RawMessage& answer) {
    const std::string set = answer.header("set-cookie");
    return "Cookie: " + set.substr(0, set.find(';')) + "\r\n";
  }
  int64_t stat(std::string_view name) {
    return proxy_->stat("cluster_sticky_" + std::string(name) + "_total", {{"cluster", "origin"}});
  }
  std::string metrics() {
    RawConnection client = RawConnection::connectTo(proxy_->adminPort());
    client.send("GET /metrics?filter=sticky HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    return client.readMessage().body;
  }
  uint32_t pinned(char name) {
    uint32_t count = 0;
    proxy_->onMain([&] {
      const auto& usage = proxy_->server().snapshot().clusters.at(0)->usage;
      const auto endpoint = usage->findEndpoint(std::string(1, name));
      if (endpoint != nullptr) count = endpoint->pinned.load();
    });
    return count;
  }

  test::TemporaryFolder folder_;
  std::string routes_ = R"(routes { route { cluster: "origin" } })";
  std::map<char, std::unique_ptr<ScriptedOrigin>> origins_;
  std::unique_ptr<InProcessProxy> proxy_;
  uint64_t revision_ = 0;
};

// --- cookie ---

TEST_F(StickinessTest, ACookieKeepsAClientOverConnectionsAndWorkers) {
  start(config(cookie(), {{'a'}, {'b'}, {'c'}, {'d'}}));
  std::set<char> seen;
  for (int i = 0; i < 12; ++i) {
    const RawMessage first = ask();
    EXPECT_THAT(
        first.header("set-cookie"),
        testing::MatchesRegex("SERVERID=[-_A-Za-z0-9]{40}; Path=/; Max-Age=3600; HttpOnly"));
    EXPECT_EQ(first.header("cache-control"), "private");
    EXPECT_THAT(first.header("set-cookie"), Not(HasSubstr("127.0.0.1")));
    seen.insert(who(first));
    for (int k = 0; k < 10; ++k) {
      const RawMessage next = ask(cookieField(first) + "Cookie: theme=dark; lang=de\r\n");
      EXPECT_EQ(who(next), who(first));
      EXPECT_EQ(next.count("set-cookie"), 0u);
      EXPECT_EQ(next.count("cache-control"), 0u);
      EXPECT_EQ(next.header("x-seen-cookie"), "theme=dark; lang=de");
    }
  }
  EXPECT_EQ(seen.size(), 4u);
  EXPECT_EQ(stat("followed"), 120);
  EXPECT_EQ(stat("new"), 12);
  EXPECT_EQ(pinned('a') + pinned('b') + pinned('c') + pinned('d'), 12u);
}

TEST_F(StickinessTest, ForgedCookiesAreReplaced) {
  start(config(cookie("pass_on: true allow_shared_caching: true"), {{'a'}, {'b'}}));
  const RawMessage first = ask("", "/public");
  EXPECT_EQ(first.header("cache-control"), "public, max-age=60");
  const std::string good = cookieField(first);
  std::string forged = good;
  char& c = forged[forged.size() - 4];
  c = c == 'A' ? 'B' : 'A';
  for (const std::string& field :
       {forged, std::string("Cookie: SERVERID=\r\n"), std::string("Cookie: SERVERID\r\n"),
        std::string("Cookie: SERVERID=127.0.0.1:80\r\n"),
        "Cookie: SERVERID=" + std::string(2000, 'x') + "\r\n"}) {
    EXPECT_EQ(ask(field).count("set-cookie"), 1u) << field;
  }
  const RawMessage passed = ask(good);
  EXPECT_EQ(passed.count("set-cookie"), 0u);
  EXPECT_THAT(passed.header("x-seen-cookie"), HasSubstr("SERVERID="));
  // A forged one beside it does no harm; two that differ count for nothing.
  EXPECT_EQ(ask("Cookie: SERVERID=forged\r\n" + good).count("set-cookie"), 0u);
  RawMessage other = first;
  for (int i = 0; i < 50 && who(other) == who(first); ++i) other = ask();
  ASSERT_NE(who(other), who(first));
  EXPECT_EQ(ask(good + cookieField(other)).count("set-cookie"), 1u);
}

TEST_F(StickinessTest, AnEndpointThatIsDownLosesItsClients) {
  start(config(cookie("allow_shared_caching: true"), {{'a'}, {'b'}, {'c'}}));
  const RawMessage first = ask();
  set(who(first), Health::kUnhealthy);
  RawMessage moved;
  ASSERT_TRUE(test::eventually([&] {
    moved = ask(cookieField(first));
    return who(moved) != who(first);
  }));
  EXPECT_EQ(moved.count("set-cookie"), 1u);
  EXPECT_GE(stat("rebound"), 1);
  EXPECT_EQ(whoAnswers(cookieField(moved), 20), std::string(20, who(moved)));
  // When it comes back the client stays where it is now.
  set(who(first), Health::kHealthy);
  EXPECT_EQ(whoAnswers(cookieField(moved), 20), std::string(20, who(moved)));
}

TEST_F(StickinessTest, StrictClientsFailWithTheirEndpoint) {
  start(config(cookie() + " strict: true", {{'a'}, {'b'}, {'c'}}));
  const RawMessage first = ask();
  set(who(first), Health::kUnhealthy);
  RawMessage answer;
  ASSERT_TRUE(test::eventually([&] {
    answer = ask(cookieField(first));
    return answer.status() == 503;
  }));
  EXPECT_GE(stat("strict_failures"), 1);
  EXPECT_EQ(ask().status(), 200) << "others are served";
  set(who(first), Health::kHealthy);
  EXPECT_TRUE(test::eventually([&] { return who(ask(cookieField(first))) == who(first); }));
}

TEST_F(StickinessTest, DrainingEndpointsKeepTheirClients) {
  const auto withState = [&](char drained, const std::string& sticky) {
    std::vector<Member> members;
    for (const char name : {'a', 'b', 'c'}) {
      members.push_back({name, name == drained ? "state: STATE_DRAINING" : ""});
    }
    return config(sticky, members);
  };
  start(withState('-', cookie()));
  const RawMessage first = ask();
  reload(withState(who(first), cookie()));
  EXPECT_EQ(whoAnswers(cookieField(first), 20), std::string(20, who(first)));
  EXPECT_EQ(whoAnswers("", 20).find(who(first)), std::string::npos) << "nobody new";
  reload(withState(who(first), cookie() + " leave_draining: true"));
  EXPECT_EQ(whoAnswers(cookieField(first), 20).find(who(first)), std::string::npos);
}

TEST_F(StickinessTest, KeysRotateWithTheConfiguration) {
  start(config(cookie(), {{'a'}, {'b'}, {'c'}}));
  const RawMessage first = ask();
  reload(config("config { [stickiness/cookie] { key_files: \"" + folder_.path() +
                    "/two.key\" key_files: \"" + folder_.path() + "/one.key\" } }",
                {{'a'}, {'b'}, {'c'}}));
  const RawMessage renewed = ask(cookieField(first));
  EXPECT_EQ(who(renewed), who(first));
  EXPECT_EQ(renewed.count("set-cookie"), 1u) << "signed anew";
  reload(config(cookie("", "two.key"), {{'a'}, {'b'}, {'c'}}));
  EXPECT_EQ(ask(cookieField(renewed)).count("set-cookie"), 0u);
  EXPECT_EQ(who(ask(cookieField(renewed))), who(first));
  EXPECT_EQ(ask(cookieField(first)).count("set-cookie"), 1u) << "that key is gone";
  // The same path with another key in it is another key.
  folder_.write("two.key", std::string(40, '3'));
  reload(config(cookie("", "two.key"), {{'a'}, {'b'}, {'c'}}));
  EXPECT_EQ(ask(cookieField(renewed)).count("set-cookie"), 1u);
}

TEST_F(StickinessTest, WhoCannotBeReachedLosesTheClientInTheSameRequest) {
  start(config(cookie(), {{'a'}, {'b'}}));
  const RawMessage first = ask();
  origins_[who(first)]->kill();
  const RawMessage moved = ask(cookieField(first));
  EXPECT_EQ(moved.status(), 200);
  EXPECT_NE(who(moved), who(first));
  EXPECT_EQ(moved.count("set-cookie"), 1u);
}

TEST_F(StickinessTest, AFullEndpointSendsOneRequestElsewhereAndKeepsItsClient) {
  std::atomic<bool> hold{true};
  const auto slow = [&](char name) {
    return std::make_unique<ScriptedOrigin>([&hold, name](RawConnection& connection, int) {
      for (;;) {
        const RawMessage request = connection.readMessage();
        if (!request.complete) return;
        while (request.target() == "/slow" && hold) std::this_thread::yield();
        if (!connection.send(std::string("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n") + name)) {
          return;
        }
      }
    });
  };
  origins_['a'] = slow('a');
  origins_['b'] = slow('b');
  start(config(cookie(), {{'a', "max_requests: 1"}, {'b'}}));
  RawMessage first;
  ASSERT_TRUE(test::eventually([&] { return who(first = ask()) == 'a'; }));
  std::thread holder([&] { EXPECT_EQ(who(ask(cookieField(first), "/slow")), 'a'); });
  ASSERT_TRUE(proxy_->waitForStat("cluster_active_requests", 1, {{"cluster", "origin"}}));
  RawMessage elsewhere;
  EXPECT_TRUE(test::eventually([&] {
    elsewhere = ask(cookieField(first));
    return who(elsewhere) == 'b';
  }));
  EXPECT_EQ(elsewhere.count("set-cookie"), 0u) << "it still belongs to a";
  EXPECT_GE(stat("elsewhere"), 1);
  hold = false;
  holder.join();
  EXPECT_EQ(who(ask(cookieField(first))), 'a');
}

TEST_F(StickinessTest, AStrictClientWaitsForRoom) {
  std::atomic<bool> hold{true};
  origins_['a'] = std::make_unique<ScriptedOrigin>([&hold](RawConnection& connection, int) {
    for (;;) {
      const RawMessage request = connection.readMessage();
      if (!request.complete) return;
      while (request.target() == "/slow" && hold) std::this_thread::yield();
      if (!connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na")) return;
    }
  });
  start(config(cookie() + " strict: true", {{'a', "max_requests: 1"}, {'b'}}));
  RawMessage first;
  ASSERT_TRUE(test::eventually([&] { return who(first = ask()) == 'a'; }));
  std::thread holder([&] { EXPECT_EQ(who(ask(cookieField(first), "/slow")), 'a'); });
  ASSERT_TRUE(proxy_->waitForStat("cluster_active_requests", 1, {{"cluster", "origin"}}));
  std::thread waiter([&] { EXPECT_EQ(who(ask(cookieField(first))), 'a'); });
  EXPECT_TRUE(proxy_->waitForStat("cluster_pending_requests", 1, {{"cluster", "origin"}}));
  hold = false;
  holder.join();
  waiter.join();
}

// --- tables ---

TEST_F(StickinessTest, AnAddressStaysOverConnectionsWorkersAndConfigurations) {
  const std::string sticky = "config { [stickiness/source_ip] {} }";
  start(config(sticky, {{'a'}, {'b'}, {'c'}}));
  const char mine = who(ask());
  EXPECT_EQ(whoAnswers("", 30), std::string(30, mine));
  EXPECT_EQ(stat("new"), 1);
  EXPECT_EQ(pinned(mine), 1u);
  EXPECT_THAT(metrics(), HasSubstr("weir_cluster_sticky_entries{cluster=\"origin\"} 1\n"));
  EXPECT_THAT(metrics(), HasSubstr("weir_cluster_sticky_evicted_total{cluster=\"origin\"} 0\n"));
  reload(config(sticky, {{'c'}, {'d'}, {'a'}, {'b'}, {'e'}}, "connect_timeout { seconds: 2 }"));
  EXPECT_EQ(whoAnswers("", 30), std::string(30, mine));
  reload(config("config { [stickiness/source_ip] { table { ttl { seconds: 60 } } } }",
                {{'c'}, {'d'}, {'a'}, {'b'}, {'e'}}));
  EXPECT_EQ(whoAnswers("", 30), std::string(30, mine)) << "another ttl is the same table";
  EXPECT_EQ(stat("new"), 1);
  reload(config("config { [stickiness/source_ip] { ipv4_prefix_length: 8 } }", {{'a'}, {'b'}}));
  ask();
  EXPECT_EQ(stat("new"), 2) << "what is known of clients has changed: it begins anew";
}

TEST_F(StickinessTest, AnApplicationsCookieIsLearnt) {
  start(config("config { [stickiness/app_cookie] { name: \"SID\" } }", {{'a'}, {'b'}, {'c'}}));
  std::set<char> seen;
  for (int i = 0; i < 9; ++i) {
    const RawMessage login = ask("", "/login");
    seen.insert(who(login));
    EXPECT_EQ(whoAnswers(cookieField(login), 10), std::string(10, who(login)));
    EXPECT_THAT(ask(cookieField(login)).header("x-seen-cookie"), HasSubstr("SID="));
  }
  EXPECT_EQ(seen.size(), 3u);
  EXPECT_EQ(stat("new"), 9);
  const std::string unknown = whoAnswers("Cookie: SID=unknown\r\n", 30);
  EXPECT_EQ(std::set<char>(unknown.begin(), unknown.end()).size(), 3u) << "nobody has set it";
}

TEST_F(StickinessTest, AnApplicationsHeaderIsLearnt) {
  start(
      config("config { [stickiness/header] { request_header: \"X-Token\" response_header: "
             "\"x-session\" } }",
             {{'a'}, {'b'}, {'c'}}));
  for (int i = 0; i < 6; ++i) {
    const RawMessage login = ask("", "/login");
    const std::string id = login.header("x-session");
    EXPECT_EQ(whoAnswers("x-TOKEN: " + id + "\r\n", 10), std::string(10, who(login)));
  }
  EXPECT_EQ(stat("new"), 6);
}

TEST_F(StickinessTest, IdsThatClientsChooseAreLearntFromRequestsIfAsked) {
  start(config(
      "config { [stickiness/header] { request_header: \"x-user\" learn_from_requests: true } }",
      {{'a'}, {'b'}, {'c'}}));
  std::set<char> seen;
  for (int i = 0; i < 9; ++i) {
    const std::string field = "X-User: " + std::to_string(i) + "\r\n";
    const char mine = who(ask(field));
    seen.insert(mine);
    EXPECT_EQ(whoAnswers(field, 5), std::string(5, mine));
  }
  EXPECT_EQ(seen.size(), 3u);
}

TEST_F(StickinessTest, APartOfThePathStays) {
  start(config("config { [stickiness/uri] { path_segments: 1 } }", {{'a'}, {'b'}, {'c'}}));
  std::set<char> seen;
  for (int i = 0; i < 9; ++i) {
    const std::string tenant = "/tenant" + std::to_string(i);
    const char mine = who(ask("", tenant));
    seen.insert(mine);
    EXPECT_EQ(whoAnswers("", 3, tenant + "/x?y=1"), std::string(3, mine));
    EXPECT_EQ(whoAnswers("", 3, tenant + "?q"), std::string(3, mine));
  }
  EXPECT_EQ(seen.size(), 3u);
}

// --- L4 ---

TEST_F(StickinessTest, ConnectionsOfAnAddressStayAndMoveTogether) {
  std::map<char, std::unique_ptr<ScriptedOrigin>> origins;
  std::string endpoints;
  for (const char name : {'a', 'b', 'c'}) {
    origins[name] = std::make_unique<ScriptedOrigin>(
        [name](RawConnection& connection, int) { connection.send(std::string(1, name)); });
    endpoints += "endpoints { address: \"" + origins[name]->address() + "\" } ";
  }
  start(R"(listeners { name: "l4" address: "127.0.0.1:0" filter_chains { filters { config {
    [network_filters/tcp_proxy] { cluster: "origin" } } } } }
    clusters { name: "origin" stickiness { config { [stickiness/source_ip] {} } } )" +
        endpoints + "}\n" + test::runtime(kWorkers));
  const auto connect = [&] {
    RawConnection client = RawConnection::connectTo(proxy_->port("l4"));
    const std::string name = client.readAll();
    return name.empty() ? '-' : name[0];
  };
  const char mine = connect();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(connect(), mine);
  origins[mine]->kill();
  const char next = connect();
  EXPECT_NE(next, mine);
  EXPECT_NE(next, '-');
  for (int i = 0; i < 20; ++i) EXPECT_EQ(connect(), next);
  EXPECT_GE(stat("rebound"), 1);
}

// --- UDP ---

TEST_F(StickinessTest, DatagramsOfAnAddressStay) {
  const std::array<network::UdpPeer, 3> origins;
  std::vector<std::string> addresses;
  for (const network::UdpPeer& origin : origins) addresses.push_back(origin.address().toString());
  start(test_udp::udpListener() +
        test::cluster("origin", addresses, "stickiness { config { [stickiness/source_ip] {} } }") +
        test::runtime(kWorkers));
  const network::Address to = test_udp::listenerOf(*proxy_);
  for (int i = 0; i < 10; ++i) {
    const network::UdpPeer client;  // a port, and so a session, of its own
    client.send("hello", to);
    EXPECT_TRUE(proxy_->waitForStat("cluster_connections_total", i + 1, {{"cluster", "origin"}}));
  }
  EXPECT_EQ(stat("new"), 1);
  EXPECT_EQ(stat("followed"), 9);
}

}  // namespace
}  // namespace weir
