// How connections to endpoints are made and how long they live.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <memory>

#include "gtest/gtest.h"

#include "source/upstream/endpoint_connection.h"
#include "source/upstream/spare_connections.h"
#include "test/upstream/test_cluster.h"
#include "test/upstream/test_request.h"

namespace weir::upstream {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class Session final : public EndpointConnection::Handler {
 public:
  bool open(TestWorker& worker) {
    WorkerCluster::Choice choice = worker.cluster().choose({});
    if (choice.kind != Pick::Kind::kEndpoint) return false;
    connection = EndpointConnection::open(choice, {}, *this);
    return connection != nullptr;
  }
  void onConnected() override { ++connected; }
  void onData(buffer::Buffer& data, bool) override {
    if (connected == 0) text += "too early: ";
    text += data.toString();
    data.clear();
  }
  void onClose(network::CloseReason) override { ++closed; }

  std::unique_ptr<EndpointConnection> connection;
  int connected = 0;
  int closed = 0;
  std::string text;
};

class ConnectionPolicyTest : public testing::Test {
 protected:
  void TearDown() override {
    worker.clusters.apply({});
    worker.run();
    EXPECT_EQ(process.usage->connections, 0u);
    EXPECT_EQ(process.gauge("cluster_active_connections"), 0);
    EXPECT_EQ(worker.io.connections(), 0u);
  }
  void apply(const ConnectionPolicy& policy, ClusterOptions options = {}) {
    options.connections = policy;
    worker.clusters.apply({process.config({origin.address()}, options)});
  }
  void answer(size_t number, TestRequest& request) {
    std::string text;
    ASSERT_TRUE(worker.until([&] { return (text += origin.read(number)).ends_with("\r\n\r\n"); }))
        << number;
    origin.send(number, kOkAnswer);
    ASSERT_TRUE(worker.until([&] { return request.done; }));
  }
  void exchange(size_t number) {
    TestRequest request(worker.pool());
    request.start();
    answer(number, request);
  }
  SpareConnections& spares() { return worker.cluster().host(0).spares(); }

