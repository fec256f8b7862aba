// Clusters whose members come from name servers: dnsmasq and unbound, whose records change, vanish,
// and are not told any more.

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "test/e2e/dns_programs.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/raw_connection.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::eventually;
using test::RawMessage;
using ::testing::HasSubstr;

constexpr char kName[] = "web.weir.example";

// Impatient in all ways.
std::string dnsSettings(const std::string& server, const std::string& more = {}) {
  return base::concat("dns { servers: \"", server,
                      "\" timeout { nanos: 200000000 } tries: 1 min_ttl { nanos: 100000000 } ",
                      "max_ttl { nanos: 200000000 } retry { nanos: 100000000 } ",
                      "max_retry { nanos: 200000000 } ", more, " }");
}

std::string discovery(const std::string& extension, const std::string& fields) {
  return base::concat("discovery { config { [clusters/", extension, "] { ", fields, " } } }");
}

std::string hosts(const std::vector<std::string>& addresses) {
  std::string text;
  for (const std::string& address : addresses) text += base::concat(address, " ", kName, "\n");
  return text;
}

// One worker, so that there is one pool. Everything goes to "web" but what is for the host "fixed".
class Edge {
 public:
  Edge(const std::string& web, uint16_t origin)
      : weir_(base::concat(
            R"(listeners { name: "edge" address: "127.0.0.1:0"
              filter_chains { filters { config { [network_filters/http_connection_manager] {
                virtual_hosts { name: "fixed" domains: "fixed" routes { route { cluster: "fixed" } } }
                virtual_hosts { name: "all" domains: "*" routes { route { cluster: "web" } } }
              } } } } }
            )",
            web, test::cluster("fixed", {base::concat("127.0.0.9:", origin)}),
            test::runtime(/*workers=*/1))) {}

  RawMessage get(const std::string& host = "web") {
    auto client = test::RawConnection::connectTo(weir_.port("edge"));
    client.send(base::concat("GET / HTTP/1.1\r\nHost: ", host, "\r\nConnection: close\r\n\r\n"));
    return client.readMessage();
  }
  int status() { return get().status(); }
  // The answers of many requests, with the number of the connection or without.
  std::set<std::string> answers(bool with_connection = false) {
    std::set<std::string> seen;
    for (int i = 0; i < 8; ++i) {
      const RawMessage answer = get();
      EXPECT_EQ(answer.status(), 200);
      seen.insert(with_connection ? answer.body : answer.body.substr(0, answer.body.find(' ')));
    }
    return seen;
  }
  bool eventuallyAnswers(const std::set<std::string>& expected) {
    return eventually([&] { return answers() == expected; });
  }
  int64_t failures(const std::string& kind) {
    return weir_.stat("dns_failures_total", "kind=\"" + kind + "\"");
  }
  // Waits until there are more failures of this kind than now.
  bool oneMoreFailure(const std::string& kind) {
    const int64_t before = failures(kind);
    return eventually([&] { return failures(kind) > before; });
  }
  test::WeirProcess& weir() { return weir_; }
  // How often this stands in the log.
  int logged(const std::string& text) {
    const std::string log = weir_.process().err();
    int count = 0;
    for (size_t at = log.find(text); at != log.npos; at = log.find(text, at + 1)) ++count;
    return count;
  }

 private:
  test::WeirProcess weir_;
};

class DnsDiscoveryTest : public ::testing::Test {
 protected:
  std::string web(const std::string& found, bool listed = true) {
    return base::concat(
        "clusters { name: \"web\" ", found,
        listed ? base::concat(" endpoints { address: \"", kName, ":", origin_.port(), "\" }")
               : std::string(),
        " }\n");
  }
  test::LoopbackOrigin origin_;
};

TEST_F(DnsDiscoveryTest, StrictDnsFollowsRecordsThatChangeVanishAndAreNotTold) {
  test::Dnsmasq dns;
  ASSERT_TRUE(dns.ready()) << dns.log();
  Edge edge(web(discovery("strict_dns", dnsSettings(dns.address()))), origin_.port());
  ASSERT_TRUE(edge.weir().process().running()) << edge.weir().process().err();

  // Nothing yet: an answer with a reason, while the rest is served.
  EXPECT_EQ(edge.status(), 503);
  EXPECT_EQ(edge.get("fixed").status(), 200);
  EXPECT_TRUE(edge.oneMoreFailure("no_such_name"));
  EXPECT_EQ(edge.logged("\"web.weir.example\" is not resolved (no_such_name)"), 1);

  dns.setHosts(hosts({"127.0.0.2", "127.0.0.3"}));
  ASSERT_TRUE(eventually([&] { return edge.status() == 200; }));
  EXPECT_TRUE(edge.eventuallyAnswers({"127.0.0.2", "127.0.0.3"}));
  EXPECT_EQ(edge.weir().stat("dns_members"), 2);

  // What stays keeps its connection; what has gone gets nothing more.
  dns.setHosts(hosts({"127.0.0.3", "127.0.0.4"}));
  ASSERT_TRUE(edge.eventuallyAnswers({"127.0.0.3", "127.0.0.4"}));
  EXPECT_EQ(edge.answers(/*with_connection=*/true),
            (std::set<std::string>{"127.0.0.3 #1", "127.0.0.4 #1"}));

  // They vanish, which is not believed.
  dns.setHosts("");
  ASSERT_TRUE(edge.oneMoreFailure("no_such_name"));
  EXPECT_EQ(edge.answers(), (std::set<std::string>{"127.0.0.3", "127.0.0.4"}));

  // Nobody says anything.
  dns.setHosts(hosts({"127.0.0.5"}));
  ASSERT_TRUE(edge.eventuallyAnswers({"127.0.0.5"}));
  dns.pause();
  ASSERT_TRUE(edge.oneMoreFailure("timeout"));
  ASSERT_TRUE(edge.oneMoreFailure("timeout"));
  EXPECT_EQ(edge.answers(), (std::set<std::string>{"127.0.0.5"}));
  EXPECT_EQ(edge.logged("is not resolved (timeout), what was known is used"), 1);
  dns.setHosts(hosts({"127.0.0.6"}));
  dns.resume();
  EXPECT_TRUE(edge.eventuallyAnswers({"127.0.0.6"}));
}

