#include "source/upstream/cluster.h"

#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "test/upstream/fake_needs.h"
#include "test/upstream/test_cluster.h"
#include "test/upstream/test_request.h"

namespace weir::upstream {
namespace {

network::Address address(const std::string& text) {
  return *network::Address::parse(text);
}

TEST(ClusterSetTest, UpdatesKeepEndpointsThatStay) {
  TestProcess process;
  TestWorker worker(process);
  const auto a = address("127.0.0.1:1"), b = address("127.0.0.1:2"), c = address("127.0.0.1:3");
  worker.clusters.apply({process.config({a, b})});
  const WorkerCluster* cluster = &worker.cluster();
  WorkerEndpoint* stays = &worker.cluster().host(1);
  HttpPool* pool = &stays->httpPool();
  const uint64_t generation = worker.clusters.generation();
  worker.clusters.apply({process.config({b, c})});
  EXPECT_NE(worker.clusters.generation(), generation);
  EXPECT_EQ(&worker.cluster(), cluster);
  EXPECT_EQ(&worker.cluster().host(0), stays);
  EXPECT_EQ(stays->index(), 0u);
  EXPECT_EQ(&stays->httpPool(), pool);
  EXPECT_EQ(worker.cluster().host(1).endpoint().id, "127.0.0.1:3");
}

TEST(ClusterSetTest, ARemovedEndpointLivesAsLongAsItsRequest) {
  TestProcess process;
  TestWorker worker(process);
  const auto a = address("127.0.0.1:1"), b = address("127.0.0.1:2");
  worker.clusters.apply({process.config({a, b})});
  base::LocalRef<WorkerCluster> cluster = worker.clusters.find("c");
  base::LocalRef<WorkerEndpoint> endpoint(&cluster->host(0));
  worker.clusters.apply({process.config({b})});
  EXPECT_EQ(endpoint->index(), WorkerEndpoint::kRemoved);
  EXPECT_EQ(endpoint->address(), a);
  worker.clusters.apply({});
  EXPECT_FALSE(worker.clusters.find("c"));
  EXPECT_EQ(cluster->name(), "c");
  WorkerCluster::release(cluster, endpoint);
  EXPECT_FALSE(cluster);
  EXPECT_FALSE(endpoint);
  worker.run();
}

TEST(ClusterSetTest, AnotherAddressUnderTheSameIdIsAnotherEndpoint) {
  TestProcess process;
  TestWorker worker(process);
  auto first = std::make_shared<ClusterConfig>(*process.config({address("127.0.0.1:1")}));
  auto second = std::make_shared<ClusterConfig>(*first);
  auto moved = std::make_shared<Endpoint>(*first->hosts->hosts[0].endpoint);
  moved->address = address("127.0.0.1:2");
  second->hosts = eligible(2, {{moved, Health::kHealthy}});
  worker.clusters.apply({first});
  base::LocalRef<WorkerEndpoint> before(&worker.cluster().host(0));
  worker.clusters.apply({second});
  EXPECT_NE(&worker.cluster().host(0), before.get());
  EXPECT_EQ(before->index(), WorkerEndpoint::kRemoved);
}

// What tells the transports of two configurations apart is what they were made of.
TEST(ClusterSetTest, IdleConnectionsOfAnotherTransportAreClosed) {
  TestProcess process;
  TestWorker worker(process);
  TestOrigin origin;
  const auto apply = [&](const std::string& identity) {
    auto config = std::make_shared<ClusterConfig>(*process.config({origin.address()}));
    config->transport = std::make_shared<FakeNeeds>(network::TransportNeeds{});
    config->transport_identity = identity;
    worker.clusters.apply({config});
  };
  apply("one");
  keepOneIdle(worker, origin);
  apply("one");
  EXPECT_EQ(worker.pool().idleConnections(), 1u);
  apply("two");
  EXPECT_EQ(worker.pool().openConnections(), 0u);
  EXPECT_TRUE(worker.until([&] { return origin.peerClosed(0); }));
  apply("");
  keepOneIdle(worker, origin);
  apply("");
  EXPECT_EQ(worker.pool().openConnections(), 0u) << "who knows";
  worker.clusters.apply({});
  worker.run();
}

TEST(ClusterSetTest, ConnectionsInUseFinishOnTheirTransport) {
  TestProcess process;
  TestWorker worker(process);
  TestOrigin origin;
  const auto apply = [&] {
    auto config = std::make_shared<ClusterConfig>(*process.config({origin.address()}));
    config->transport = std::make_shared<FakeNeeds>(network::TransportNeeds{});
    worker.clusters.apply({config});
  };
  apply();
  {
    TestRequest busy(worker.pool()), connecting(worker.pool());
    busy.start();
    EXPECT_TRUE(worker.until([&] { return !origin.read(0).empty(); }));
    connecting.start();
    apply();
    origin.send(0, kOkAnswer);
    EXPECT_TRUE(worker.until([&] { return busy.done; }));
    EXPECT_TRUE(worker.until([&] { return origin.peerClosed(0); })) << "not kept";
    EXPECT_TRUE(worker.until([&] { return origin.accepted() == 3; }));
    EXPECT_TRUE(worker.until([&] { return origin.peerClosed(1); })) << "not used at all";
    EXPECT_TRUE(worker.until([&] { return !origin.read(2).empty(); }));
    origin.send(2, kOkAnswer);
    EXPECT_TRUE(worker.until([&] { return connecting.done; }));
  }
  EXPECT_EQ(worker.pool().idleConnections(), 1u);
  worker.clusters.apply({});
  worker.run();
}

// The kernel refuses it to whoever may not: that is a failure to connect, told like any other.
TEST(ClusterSetTest, AnOriginalSourceThatCannotBeBoundIsAConnectFailure) {
  TestProcess process;
  TestWorker worker(process);
  TestOrigin origin;
  auto config = std::make_shared<ClusterConfig>(*process.config({origin.address()}));
  config->original_source = true;
  worker.clusters.apply({config});
  const network::Address source = address("[2001:db8::1]:5000");  // the endpoint speaks IPv4
  {
    TestRequest request(worker.cluster().host(0).httpPool({.source = &source}));
    request.target.source = &source;
    request.start();
    EXPECT_EQ(request.told, 0) << "never from inside";
    EXPECT_TRUE(worker.until([&] { return request.told == 1; }));
    EXPECT_EQ(request.failure, PoolFailure::kConnectFailed);
  }
  EXPECT_EQ(process.gauge("cluster_connect_failures_total"), 1);
  worker.clusters.apply({});
  worker.run();
}

// Four threads take and give back as fast as they can: the limit holds at every moment.
TEST(ClusterUsageTest, TheLimitIsNeverExceeded) {
  ClusterUsage usage;
  std::atomic<uint32_t> most{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 20000; ++i) {
        if (!ClusterUsage::tryAdd(usage.connections, 3)) continue;
        const uint32_t now = usage.connections.load();
        uint32_t seen = most.load();
        while (now > seen && !most.compare_exchange_weak(seen, now)) {
        }
        usage.connections.fetch_sub(1);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_LE(most, 3u);
  EXPECT_EQ(usage.connections, 0u);
}

TEST(ClusterUsageTest, EndpointsAreSharedById) {
  ClusterUsage usage;
  const auto a = usage.endpoint("a");
  EXPECT_EQ(usage.endpoint("a"), a);
  EXPECT_NE(usage.endpoint("b"), a);
  EXPECT_EQ(usage.findEndpoint("a"), a);
  EXPECT_EQ(usage.findEndpoint("b"), nullptr) << "nobody holds it";
  EXPECT_EQ(usage.findEndpoint("c"), nullptr);
}

}  // namespace
}  // namespace weir::upstream