  TestProcess process;
  TestWorker worker{process};
  TestOrigin origin;
};

TEST_F(ConnectionPolicyTest, ALifetimeEndsAnIdleConnection) {
  apply({.max_lifetime = seconds(5), .lifetime_jitter_percent = 0});
  exchange(0);
  worker.dispatcher.advance(milliseconds(4900));
  EXPECT_EQ(worker.pool().openConnections(), 1u);
  worker.dispatcher.advance(milliseconds(150));
  EXPECT_EQ(worker.pool().openConnections(), 0u);
}

TEST_F(ConnectionPolicyTest, ALifetimeLetsTheExchangeEnd) {
  apply({.max_lifetime = seconds(5), .lifetime_jitter_percent = 0});
  exchange(0);
  TestRequest request(worker.pool());
  worker.dispatcher.advance(seconds(3));
  request.start();
  worker.dispatcher.advance(seconds(10));
  EXPECT_EQ(worker.pool().openConnections(), 1u);
  answer(0, request);
  EXPECT_EQ(worker.pool().openConnections(), 0u) << "its time was over";
  exchange(1);
}

TEST_F(ConnectionPolicyTest, UseDoesNotProlongALifetime) {
  apply({.max_lifetime = seconds(5), .lifetime_jitter_percent = 0});
  for (int i = 0; i < 6; ++i) {
    exchange(i < 5 ? 0 : 1);
    worker.dispatcher.advance(milliseconds(1050));
  }
  EXPECT_EQ(origin.accepted(), 2u);
}

TEST_F(ConnectionPolicyTest, LifetimesDiffer) {
  apply({.max_lifetime = seconds(100), .lifetime_jitter_percent = 50},
        {.idle_timeout = seconds(0)});
  constexpr size_t kMany = 16;
  std::vector<std::unique_ptr<TestRequest>> requests;
  for (size_t i = 0; i < kMany; ++i) {
    requests.push_back(std::make_unique<TestRequest>(worker.pool()));
    requests.back()->start();
  }
  for (size_t i = 0; i < kMany; ++i) {
    std::string text;
    ASSERT_TRUE(worker.until([&] { return (text += origin.read(i)).ends_with("\r\n\r\n"); }));
    origin.send(i, kOkAnswer);
  }
  ASSERT_TRUE(worker.until([&] { return worker.pool().idleConnections() == kMany; }));
  worker.dispatcher.advance(seconds(50));
  EXPECT_EQ(worker.pool().openConnections(), kMany);
  worker.dispatcher.advance(seconds(25));
  EXPECT_LT(worker.pool().openConnections(), kMany);
  EXPECT_GT(worker.pool().openConnections(), 0u);
  worker.dispatcher.advance(seconds(26));
  EXPECT_EQ(worker.pool().openConnections(), 0u);
}

TEST_F(ConnectionPolicyTest, SpareConnectionsOfHttp) {
  apply({.preconnect = 2});
  TestRequest first(worker.pool()), second(worker.pool());
  first.start();
  ASSERT_TRUE(worker.until([&] { return worker.pool().idleConnections() == 2; }));
  EXPECT_EQ(worker.pool().openConnections(), 3u);
  second.start();
  EXPECT_EQ(second.told, 1) << "at once";
  ASSERT_TRUE(worker.until([&] { return worker.pool().openConnections() == 4; }));
  answer(0, first);
  worker.dispatcher.advance(seconds(61));
  EXPECT_EQ(worker.pool().openConnections(), 1u) << "at rest none are kept";
}

TEST_F(ConnectionPolicyTest, SpareConnectionsKeepToTheLimits) {
  apply({.preconnect = 5}, {.max_connections = 3});
  TestRequest first(worker.pool());
  first.start();
  worker.run();
  EXPECT_EQ(worker.pool().openConnections(), 3u);
  EXPECT_EQ(process.usage->connections, 3u);
}

TEST_F(ConnectionPolicyTest, SpareConnectionsOfSessions) {
  apply({.preconnect = 1});
  Session first, second;
  ASSERT_TRUE(first.open(worker));
  ASSERT_TRUE(worker.until([&] { return first.connected == 1 && spares().size() == 1; }));
  ASSERT_EQ(origin.accepted(), 2u);
  origin.send(1, "hello");  // speaks first
  worker.run();
  ASSERT_TRUE(second.open(worker));
  EXPECT_EQ(second.connected, 0) << "never from inside";
  ASSERT_TRUE(worker.until([&] { return second.connected == 1; }));
  ASSERT_TRUE(worker.until([&] { return second.text == "hello"; })) << second.text;
  ASSERT_TRUE(worker.until([&] { return spares().size() == 1; })) << "the next is on its way";
  EXPECT_EQ(origin.accepted(), 3u);
  EXPECT_EQ(process.usage->connections, 3u);
  second.connection->connection().output().append("bytes");
  second.connection->connection().outputReady();
  std::string seen;
  EXPECT_TRUE(worker.until([&] { return (seen += origin.read(1)) == "bytes"; })) << seen;
  first.connection.reset();
  second.connection.reset();
  EXPECT_EQ(worker.cluster().host(0).in_flight, 0u);
}

TEST_F(ConnectionPolicyTest, ASpareConnectionThatTheEndpointEndsIsForgotten) {
  apply({.preconnect = 1});
  Session first;
  ASSERT_TRUE(first.open(worker));
  ASSERT_TRUE(worker.until([&] { return spares().size() == 1; }));
  first.connection.reset();
  ASSERT_TRUE(worker.until([&] { return origin.accepted() == 2; }));
  origin.close(0);
  origin.close(1);
  EXPECT_TRUE(worker.until([&] { return spares().size() == 0; }));
  EXPECT_EQ(process.usage->connections, 0u);
}

TEST_F(ConnectionPolicyTest, SpareConnectionsEndUnused) {
  apply({.preconnect = 1}, {.idle_timeout = milliseconds(500)});
  Session first;
  ASSERT_TRUE(first.open(worker));
  ASSERT_TRUE(worker.until([&] { return spares().size() == 1; }));
  worker.dispatcher.advance(milliseconds(600));
  EXPECT_EQ(spares().size(), 0u);
  EXPECT_EQ(process.usage->connections, 1u);
  first.connection.reset();
}

TEST_F(ConnectionPolicyTest, SpareConnectionsMakeRoom) {
  apply({.preconnect = 1}, {.max_connections = 2});
  Session first;
  ASSERT_TRUE(first.open(worker));
  ASSERT_TRUE(worker.until([&] { return spares().size() == 1; }));
  TestRequest request(worker.pool());
  request.start();
  EXPECT_EQ(spares().size(), 0u);
  EXPECT_FALSE(request.queued());
  first.connection.reset();
}

TEST_F(ConnectionPolicyTest, SourceAddress) {
  ConnectionPolicy policy;
  policy.source_ipv4 = *network::Address::parse("127.0.0.77:0");
  policy.source_ipv6 = *network::Address::parse("[::1]:0");
  apply(policy);
  Session session;
  ASSERT_TRUE(session.open(worker));
  ASSERT_TRUE(worker.until([&] { return session.connected == 1; }));
  EXPECT_EQ(session.connection->connection().localAddress().ip(), "127.0.0.77");
  session.connection.reset();
}

TEST_F(ConnectionPolicyTest, ASourceAddressThatIsNotOursIsAFailure) {
  ConnectionPolicy policy;
  policy.source_ipv4 = *network::Address::parse("192.0.2.1:0");
  apply(policy);
  Session session;
  ASSERT_TRUE(session.open(worker));
  ASSERT_TRUE(worker.until([&] { return session.closed == 1; }));
  EXPECT_EQ(process.gauge("cluster_connect_failures_total"), 1);
  session.connection.reset();
}

TEST(KeepAliveTest, IsWhatTheSocketHas) {
  network::ConnectingSocket how;
  how.keep_alive = {.enabled = true, .idle = seconds(7), .interval = seconds(3), .probes = 4};
  int error = 0;
  const base::UniqueFd socket =
      network::openConnectingSocket(*network::Address::parse("127.0.0.1:9"), how, error);
  ASSERT_TRUE(socket.valid());
  const auto option = [&](int level, int name) {
    int value = -1;
    socklen_t length = sizeof value;
    ::getsockopt(socket.get(), level, name, &value, &length);
    return value;
  };
  EXPECT_EQ(option(SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPIDLE), 7);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPINTVL), 3);
  EXPECT_EQ(option(IPPROTO_TCP, TCP_KEEPCNT), 4);
}

}  // namespace
}  // namespace weir::upstream
