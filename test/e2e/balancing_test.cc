// Balancing, as the pages describe it, with the real binary: which of several origins a client
// gets.

#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;

// Origins that answer with their names, and with the field x-weir-endpoint that reached them.
class Origins {
 public:
  explicit Origins(const std::vector<std::string>& names) {
    for (const std::string& name : names) {
      origins_[name] = std::make_unique<ScriptedOrigin>([name](RawConnection& connection, int) {
        for (;;) {
          const RawMessage request = connection.readMessage();
          if (!request.complete) return;
          const std::string body = name + request.header("x-weir-endpoint");
          connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body.size()) +
                          "\r\n\r\n" + body);
        }
      });
    }
  }
  std::string address(const std::string& name) { return origins_.at(name)->address(); }
  // endpoints { address: … FIELDS }
  std::string entry(const std::string& name, const std::string& fields = {}) {
    return "endpoints { id: \"" + name + "\" address: \"" + address(name) + "\" " + fields + " } ";
  }
  void kill(const std::string& name) { origins_.at(name)->kill(); }

 private:
  std::map<std::string, std::unique_ptr<ScriptedOrigin>> origins_;
};

std::string clusterOf(const std::string& name, const std::string& fields) {
  return "clusters { name: \"" + name + "\" " + fields + " }\n";
}

std::string balancing(const std::string& extension) {
  return " load_balancing { config { [load_balancing/" + extension + "] {} } }";
}

class BalancingTest : public ::testing::Test {
 protected:
  void start(const std::string& clusters,
             const std::string& routes = R"(routes { route { cluster: "origin" } })") {
    weir_ = std::make_unique<test::WeirProcess>(
        test::edgeListener("access_logs { config { [access_loggers/stdout] { format: "
                           "\"details=%RESPONSE_FLAGS%:%RESPONSE_CODE_DETAILS%;\\n\" } } }",
                           routes) +
        clusters + test::runtime(1));
    ASSERT_NE(weir_->port("edge"), 0) << weir_->process().err();
  }
  // The body, or the status of anything but 200; on a connection of its own.
  std::string ask(const std::string& fields = {}, const std::string& path = "/") {
    RawConnection client = RawConnection::connectTo(weir_->port("edge"));
    client.send("GET " + path + " HTTP/1.1\r\nHost: a\r\n" + fields + "\r\n");
    const RawMessage answer = client.readMessage();
    return answer.status() == 200 ? answer.body : std::to_string(answer.status());
  }
  std::map<std::string, int> shares(int requests, const std::string& fields = {}) {
    std::map<std::string, int> counts;
    for (int i = 0; i < requests; ++i) ++counts[ask(fields)];
    return counts;
  }
  bool logged(const std::string& text) {
    return test::eventually([&] { return weir_->process().out().find(text) != std::string::npos; });
  }

  std::unique_ptr<test::WeirProcess> weir_;
};

TEST_F(BalancingTest, EachAlgorithmSpreadsOrKeepsAsItSays) {
  Origins origins({"a", "b", "c"});
  const std::string endpoints = origins.entry("a") + origins.entry("b") + origins.entry("c");
  for (const char* spreading : {"round_robin", "random", "least_request", "least_time"}) {
    start(clusterOf("origin", endpoints + balancing(spreading)));
    const auto counts = shares(150);
    EXPECT_EQ(counts.size(), 3u) << spreading;
    // One that measures may well prefer one of equals for a while.
    const int least = std::string(spreading) == "least_time" ? 1 : 15;
    for (const auto& [name, count] : counts) EXPECT_GE(count, least) << spreading << " " << name;
  }
  for (const char* keeping : {"source_ip_hash", "ring_hash", "maglev", "first"}) {
    start(clusterOf(
        "origin", endpoints + balancing(keeping) +
                      (std::string(keeping) == "first" ? "" : " hash_keys { source_address {} }")));
    EXPECT_EQ(shares(30).size(), 1u) << keeping;
  }
}