TEST_F(DnsDiscoveryTest, AVanishedNameIsGivenUpWhereThatIsWanted) {
  test::Dnsmasq dns(hosts({"127.0.0.2"}));
  ASSERT_TRUE(dns.ready()) << dns.log();
  Edge edge(web(discovery("strict_dns", dnsSettings(dns.address(), "when_gone: WHEN_GONE_EMPTY"))),
            origin_.port());
  ASSERT_TRUE(eventually([&] { return edge.status() == 200; }));
  dns.pause();
  ASSERT_TRUE(edge.oneMoreFailure("timeout"));
  EXPECT_EQ(edge.status(), 200) << "silence is no answer";
  dns.resume();
  dns.setHosts("");
  EXPECT_TRUE(eventually([&] { return edge.status() == 503; }));
  dns.setHosts(hosts({"127.0.0.3"}));
  EXPECT_TRUE(eventually([&] { return edge.status() == 200; }));
}

TEST_F(DnsDiscoveryTest, ManyAddressesComeByTcp) {
  std::vector<std::string> many;
  for (int i = 0; i < 200; ++i) many.push_back(base::concat("127.0.1.", i));
  test::Dnsmasq dns(hosts(many));
  ASSERT_TRUE(dns.ready()) << dns.log();
  Edge edge(web(discovery("strict_dns", dnsSettings(dns.address()))), origin_.port());
  EXPECT_TRUE(eventually([&] { return edge.weir().stat("dns_members") == 200; }));
  EXPECT_EQ(edge.answers().size(), 8u) << "round robin over all of them";
}

TEST_F(DnsDiscoveryTest, LogicalDnsKeepsConnectionsWhenAddressesChange) {
  // Nobody listens on ::1, which is tried first.
  test::Dnsmasq dns(hosts({"::1", "127.0.0.2"}));
  ASSERT_TRUE(dns.ready()) << dns.log();
  Edge edge(web(discovery("logical_dns", dnsSettings(dns.address()))), origin_.port());
  ASSERT_TRUE(eventually([&] { return edge.status() == 200; }));
  EXPECT_EQ(edge.weir().stat("dns_members"), 1);
  const std::set<std::string> before = edge.answers(/*with_connection=*/true);
  EXPECT_EQ(before, (std::set<std::string>{"127.0.0.2 #1"}));

  const int64_t changes = edge.weir().stat("cluster_membership_changes_total");
  dns.setHosts(hosts({"127.0.0.3"}));
  ASSERT_TRUE(
      eventually([&] { return edge.weir().stat("cluster_membership_changes_total") > changes; }));
  EXPECT_EQ(edge.answers(/*with_connection=*/true), before);
  origin_.closeConnections();
  EXPECT_TRUE(edge.eventuallyAnswers({"127.0.0.3"}));
}

TEST_F(DnsDiscoveryTest, SrvRecordsSayPortWeightAndPriority) {
  test::Unbound dns;
  ASSERT_TRUE(dns.ready()) << dns.log();
  const std::string service = "_http._tcp.weir.example.";
  const auto srv = [&](int priority, int weight, const std::string& target) {
    return base::concat(service, " 0 IN SRV ", priority, " ", weight, " ", origin_.port(), " ",
                        target, ".weir.example.");
  };
  for (const char host : {'2', '3', '4'}) {
    const std::string name = base::concat("host", host, ".weir.example.");
    dns.setRecords(name, {base::concat(name, " 0 IN A 127.0.0.", host)});
  }
  dns.setRecords(service, {srv(10, 3, "host2"), srv(10, 1, "host3"), srv(20, 1, "host4")});
  Edge edge(web(discovery("dns_srv", base::concat("service: \"_http._tcp.weir.example\" ",
                                                  dnsSettings(dns.address()))),
                /*listed=*/false),
            origin_.port());
  ASSERT_TRUE(eventually([&] { return edge.status() == 200; })) << edge.weir().process().err();
  EXPECT_EQ(edge.weir().stat("dns_members"), 3);
  ASSERT_TRUE(edge.eventuallyAnswers({"127.0.0.2", "127.0.0.3"})) << "the first priority";
  int second = 0;
  for (int i = 0; i < 40; ++i) second += edge.get().body.starts_with("127.0.0.2 ") ? 1 : 0;
  EXPECT_EQ(second, 30) << "by weight";

  dns.setRecords(service, {srv(20, 1, "host4")});
  EXPECT_TRUE(edge.eventuallyAnswers({"127.0.0.4"}));
  dns.setRecords(service, {});
  ASSERT_TRUE(
      eventually([&] { return edge.failures("no_data") + edge.failures("no_such_name") > 0; }));
  EXPECT_EQ(edge.answers(), (std::set<std::string>{"127.0.0.4"}));
}

}  // namespace
}  // namespace weir
