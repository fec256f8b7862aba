// How a session reaches an endpoint, or does not.

#include <sys/socket.h>

#include <map>
#include <string>

#include "gtest/gtest.h"

#include "extensions/network_filters/tcp_proxy/tcp_proxy.h"
#include "test/extensions/network_filters/tcp_proxy/proxy_host.h"

namespace weir::extensions::network_filters::tcp_proxy {
namespace {

using http::ResponseFlag;
using network::test::drainSocket;
using network::test::FilterHost;
using std::chrono::milliseconds;
using std::chrono::seconds;

uint32_t flags(std::initializer_list<ResponseFlag> all) {
  uint32_t result = 0;
  for (ResponseFlag flag : all) result |= static_cast<uint32_t>(flag);
  return result;
}

network::Address deadAddress() {
  Server server;
  server.stop();
  return server.address();
}

TEST(Connect, TriesAnotherEndpointAtOnce) {
  ProxyHost host;
  Server server;
  host.cluster({deadAddress(), server.address()});
  for (size_t i = 0; i < 4; ++i) {
    FilterHost::Client& client = host.connect();
    client.send("hello");
    ASSERT_GE(server.fd(host, i), 0);
    EXPECT_TRUE(host.until([&] {
      host.run();
      return drainSocket(server.fd(host, i)) == "hello";
    }));
    EXPECT_FALSE(client.closed());
  }
  const int64_t failures = host.stat("tcp_connect_failures_total");
  EXPECT_GE(failures, 1);
  EXPECT_EQ(host.stat("tcp_connect_retries_total"), failures);
  EXPECT_EQ(host.clusterStat("cluster_retries_total"), failures);
  EXPECT_EQ(host.clusterStat("cluster_connect_failures_total"), failures);
  EXPECT_EQ(host.stat("tcp_connect_gave_up_total"), 0);
}

TEST(Connect, GivesUpAfterSoManyAttempts) {
  ProxyHost host;
  host.cluster({deadAddress(), deadAddress()});
  FilterHost::Client& client = host.connect();
  client.send("hello");
  host.dispatcher.advance(seconds(2));
  EXPECT_TRUE(client.broken());
  EXPECT_EQ(client.received(), "");
  EXPECT_TRUE(host.closes(client));
  EXPECT_EQ(host.stat("tcp_connect_failures_total"), 3);
  EXPECT_EQ(host.stat("tcp_connect_gave_up_total"), 1);
  ASSERT_EQ(host.lines.size(), 1u);
  EXPECT_EQ(host.lines[0].attempts, 3u);
  EXPECT_EQ(host.lines[0].detail, "connect_failed");
  EXPECT_EQ(host.lines[0].flags, flags({ResponseFlag::kUpstreamConnectionFailure,
                                        ResponseFlag::kUpstreamRetryLimitExceeded}));
  EXPECT_EQ(host.stat("tcp_connections_active"), 0);
  EXPECT_EQ(host.clusterStat("cluster_active_connections"), 0);
}

TEST(Connect, OneAttemptMeansNoRetry) {
  ProxyHost host;
  host.cluster({deadAddress()});
  auto config = host.config();
  config->max_connect_attempts = 1;
  host.proxy(config);
  FilterHost::Client& client = host.connect();
  EXPECT_TRUE(client.broken());
  EXPECT_EQ(host.stat("tcp_connect_failures_total"), 1);
  EXPECT_EQ(host.stat("tcp_connect_retries_total"), 0);
  EXPECT_EQ(host.lines.at(0).flags, flags({ResponseFlag::kUpstreamConnectionFailure}));
}

// A lone endpoint is given time: 25 ms, then 50 ms.
TEST(Connect, PausesBeforeTheSameEndpoint) {
  ProxyHost host;
  host.cluster({deadAddress()});
  host.connect();
  EXPECT_TRUE(host.until([&] { return host.stat("tcp_connect_failures_total") == 1; }));
  host.dispatcher.advance(milliseconds(20));
  EXPECT_EQ(host.stat("tcp_connect_retries_total"), 0);
  host.dispatcher.advance(milliseconds(30));
  EXPECT_TRUE(host.until([&] { return host.stat("tcp_connect_failures_total") == 2; }));
  host.dispatcher.advance(milliseconds(40));
  EXPECT_EQ(host.stat("tcp_connect_retries_total"), 1);
  host.dispatcher.advance(milliseconds(40));
  EXPECT_TRUE(host.until([&] { return host.stat("tcp_connect_failures_total") == 3; }));
}

TEST(Connect, AClientThatGoesEndsTheAttempts) {
  ProxyHost host;
  host.cluster({deadAddress()});
  FilterHost::Client& client = host.connect();
  EXPECT_TRUE(host.until([&] { return host.stat("tcp_connect_failures_total") == 1; }));
  client.reset();
  EXPECT_TRUE(host.closes(client));
  host.dispatcher.advance(seconds(5));
  EXPECT_EQ(host.stat("tcp_connect_failures_total"), 1);
}

TEST(Connect, AnEndpointThatDoesNotAnswerTimesOut) {
  upstream::FullOrigin full;
  ProxyHost host;
  Server server;
  upstream::ClusterOptions options;
  options.connect_timeout = seconds(2);
  host.cluster({full.address(), server.address()}, options);
  host.connect();
  host.run();
  const size_t number = server.accepted();
  // The balancer takes turns: now it is the other's, if it was not at first.
  if (number == 1) host.connect();
  FilterHost::Client& client = host.last();
  // Early bytes, and an end, wait meanwhile.
  client.send("first ");
  client.send("second");
  client.end();
  EXPECT_EQ(server.accepted(), number);
  host.dispatcher.advance(milliseconds(2100));
  std::string got;
  bool ended = false;
  EXPECT_TRUE(host.until([&] {
    host.run();
    if (server.accepted() > number) got += drainSocket(server.fd(host, number), &ended);
    return ended;
  }));
  EXPECT_EQ(got, "first second");
  EXPECT_EQ(host.clusterStat("cluster_connect_timeouts_total"), 1);
}

TEST(Connect, EarlyBytesAreBounded) {
  upstream::FullOrigin full;
  ProxyHost host;
  host.cluster({full.address()});
  FilterHost::Client& client = host.connect();
  const std::string bytes = network::test::pattern(40 << 20);
  size_t sent = 0;
  for (int idle = 0; idle < 20;) {
    const size_t count =
        network::test::fillSocket(client.fd(), std::string_view(bytes).substr(sent, 200'000));
    host.run();
    idle = count == 0 ? idle + 1 : 0;
    sent += count;
  }
  EXPECT_LT(sent, bytes.size());
  EXPECT_LE(host.io.bytesInUse(), 128u * 1024);
}

TEST(Connect, NoEndpointAtAll) {
  ProxyHost host;
  host.cluster({});
  FilterHost::Client& client = host.connect();
  EXPECT_TRUE(client.broken());
  EXPECT_EQ(host.lines.at(0).flags, flags({ResponseFlag::kNoHealthyUpstream}));
  EXPECT_EQ(host.clusterStat("cluster_no_endpoint_total"), 1);
}

TEST(Connect, NoCluster) {
  ProxyHost host;
  FilterHost::Client& client = host.connect();
  EXPECT_TRUE(client.broken());
  EXPECT_EQ(host.lines.at(0).flags, flags({ResponseFlag::kNoClusterFound}));
  EXPECT_EQ(host.lines.at(0).detail, "cluster_not_found");
  auto config = host.config();
  config->targets.clear();
  host.proxy(config);
  EXPECT_TRUE(host.connect().broken());
  EXPECT_EQ(host.lines.at(1).detail, "no_cluster");
  EXPECT_EQ(host.stat("tcp_no_cluster_total"), 2);
}

TEST(Connect, AChosenClusterGoesFirst) {
  ProxyHost host;
  Server usual;
  Server chosen;
  host.cluster({usual.address()});
  host.cluster({chosen.address()}, {}, "chosen");
  auto info = std::make_unique<network::ConnectionInfo>();
  info->cluster = "chosen";
  host.connect(std::move(info));
  EXPECT_GE(chosen.fd(host), 0);
  EXPECT_EQ(usual.accepted(), 0u);
  host.connect(std::make_unique<network::ConnectionInfo>());
  EXPECT_GE(usual.fd(host), 0);
}

TEST(Connect, ALimitOfTheCluster) {
  ProxyHost host;
  Server server;
  upstream::ClusterOptions options;
  options.max_connections = 1;
  options.connect_timeout = milliseconds(900);
  host.cluster({server.address()}, options);
  FilterHost::Client& first = host.connect();
  ASSERT_GE(server.fd(host, 0), 0);
  FilterHost::Client& second = host.connect();
  host.dispatcher.advance(seconds(1));
  EXPECT_TRUE(second.broken());
  EXPECT_EQ(host.lines.at(0).detail, "queue_timeout");
  EXPECT_EQ(host.lines.at(0).flags, flags({ResponseFlag::kUpstreamOverflow}));
  first.end();
  server.close(0);
  EXPECT_TRUE(host.closes(first));
  host.connect();
  EXPECT_GE(server.fd(host, 1), 0);
}

// Room that comes while a client waits is taken.
TEST(Connect, ALimitThatGivesWay) {
  ProxyHost host;
  Server server;
  upstream::ClusterOptions options;
  options.max_connections = 1;
  host.cluster({server.address()}, options);
  FilterHost::Client& first = host.connect();
  ASSERT_GE(server.fd(host, 0), 0);
  FilterHost::Client& second = host.connect();
  first.reset();
  EXPECT_TRUE(host.closes(first));
  host.dispatcher.advance(milliseconds(50));
  EXPECT_GE(server.fd(host, 1), 0);
  EXPECT_FALSE(second.closed());
}

// --- Which cluster ---

TEST(Target, ByWeight) {
  ProxyHost host;
  auto config = host.config();
  config->targets = {{"a", 1}, {"b", 0}, {"c", 3}};
  config->total_weight = 4;
  TcpProxyWorker worker(config, host.services);
  std::map<std::string, int> count;
  for (int i = 0; i < 4000; ++i) ++count[std::string(worker.target(nullptr))];
  EXPECT_NEAR(count["a"], 1000, 150);
  EXPECT_EQ(count["b"], 0);
  EXPECT_NEAR(count["c"], 3000, 150);
}

TEST(Target, ByHashIsTheSameEachTime) {
  ProxyHost host;
  auto config = host.config();
  config->targets = {{"a", 1}, {"b", 1}};
  config->total_weight = 2;
  TcpProxyWorker worker(config, host.services);
  const uint64_t even = 4;
  const uint64_t odd = 7;
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(worker.target(&even), "a");
    EXPECT_EQ(worker.target(&odd), "b");
  }
}

}  // namespace
}  // namespace weir::extensions::network_filters::tcp_proxy
