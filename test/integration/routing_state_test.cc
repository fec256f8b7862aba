// Members, health and policy as the whole proxy follows them: where traffic goes when endpoints are
// down, come back, join and leave.

#include <atomic>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
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

using control::RoutingState;
using test::InProcessProxy;
using test::RawConnection;
using test::ScriptedOrigin;
using upstream::Health;

// Answers with its name.
std::unique_ptr<ScriptedOrigin> named(char name) {
  return std::make_unique<ScriptedOrigin>(ScriptedOrigin::answering(
      std::string("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n") + name));
}

// One cluster of origins "a", "b", … that a test marks up and down.
class RoutingStateTest : public testing::Test {
 protected:
  struct Member {
    char name;
    std::string fields;
  };
  std::string config(const std::vector<Member>& members, std::string_view cluster = {},
                     std::string_view rest = {}) {
    std::string text = test::edgeListener() + "clusters { name: \"origin\" ";
    for (const Member& member : members) {
      std::unique_ptr<ScriptedOrigin>& origin = origins_[member.name];
      if (origin == nullptr) origin = named(member.name);
      text += "endpoints { id: \"" + std::string(1, member.name) + "\" address: \"" +
              origin->address() + "\" " + member.fields + " } ";
    }
    return text + std::string(cluster) + " }\n" + std::string(rest) + test::runtime();
  }
  void start(const std::string& config) { proxy_ = std::make_unique<InProcessProxy>(config); }
  // The workers know a little later.
  void set(char name, Health health) {
    proxy_->onMain([&] {
      EXPECT_EQ(proxy_->server().routing().observe("origin", std::string(1, name),
                                                   {.health = health, .revision = ++revision_}),
                control::Taken::kTaken);
    });
  }
  // How many of so many requests each origin has answered; '-' for none.
  std::map<char, int> ask(int requests = 200) {
    std::map<char, int> counts;
    for (int i = 0; i < requests; ++i) {
      RawConnection client = RawConnection::connectTo(proxy_->port("edge"));
      client.send("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
      const test::RawMessage answer = client.readMessage();
      ++counts[answer.status() == 200 ? answer.body[0] : '-'];
    }
    return counts;
  }
  // Asks until only these have answered a round of requests.
  bool onlyThese(const std::string& names) {
    return test::eventually([&] {
      std::string seen;
      for (const auto& [name, count] : ask(20)) seen += name;
      return seen == names;
    });
  }
  nlohmann::json shown() {
    RawConnection client = RawConnection::connectTo(proxy_->adminPort());
    client.send("GET /clusters HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    return nlohmann::json::parse(client.readMessage().body)["clusters"][0];
  }
  int64_t stat(std::string_view name) { return proxy_->stat(name, {{"cluster", "origin"}}); }

  std::map<char, std::unique_ptr<ScriptedOrigin>> origins_;
  std::unique_ptr<InProcessProxy> proxy_;
  uint64_t revision_ = 0;
};

TEST_F(RoutingStateTest, TrafficGoesToTheNextPriorityAndComesBack) {
  start(config({{'a', ""}, {'b', ""}, {'s', "priority: 1"}, {'t', "priority: 1"}}));
  EXPECT_TRUE(onlyThese("ab"));
  set('a', Health::kUnhealthy);
  // 70 % stay with b: of 400 at least 225, at most 335, six times the standard deviation.
  EXPECT_TRUE(onlyThese("bst"));
  std::map<char, int> counts = ask(400);
  EXPECT_NEAR(counts['b'], 280, 55);
  EXPECT_EQ(counts['a'] + counts['-'], 0);
  set('b', Health::kUnhealthy);
  EXPECT_TRUE(onlyThese("st"));
  set('a', Health::kHealthy);
  set('b', Health::kDegraded);
  EXPECT_TRUE(onlyThese("ast"));
  set('b', Health::kHealthy);
  EXPECT_TRUE(onlyThese("ab"));
}

TEST_F(RoutingStateTest, PanicUsesAllAndIsSeen) {
  start(config({{'a', ""}, {'b', ""}, {'d', ""}}));
  set('a', Health::kUnhealthy);
  EXPECT_TRUE(onlyThese("bd"));
  EXPECT_EQ(stat("cluster_panic"), 0);
  EXPECT_EQ(shown()["panic"], false);
  set('b', Health::kUnhealthy);
  EXPECT_TRUE(onlyThese("abd"));
  EXPECT_EQ(stat("cluster_panic"), 1);
  EXPECT_EQ(shown()["panic"], true);
  EXPECT_EQ(shown()["groups"][0]["panic"], true);
  set('b', Health::kDisabled);
  set('d', Health::kDraining);
  EXPECT_TRUE(onlyThese("a")) << "what was taken out stays out";
}

TEST_F(RoutingStateTest, WithoutPanicNobodyServes) {
  start(config({{'a', ""}, {'b', ""}}, "panic_percent: 0"));
  set('a', Health::kUnhealthy);
  EXPECT_TRUE(onlyThese("b"));
  set('b', Health::kUnhealthy);
  EXPECT_TRUE(onlyThese("-"));
  EXPECT_EQ(shown()["why_none"], "no_eligible_endpoint");
  EXPECT_GT(stat("cluster_no_endpoint_total"), 0);
}

TEST_F(RoutingStateTest, LocalitiesShareByWeight) {
  start(config(
      {{'a', "locality: \"east\""}, {'b', "locality: \"east\""}, {'w', "locality: \"west\""}},
      R"(locality { mode: MODE_WEIGHTED weights { locality: "west" weight: 3 } })"));
  // 300 of 400 with a standard deviation below 9.
  std::map<char, int> counts = ask(400);
  EXPECT_NEAR(counts['w'], 300, 54);
  EXPECT_GT(counts['a'], 10);
  EXPECT_GT(counts['b'], 10);
  const nlohmann::json cluster = shown();
  ASSERT_EQ(cluster["groups"].size(), 2u);
  EXPECT_EQ(cluster["groups"][1]["locality"], "west");
  EXPECT_NEAR(cluster["groups"][1]["share_percent"].get<double>(), 75, 0.001);
  EXPECT_EQ(cluster["endpoints"][2]["group"], 1);
}

TEST_F(RoutingStateTest, TheOwnLocalityComesFirst) {
  start(config({{'a', "locality: \"east\""},
                {'b', "locality: \"east\""},
                {'w', "locality: \"west\""},
                {'x', "locality: \"west\""}},
               "locality { mode: MODE_PREFER_OWN least_endpoints: 2 }",
               "node { locality: \"west\" }\n"));
  EXPECT_TRUE(onlyThese("wx"));
  set('w', Health::kUnhealthy);
  // A third of the capacity is here, where a half would be fair: two thirds of the picks.
  EXPECT_TRUE(onlyThese("abx"));
  EXPECT_NEAR(ask(300)['x'], 200, 50);
}

TEST_F(RoutingStateTest, HealthOutlivesAConfiguration) {
  const auto members = [&](const char* weight) {
    return config({{'a', weight}, {'b', ""}, {'d', ""}});
  };
  start(members(""));
  set('a', Health::kUnhealthy);
  EXPECT_TRUE(onlyThese("bd"));
  const nlohmann::json before = shown();
  ASSERT_EQ(proxy_->reload(members("")), "");
  EXPECT_EQ(ask(50)['a'], 0);
  EXPECT_EQ(shown()["version"], before["version"]) << "nothing has changed";
  ASSERT_EQ(proxy_->reload(members("weight: 2")), "");
  EXPECT_EQ(ask(50)['a'], 0);
  EXPECT_GT(shown()["version"], before["version"]);
}

TEST_F(RoutingStateTest, ConnectionsOfThoseThatStayAreKept) {
  start(config({{'a', ""}}));
  EXPECT_TRUE(onlyThese("a"));
  const int64_t connections = stat("cluster_connections_total");
  for (const char* fields :
       {"weight: 5", "metadata { key: \"v\" value: \"1\" }", "locality: \"x\""}) {
    ASSERT_EQ(proxy_->reload(config({{'a', fields}})), "");
    EXPECT_TRUE(onlyThese("a"));
  }
  // Each worker has its pool; neither opened another connection for a request on its own.
  EXPECT_LE(stat("cluster_connections_total"), connections + 1);
}

TEST_F(RoutingStateTest, EndpointsComeAndGoUnderTrafficWithoutAFailedRequest) {
  const auto some = [&](int round) {
    std::vector<Member> members{{'a', ""}};
    if (round % 2 == 0) members.push_back({'b', round % 4 == 0 ? "weight: 3" : ""});
    if (round % 3 == 0) members.insert(members.begin(), {'d', ""});
    return config(members, "panic_percent: 0");
  };
  start(some(0));
  std::atomic<bool> stop{false};
  std::atomic<int> failed{0}, answered{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 3; ++i) {
    clients.emplace_back([&] {
      RawConnection client = RawConnection::connectTo(proxy_->port("edge"));
      while (!stop) {
        client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        ++(client.readMessage().status() == 200 ? answered : failed);
      }
    });
  }
  for (int round = 1; round <= 60; ++round) {
    proxy_->onMain([&] {
      const Health health = round % 2 == 0 ? Health::kHealthy : Health::kUnhealthy;
      for (const char* id : {"b", "d"}) {
        proxy_->server().routing().observe("origin", id,
                                           {.health = health, .revision = ++revision_});
      }
    });
    const std::string errors = round % 3 == 0 ? proxy_->reload(some(round)) : "";
    EXPECT_EQ(errors, "");
  }
  stop = true;
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(failed, 0);
  EXPECT_GT(answered, 60);
  EXPECT_EQ(stat("cluster_no_endpoint_total"), 0);
}

TEST_F(RoutingStateTest, ShowsWhatIs) {
  start(config(
      {{'a', R"(locality: "x" metadata { key: "k" value: "v" } weight: 3)"}, {'b', "priority: 2"}},
      "slow_start { window { seconds: 600 } }"));
  ask(5);
  nlohmann::json cluster = shown();
  EXPECT_EQ(cluster["name"], "origin");
  EXPECT_EQ(cluster["version"], 1);
  EXPECT_EQ(cluster["load_balancing"], "round_robin");
  ASSERT_EQ(cluster["groups"].size(), 1u);
  EXPECT_EQ(cluster["groups"][0]["share_percent"], 100.0);
  EXPECT_EQ(cluster["groups"][0]["priority"], 0);
  const nlohmann::json& a = cluster["endpoints"][0];
  EXPECT_EQ(a["id"], "a");
  EXPECT_EQ(a["weight"], 3);
  EXPECT_EQ(a["locality"], "x");
  EXPECT_EQ(a["metadata"]["k"], "v");
  EXPECT_EQ(a["health"], "healthy");
  EXPECT_EQ(a["eligible"], true);
  EXPECT_FALSE(a.contains("slow_start_left_ms"));
  EXPECT_EQ(a["usage"]["requests"], 5);
  EXPECT_EQ(cluster["endpoints"][1]["eligible"], false);
  EXPECT_EQ(cluster["endpoints"][1]["priority"], 2);
  set('a', Health::kUnhealthy);
  set('a', Health::kHealthy);
  EXPECT_GT(shown()["endpoints"][0]["slow_start_left_ms"], 500'000);
  EXPECT_EQ(stat("cluster_members"), 2);
  EXPECT_EQ(stat("cluster_eligible_members"), 1);
}

}  // namespace
}  // namespace weir
