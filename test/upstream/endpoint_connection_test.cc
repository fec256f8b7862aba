#include "source/upstream/endpoint_connection.h"

#include <memory>
#include <optional>
#include <string>

#include "gtest/gtest.h"

#include "test/upstream/listening_balancer.h"
#include "test/upstream/test_cluster.h"

namespace weir::upstream {
namespace {

using std::chrono::milliseconds;

// Notes what it is told; destroys its connection where a test asks for it.
class Owner final : public EndpointConnection::Handler {
 public:
  bool open(TestWorker& worker, uint32_t host = 0) {
    WorkerCluster::Choice choice{.kind = Pick::Kind::kEndpoint,
                                 .cluster = worker.clusters.find("c")};
    choice.endpoint = base::LocalRef<WorkerEndpoint>(&worker.cluster().host(host));
    choice.slot = RequestSlot::take(*choice.endpoint, false, RequestSlot::Quota::kNone);
    connection = EndpointConnection::open(choice, {}, *this);
    return connection != nullptr;
  }
  void send(const std::string& text) {
    connection->connection().output().append(text);
    connection->connection().outputReady();
  }

  void onConnected() override {
    ++connected;
    if (goes_when_connected) connection.reset();
  }
  void onData(buffer::Buffer& data, bool end_stream) override {
    text += data.toString();
    data.clear();
    ended |= end_stream;
    if (goes_with_data) connection.reset();
  }
  void onClose(network::CloseReason why) override {
    ++closed;
    reason = why;
    if (goes_when_closed) connection.reset();
  }

  std::unique_ptr<EndpointConnection> connection;
  int connected = 0;
  int closed = 0;
  bool ended = false;
  bool goes_when_connected = false;
  bool goes_with_data = false;
  bool goes_when_closed = true;
  std::string text;
  std::optional<network::CloseReason> reason;
};

class EndpointConnectionTest : public testing::Test {
 protected:
  // After every test: nothing is open or counted any more.
  void TearDown() override {
    worker.run();
    EXPECT_EQ(process.usage->connections, 0u);
    EXPECT_EQ(process.gauge("cluster_active_connections"), 0);
    if (worker.clusters.find("c")) {
      EXPECT_EQ(worker.cluster().host(0).in_flight, 0u);
      EXPECT_EQ(worker.cluster().host(0).usage().connections, 0u);
    }
    worker.clusters.apply({});
    worker.run();
    EXPECT_EQ(worker.io.connections(), 0u);
  }
  void apply(const ClusterOptions& options = {}) {
    worker.clusters.apply({process.config({origin.address()}, options)});
  }
  int64_t counter(const std::string& name) { return process.gauge(name); }
  void connect(Owner& owner) {
    ASSERT_TRUE(owner.open(worker));
    ASSERT_TRUE(worker.until([&] { return owner.connected == 1; }));
  }