TEST_F(BalancingTest, WeightsAreKept) {
  Origins origins({"heavy", "light"});
  start(clusterOf("origin", origins.entry("heavy", "weight: 3") + origins.entry("light")));
  const auto counts = shares(80);
  EXPECT_EQ(counts.at("heavy"), 60);
  EXPECT_EQ(counts.at("light"), 20);
  // What each endpoint got is in the statistics.
  EXPECT_TRUE(test::eventually([&] {
    const std::string metrics =
        test::curl({"http://127.0.0.1:" + std::to_string(weir_->adminPort()) +
                    "/metrics?filter=endpoint_"})
            .out;
    return metrics.find("weir_endpoint_requests_total{cluster=\"origin\",endpoint=\"heavy\"} 60") !=
               std::string::npos &&
           metrics.find(
               "weir_endpoint_responses_total{cluster=\"origin\",endpoint=\"light\","
               "class=\"2xx\"} 20") != std::string::npos &&
           metrics.find(
               "weir_endpoint_response_microseconds_count{cluster=\"origin\",endpoint="
               "\"light\"} 20") != std::string::npos &&
           metrics.find("weir_endpoint_active_requests{cluster=\"origin\",endpoint=\"heavy\"} 0") !=
               std::string::npos;
  }));
}

TEST_F(BalancingTest, AHeaderDecidesForAHash) {
  Origins origins({"a", "b", "c", "d"});
  start(clusterOf("origin", origins.entry("a") + origins.entry("b") + origins.entry("c") +
                                origins.entry("d") + balancing("maglev") +
                                " hash_keys { header: \"x-user\" }"));
  std::set<std::string> all;
  for (int user = 0; user < 20; ++user) {
    const std::string fields = "x-user: " + std::to_string(user) + "\r\n";
    const std::string first = ask(fields);
    for (int i = 0; i < 4; ++i) EXPECT_EQ(ask(fields), first);
    all.insert(first);
  }
  EXPECT_GE(all.size(), 3u);
}

TEST_F(BalancingTest, RoutesAskForASubset) {
  Origins origins({"old", "new"});
  start(clusterOf("origin", origins.entry("old", "metadata { key: \"version\" value: \"1\" }") +
                                origins.entry("new", "metadata { key: \"version\" value: \"2\" }") +
                                "load_balancing { config { [load_balancing/subset] { "
                                "subsets { keys: \"version\" fallback: FALLBACK_FAIL } } } }"),
        R"(routes { match { prefix: "/beta/" }
             route { cluster: "origin" metadata_match { key: "version" value: "2" } } }
           routes { match { prefix: "/gone/" }
             route { cluster: "origin" metadata_match { key: "version" value: "3" } } }
           routes { match { prefix: "/any/" } route { cluster: "origin" } }
           routes { route { cluster: "origin" metadata_match { key: "version" value: "1" } } })");
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(ask({}, "/beta/x"), "new");
    EXPECT_EQ(ask(), "old");
  }
  std::set<std::string> any;
  for (int i = 0; i < 10; ++i) any.insert(ask({}, "/any/"));
  EXPECT_EQ(any, (std::set<std::string>{"old", "new"}));
  EXPECT_EQ(ask({}, "/gone/"), "503");
  EXPECT_TRUE(logged("details=UH:subset_not_found;")) << weir_->process().out();
  EXPECT_EQ(weir_->stat("cluster_no_endpoint_total"), 1);
  EXPECT_EQ(weir_->stat("cluster_subset_selected_total"), 20);
}

TEST_F(BalancingTest, AHeaderNamesTheEndpointAndIsRemoved) {
  Origins origins({"a", "b", "canary"});
  start(clusterOf("origin", origins.entry("a") + origins.entry("b") +
                                origins.entry("canary", "weight: 0") +
                                "load_balancing { config { [load_balancing/override] { "
                                "header: \"X-Weir-Endpoint\" } } }"));
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(ask("x-weir-endpoint: b\r\n"), "b");
    EXPECT_EQ(ask("x-weir-endpoint: canary\r\n"), "canary");
    EXPECT_EQ(ask("x-weir-endpoint: " + origins.address("a") + "\r\n"), "a");
  }
  const auto others = shares(10, "x-weir-endpoint: nobody\r\n");
  EXPECT_EQ(others.size(), 2u) << "the other algorithm chose, and the field did not go on";
  EXPECT_EQ(weir_->stat("cluster_override_followed_total"), 15);
  EXPECT_EQ(weir_->stat("cluster_override_missed_total"), 10);
}