  TestProcess process;
  TestWorker worker{process};
  TestOrigin origin;
};

TEST_F(EndpointConnectionTest, CarriesBytesBothWaysAndCountsThem) {
  apply();
  Owner owner;
  ASSERT_TRUE(owner.open(worker));
  EXPECT_EQ(owner.connected, 0) << "never from inside";
  EXPECT_EQ(worker.cluster().host(0).in_flight, 1u);
  EXPECT_EQ(process.usage->connections, 1u);
  owner.send("early ");  // waits until it is up
  ASSERT_TRUE(worker.until([&] { return owner.connected == 1; }));
  owner.send("bytes");
  std::string seen;
  EXPECT_TRUE(worker.until([&] { return (seen += origin.read(0)) == "early bytes"; })) << seen;
  origin.send(0, "answer");
  EXPECT_TRUE(worker.until([&] { return owner.text == "answer"; }));
  EXPECT_EQ(counter("cluster_bytes_received_total"), 6);
  owner.connection->countBytes();
  EXPECT_EQ(counter("cluster_bytes_sent_total"), 11);
  owner.connection.reset();
  EXPECT_TRUE(worker.until([&] { return origin.peerClosed(0); }));
  EXPECT_EQ(owner.closed, 0) << "the owner knows";
  EXPECT_EQ(counter("cluster_connections_total"), 1);
  EXPECT_EQ(counter("cluster_bytes_sent_total"), 11) << "each byte once";
  EXPECT_EQ(counter("cluster_connect_failures_total"), 0);
}

TEST_F(EndpointConnectionTest, TheBalancerHearsHowConnectingWent) {
  std::vector<Report> reports;
  ClusterOptions options;
  options.load_balancer = std::make_shared<Listening>(reports);
  apply(options);
  Owner owner;
  connect(owner);
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_TRUE(reports[0].success);
  origin.close(0, /*reset=*/true);
  EXPECT_TRUE(worker.until([&] { return owner.closed == 1; }));
  EXPECT_EQ(reports.size(), 1u) << "what comes later is not about connecting";
  origin.kill();
  Owner late;
  ASSERT_TRUE(late.open(worker));
  EXPECT_TRUE(worker.until([&] { return late.closed == 1; }));
  ASSERT_EQ(reports.size(), 2u);
  EXPECT_FALSE(reports[1].success);
  worker.clusters.apply({});  // the balancer goes before what it reports to
}

TEST_F(EndpointConnectionTest, TellsOfTheEndOnceAndCountsNoMore) {
  apply();
  Owner owner;
  owner.goes_when_closed = false;
  connect(owner);
  origin.close(0, /*reset=*/true);
  EXPECT_TRUE(worker.until([&] { return owner.closed == 1; }));
  EXPECT_EQ(owner.reason, network::CloseReason::kReset);
  EXPECT_EQ(counter("cluster_resets_total"), 1);
  EXPECT_EQ(process.usage->connections, 0u) << "although the owner still has it";
  EXPECT_EQ(worker.cluster().host(0).in_flight, 0u);
  owner.connection.reset();
  worker.run();
  EXPECT_EQ(owner.closed, 1);
}

TEST_F(EndpointConnectionTest, AnOrderlyEndOfThePeerLeavesTheOtherDirectionOpen) {
  apply();
  Owner owner;
  connect(owner);
  origin.send(0, "last");
  origin.endSending(0);
  EXPECT_TRUE(worker.until([&] { return owner.ended; }));
  EXPECT_EQ(owner.text, "last");
  owner.send("still heard");
  std::string seen;
  EXPECT_TRUE(worker.until([&] { return (seen += origin.read(0)) == "still heard"; }));
  owner.connection->connection().outputReady(/*end_stream=*/true);
  EXPECT_TRUE(worker.until([&] { return owner.closed == 1; }));
  EXPECT_EQ(owner.reason, network::CloseReason::kRemote);
  EXPECT_EQ(counter("cluster_resets_total"), 0);
}

TEST_F(EndpointConnectionTest, MayBeDestroyedInsideEachOfItsCalls) {
  apply();
  Owner connected, data, closed;
  connected.goes_when_connected = true;
  ASSERT_TRUE(connected.open(worker));
  EXPECT_TRUE(worker.until([&] { return connected.connected == 1; }));
  EXPECT_EQ(connected.connection, nullptr);
  data.goes_with_data = true;
  connect(data);
  origin.send(1, "x");
  EXPECT_TRUE(worker.until([&] { return data.connection == nullptr; }));
  connect(closed);
  origin.close(2);
  EXPECT_TRUE(worker.until([&] { return closed.ended; }));
  closed.connection->connection().close(network::CloseMode::kNow);
  EXPECT_TRUE(worker.until([&] { return closed.connection == nullptr; }));
  EXPECT_EQ(closed.reason, network::CloseReason::kLocal);
  EXPECT_EQ(connected.closed + data.closed, 0);
}

TEST_F(EndpointConnectionTest, ARefusedConnectionIsAFailure) {
  apply();
  origin.kill();
  Owner owner;
  ASSERT_TRUE(owner.open(worker));
  EXPECT_EQ(owner.closed, 0) << "never from inside";
  EXPECT_TRUE(worker.until([&] { return owner.closed == 1; }));
  EXPECT_EQ(owner.reason, network::CloseReason::kConnectFailed);
  EXPECT_EQ(counter("cluster_connect_failures_total"), 1);
  EXPECT_EQ(counter("cluster_connect_timeouts_total"), 0);
  EXPECT_EQ(counter("cluster_resets_total"), 0);
}

// Nobody takes connections off the queue of a listener whose queue is full.
TEST_F(EndpointConnectionTest, OneThatDoesNotComeUpInTimeIsATimeout) {
  FullOrigin full;
  worker.clusters.apply({process.config({full.address()}, {.connect_timeout = milliseconds(50)})});
  Owner owner;
  ASSERT_TRUE(owner.open(worker));
  worker.dispatcher.advance(milliseconds(60));
  EXPECT_EQ(owner.closed, 1);
  EXPECT_EQ(owner.reason, network::CloseReason::kConnectTimeout);
  EXPECT_EQ(counter("cluster_connect_timeouts_total"), 1);
  EXPECT_EQ(counter("cluster_connect_failures_total"), 0);
}

TEST_F(EndpointConnectionTest, GivingUpWhileConnectingIsNoFailure) {
  FullOrigin full;
  worker.clusters.apply({process.config({full.address()})});
  Owner owner;
  ASSERT_TRUE(owner.open(worker));
  worker.run();
  owner.connection.reset();
  worker.run();
  EXPECT_EQ(owner.closed, 0);
  EXPECT_EQ(counter("cluster_connect_failures_total"), 0);
}

TEST_F(EndpointConnectionTest, LimitsOfClusterAndEndpointRefuseAtOnce) {
  apply({.max_connections = 1});
  Owner first, second;
  connect(first);
  EXPECT_FALSE(second.open(worker));
  EXPECT_EQ(worker.cluster().host(0).in_flight, 1u);
  apply({.endpoint_max_connections = 1});
  EXPECT_FALSE(second.open(worker));
  EXPECT_EQ(worker.cluster().host(0).in_flight, 1u);
  first.connection.reset();
  EXPECT_TRUE(second.open(worker)) << "room at once";
}

TEST_F(EndpointConnectionTest, IdlePooledConnectionsMakeRoom) {
  for (const ClusterOptions& options :
       {ClusterOptions{.max_connections = 1}, ClusterOptions{.endpoint_max_connections = 1}}) {
    apply(options);
    const size_t before = origin.accepted();
    keepOneIdle(worker, origin);
    ASSERT_EQ(worker.pool().idleConnections(), 1u);
    Owner owner;
    EXPECT_TRUE(owner.open(worker));
    EXPECT_EQ(worker.pool().openConnections(), 0u);
    EXPECT_TRUE(worker.until([&] { return owner.connected == 1; }));
    EXPECT_TRUE(origin.peerClosed(before));
  }
  EXPECT_EQ(counter("cluster_overflow_total"), 0);
}

TEST_F(EndpointConnectionTest, OtherWorkersAreAskedForRoom) {
  TestWorker other(process, 1);
  const auto config = process.config({origin.address()}, {.max_connections = 1});
  worker.clusters.apply({config});
  other.clusters.apply({config});
  keepOneIdle(other, origin);
  Owner owner;
  EXPECT_FALSE(owner.open(worker)) << "it takes them a moment";
  other.run();
  EXPECT_TRUE(owner.open(worker));
  owner.connection.reset();
  other.clusters.apply({});
  other.run();
}

TEST_F(EndpointConnectionTest, OutlivesItsEndpointAndItsCluster) {
  apply();
  Owner owner;
  connect(owner);
  const network::Address nowhere = *network::Address::parse("127.0.0.1:9");
  worker.clusters.apply({process.config({nowhere})});
  EXPECT_EQ(owner.connection->endpoint().index(), WorkerEndpoint::kRemoved);
  worker.clusters.apply({});
  worker.run();
  origin.send(0, "on");
  EXPECT_TRUE(worker.until([&] { return owner.text == "on"; }));
  EXPECT_EQ(owner.connection->cluster().name(), "c");
}

}  // namespace
}  // namespace weir::upstream