TEST_F(BalancingTest, AStrictOverrideFailsWithAReason) {
  Origins origins({"a"});
  start(clusterOf("origin", origins.entry("a") +
                                "load_balancing { config { [load_balancing/override] { "
                                "header: \"x-weir-endpoint\" strict: true } } }"));
  EXPECT_EQ(ask("x-weir-endpoint: nobody\r\n"), "503");
  EXPECT_TRUE(logged("details=UH:override_host_unknown;")) << weir_->process().out();
  EXPECT_EQ(ask(), "a");
}

TEST_F(BalancingTest, AnAggregateServesFromTheFirstThatHasEndpoints) {
  Origins origins({"primary", "backup"});
  const std::string aggregate =
      "discovery { config { [clusters/aggregate] { clusters: \"one\" clusters: \"two\" } } }";
  // Discovery that finds nobody: a name that is not there.
  start(clusterOf("origin", aggregate) + clusterOf("one", origins.entry("primary")) +
        clusterOf("two", origins.entry("backup")));
  EXPECT_EQ(ask(), "primary");
  EXPECT_EQ(weir_->stat("cluster_requests_total", "cluster=\"one\""), 1);
  start(clusterOf("origin", aggregate) +
            clusterOf("one",
                      origins.entry("primary", "metadata { key: \"v\" value: \"1\" }") +
                          "load_balancing { config { [load_balancing/subset] { subsets { keys: "
                          "\"v\" fallback: FALLBACK_FAIL } } } }") +
            clusterOf("two", origins.entry("backup")),
        R"(routes { match { prefix: "/2" }
             route { cluster: "origin" metadata_match { key: "v" value: "2" } } }
           routes { route { cluster: "origin" metadata_match { key: "v" value: "1" } } })");
  EXPECT_EQ(ask(), "primary");
  EXPECT_EQ(ask({}, "/2"), "backup") << "the first has no such endpoint";
  EXPECT_EQ(weir_->stat("cluster_requests_total", "cluster=\"two\""), 1);
}

TEST_F(BalancingTest, AnAggregateServesTcp) {
  Origins origins({"backup"});
  weir_ = std::make_unique<test::WeirProcess>(
      R"(listeners { name: "edge" address: "127.0.0.1:0" filter_chains { filters {
           config { [network_filters/tcp_proxy] { cluster: "origin" } } } } }
      )" +
      clusterOf("origin",
                "discovery { config { [clusters/aggregate] { clusters: \"one\" clusters: \"two\" } "
                "} }") +
      clusterOf("one",
                "endpoints { address: \"no-such-name.invalid:80\" } discovery { config { "
                "[clusters/strict_dns] {} } }") +
      clusterOf("two", origins.entry("backup")) + test::runtime(1));
  ASSERT_NE(weir_->port("edge"), 0) << weir_->process().err();
  EXPECT_EQ(ask(), "backup");
}

TEST_F(BalancingTest, AClusterWithoutEndpointsAnswers503WithAReason) {
  start(clusterOf("origin",
                  "endpoints { address: \"no-such-name.invalid:80\" } discovery { config "
                  "{ [clusters/strict_dns] {} } }"));
  EXPECT_EQ(ask(), "503");
  EXPECT_TRUE(logged("details=UH:")) << weir_->process().out();
  EXPECT_EQ(weir_->stat("cluster_no_endpoint_total"), 1);
}

TEST_F(BalancingTest, ADeadEndpointIsAReasonAndTheOthersServe) {
  Origins origins({"a", "b"});
  start(clusterOf("origin", origins.entry("a") + origins.entry("b")));
  EXPECT_EQ(shares(20).size(), 2u);
  origins.kill("a");
  const auto counts = shares(20);
  EXPECT_GE(counts.at("b"), 10);
  if (counts.count("503") > 0) {
    EXPECT_TRUE(logged("details=UF:upstream_connect_failed;")) << weir_->process().out();
  }
  EXPECT_TRUE(test::eventually([&] { return weir_->stat("cluster_connect_failures_total") > 0; }));
}

}  // namespace
}  // namespace weir
