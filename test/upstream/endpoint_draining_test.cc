// What becomes of what runs at an endpoint that gets nothing new, on one worker.

#include <chrono>
#include <deque>
#include <memory>
#include <string>
#include <utility>

#include "gtest/gtest.h"

#include "source/upstream/endpoint_connection.h"
#include "test/upstream/fake_needs.h"
#include "test/upstream/host_list.h"
#include "test/upstream/test_cluster.h"
#include "test/upstream/test_http2_origin.h"
#include "test/upstream/test_request.h"

namespace weir::upstream {
namespace {

using std::chrono::milliseconds;

constexpr milliseconds kTimeout{5'000};
// A timer of the wheel is at most so late.
constexpr milliseconds kLate{30};

// Notes the end of an L4 connection.
class Owner final : public EndpointConnection::Handler {
 public:
  bool open(TestWorker& worker) {
    WorkerCluster::Choice choice{.kind = Pick::Kind::kEndpoint,
                                 .cluster = worker.clusters.find("c")};
    choice.endpoint = base::LocalRef<WorkerEndpoint>(&worker.cluster().host(0));
    choice.slot = RequestSlot::take(*choice.endpoint, false, RequestSlot::Quota::kNone);
    connection = EndpointConnection::open(choice, {}, *this);
    return connection != nullptr;
  }
  void onConnected() override { connected = true; }
  void onData(buffer::Buffer& data, bool) override { data.clear(); }
  void onClose(network::CloseReason) override {
    closed = true;
    broken_off = connection->brokenOff();
    connection.reset();
  }

  std::unique_ptr<EndpointConnection> connection;
  bool connected = false;
  bool closed = false;
  std::string broken_off;
};

class EndpointDrainingTest : public testing::Test {
 protected:
  void TearDown() override {
    requests.clear();
    worker.clusters.apply({});
    worker.run();
    EXPECT_EQ(process.usage->connections, 0u);
    EXPECT_EQ(process.usage->pending, 0u);
    EXPECT_EQ(process.gauge("cluster_active_connections"), 0);
    EXPECT_EQ(worker.io.connections(), 0u);
  }
  void apply(ClusterOptions options = {}) {
    options.drain.timeout = kTimeout;
    options_ = options;
    worker.clusters.apply({process.config({origin.address()}, options)});
  }
  // The endpoint's state, as the main thread would publish it now; and of others beside it.
  void set(Health health, HostList others = {}) {
    std::vector<HostSet::Host> hosts{
        {worker.clusters.find("c")->config().hosts->hosts[0].endpoint, health}};
    if (health == Health::kUnhealthy || health >= Health::kDraining) {
      hosts[0].out_since = worker.dispatcher.now();
    }
    // With those the cluster does not panic.
    for (int i = 0; i < 3; ++i) {
      others.add({.address = *network::Address::parse("127.0.0.1:" + std::to_string(i + 1))});
    }
    hosts.insert(hosts.end(), others.list().begin(), others.list().end());
    worker.clusters.updateHosts("c", eligible(++version_, std::move(hosts)));
  }
  void remove() {
    HostList others;
    others.add({.id = "other", .address = *network::Address::parse("127.0.0.1:1")});
    worker.clusters.updateHosts("c", eligible(++version_, others.list()));
  }
  TestRequest& start() {
    requests.emplace_back(worker.pool());
    requests.back().start();
    return requests.back();
  }
  // Begins a request that the endpoint has, and does not answer.
  TestRequest& begin() {
    const size_t number = origin.accepted();
    TestRequest& request = start();
    EXPECT_TRUE(worker.until([&] { return !origin.read(number).empty(); }));
    return request;
  }
  uint32_t brokenConnections() { return usage()->broken_connections; }
  uint32_t brokenRequests() { return usage()->broken_requests; }
  std::shared_ptr<EndpointUsage> usage() {
    if (usage_ == nullptr) usage_ = process.usage->endpoint(origin.address().toString());
    return usage_;
  }

  TestProcess process;
  TestWorker worker{process};
  TestOrigin origin;
  std::deque<TestRequest> requests;
  ClusterOptions options_;
  uint64_t version_ = 1;
  std::shared_ptr<EndpointUsage> usage_;
};

TEST_F(EndpointDrainingTest, IdleConnectionsCloseAtOnceAndBusyOnesAfterTheirRequest) {
  apply();
  TestRequest& busy = begin();
  TestRequest& other = begin();
  origin.send(1, kOkAnswer);
  ASSERT_TRUE(worker.until([&] { return other.done; }));
  ASSERT_EQ(worker.pool().idleConnections(), 1u);
  set(Health::kDraining);
  EXPECT_TRUE(worker.cluster().host(0).draining());
  EXPECT_TRUE(worker.until([&] { return origin.peerClosed(1); }));
  EXPECT_EQ(worker.pool().openConnections(), 1u);
  worker.dispatcher.advance(kTimeout - kLate);
  origin.send(0, kOkAnswer);
  EXPECT_TRUE(worker.until([&] { return busy.done; }));
  EXPECT_TRUE(worker.until([&] { return origin.peerClosed(0); }));
  EXPECT_EQ(brokenConnections(), 0u);
  EXPECT_EQ(busy.resets, 0);
}

TEST_F(EndpointDrainingTest, WhatStillRunsIsBrokenOffWhenTheTimeIsOver) {
  for (const Health health : {Health::kDraining, Health::kDisabled, Health::kUnhealthy}) {
    apply();
    set(Health::kHealthy);
    const uint32_t before = brokenConnections();
    const size_t number = origin.accepted();
    TestRequest& request = begin();
    set(health);
    worker.dispatcher.advance(kTimeout - kLate);
    EXPECT_EQ(request.resets, 0);
    EXPECT_FALSE(worker.cluster().host(0).drainOver());
    worker.dispatcher.advance(2 * kLate);
    EXPECT_EQ(request.resets, 1);
    EXPECT_EQ(request.error.reason, http::ErrorReason::kConnectionReset);
    EXPECT_EQ(request.error.detail(),
              health == Health::kUnhealthy ? "endpoint_down" : "endpoint_drained");
    EXPECT_TRUE(worker.cluster().host(0).drainOver());
    EXPECT_TRUE(worker.until([&] { return origin.peerClosed(number); }));
    EXPECT_EQ(brokenConnections(), before + 1);
    EXPECT_EQ(worker.pool().openConnections(), 0u);
  }
}

TEST_F(EndpointDrainingTest, OneThatIsFitAgainInTimeIsLeftAlone) {
  apply();
  TestRequest& request = begin();
  set(Health::kDraining);
  worker.dispatcher.advance(kTimeout - kLate);
  set(Health::kHealthy);
  EXPECT_FALSE(worker.cluster().host(0).draining());
  worker.dispatcher.advance(2 * kTimeout);
  EXPECT_EQ(request.resets, 0);
  origin.send(0, kOkAnswer);
  EXPECT_TRUE(worker.until([&] { return request.done; }));
  // New connections are kept again.
  TestRequest& next = begin();
  origin.send(1, kOkAnswer);
  EXPECT_TRUE(worker.until([&] { return next.done; }));
  EXPECT_EQ(worker.pool().idleConnections(), 1u);
}

TEST_F(EndpointDrainingTest, AnotherHostSetDoesNotBeginTheTimeAnew) {
  apply();
  TestRequest& request = begin();
  set(Health::kDraining);
  const event::MonotonicTime since = worker.cluster().hosts().hosts[0].out_since;
  worker.dispatcher.advance(kTimeout / 2);
  std::vector<HostSet::Host> hosts = worker.cluster().hosts().hosts;
  worker.clusters.updateHosts("c", eligible(++version_, hosts));
  EXPECT_EQ(worker.cluster().hosts().hosts[0].out_since, since);
  worker.dispatcher.advance(kTimeout / 2 + kLate);
  EXPECT_EQ(request.resets, 1);
}

TEST_F(EndpointDrainingTest, AnotherTimeoutCountsFromTheBeginning) {
  apply();
  TestRequest& request = begin();
  set(Health::kDraining);
  const std::shared_ptr<const HostSet> hosts = std::make_shared<HostSet>(worker.cluster().hosts());
  worker.dispatcher.advance(kTimeout / 2);
  ClusterOptions options = options_;
  options.drain.timeout = 2 * kTimeout;
  worker.clusters.apply({process.config({origin.address()}, options)}, {hosts});
  worker.dispatcher.advance(kTimeout);
  EXPECT_EQ(request.resets, 0);
  options.drain.timeout = milliseconds(0);
  worker.clusters.apply({process.config({origin.address()}, options)}, {hosts});
  EXPECT_EQ(request.resets, 0) << "not while configurations change hands";
  worker.dispatcher.advance(kLate);
  EXPECT_EQ(request.resets, 1);
}

TEST_F(EndpointDrainingTest, WhatRunsAtOneThatIsDownIsClosedAtOnceIfWanted) {
  ClusterOptions options;
  options.drain.on_unhealthy = DrainPolicy::OnUnhealthy::kClose;
  apply(options);
  TestRequest& request = begin();
  set(Health::kUnhealthy);
  EXPECT_EQ(request.resets, 0) << "not while host sets change hands";
  worker.dispatcher.advance(kLate);
  EXPECT_EQ(request.resets, 1);
  EXPECT_EQ(request.error.detail(), "endpoint_down");
  set(Health::kHealthy);
  TestRequest& draining = begin();
  set(Health::kDraining);
  worker.dispatcher.advance(kTimeout - kLate);
  EXPECT_EQ(draining.resets, 0) << "that is about those that are down";
}

TEST_F(EndpointDrainingTest, WhatRunsAtOneThatIsDownGoesOnIfWanted) {
  ClusterOptions options;
  options.drain.on_unhealthy = DrainPolicy::OnUnhealthy::kKeep;
  apply(options);
  TestRequest& request = begin();
  set(Health::kUnhealthy);
  worker.dispatcher.advance(10 * kTimeout);
  EXPECT_EQ(request.resets, 0);
  EXPECT_FALSE(worker.cluster().host(0).draining());
}

TEST_F(EndpointDrainingTest, InPanicOneThatIsDownServes) {
  ClusterOptions options;
  options.drain.on_unhealthy = DrainPolicy::OnUnhealthy::kClose;
  apply(options);
  TestRequest& request = begin();
  std::vector<HostSet::Host> hosts = worker.cluster().hosts().hosts;
  hosts[0].health = Health::kUnhealthy;
  hosts[0].out_since = worker.dispatcher.now();
  worker.clusters.updateHosts("c", eligible(++version_, hosts));
  ASSERT_TRUE(worker.cluster().hosts().groups.at(0).panic);
  worker.dispatcher.advance(10 * kTimeout);
  EXPECT_EQ(request.resets, 0);
}

TEST_F(EndpointDrainingTest, OneThatWasRemovedHasItsTimeAsWell) {
  apply();
  TestRequest& request = begin();
  const base::LocalRef<WorkerEndpoint> endpoint(&worker.cluster().host(0));
  remove();
  EXPECT_TRUE(endpoint->gone());
  EXPECT_TRUE(endpoint->draining());
  worker.dispatcher.advance(kTimeout - kLate);
  EXPECT_EQ(request.resets, 0);
  worker.dispatcher.advance(2 * kLate);
  EXPECT_EQ(request.resets, 1);
  EXPECT_EQ(request.error.detail(), "endpoint_drained");
}

TEST_F(EndpointDrainingTest, OneThatComesBackInTimeIsTheSame) {
  apply();
  TestRequest& request = begin();
  const base::LocalRef<WorkerEndpoint> endpoint(&worker.cluster().host(0));
  remove();
  worker.dispatcher.advance(kTimeout / 2);
  set(Health::kHealthy);
  EXPECT_EQ(&worker.cluster().host(0), endpoint.get());
  EXPECT_FALSE(endpoint->gone());
  EXPECT_EQ(endpoint->index(), 0u);
  worker.dispatcher.advance(2 * kTimeout);
  EXPECT_EQ(request.resets, 0);
  // And once more, with another in its place: that is somebody else.
  remove();
  HostList others;
  others.add({.id = endpoint->endpoint().id, .address = *network::Address::parse("127.0.0.1:9")});
  worker.clusters.updateHosts("c", eligible(++version_, others.list()));
  EXPECT_NE(&worker.cluster().host(0), endpoint.get());
  worker.dispatcher.advance(kTimeout + kLate);
  EXPECT_EQ(request.resets, 1);
}

TEST_F(EndpointDrainingTest, AClusterThatWasRemovedGivesItsEndpointsTheirTime) {
  apply();
  TestRequest& request = begin();
  base::LocalRef<WorkerCluster> cluster = worker.clusters.find("c");
  base::LocalRef<WorkerEndpoint> endpoint(&cluster->host(0));
  worker.clusters.apply({});
  worker.dispatcher.advance(kTimeout - kLate);
  EXPECT_EQ(request.resets, 0);
  worker.dispatcher.advance(2 * kLate);
  EXPECT_EQ(request.resets, 1);
  requests.clear();
  WorkerCluster::release(cluster, endpoint);
}

TEST_F(EndpointDrainingTest, ARequestMayBeSentAgainFromInside) {
  apply();
  TestRequest& request = begin();
  HttpPool& pool = worker.pool();
  TestRequest* again = nullptr;
  request.on_failure = [&] {
    requests.emplace_back(pool);
    again = &requests.back();
    again->start();
  };
  set(Health::kDraining);
  worker.dispatcher.advance(kTimeout + kLate);
  ASSERT_NE(again, nullptr);
  EXPECT_TRUE(worker.until([&] { return !origin.read(1).empty(); }));
  EXPECT_EQ(again->resets, 0);
  origin.send(1, kOkAnswer);
  EXPECT_TRUE(worker.until([&] { return again->done; }));
}

TEST_F(EndpointDrainingTest, ARequestMayEndOthersFromInside) {
  apply();
  begin();
  begin();
  begin();
  int told = 0;
  for (TestRequest& request : requests) {
    request.on_failure = [&] {
      if (++told > 1) return;
      for (TestRequest& other : requests) {
        if (other.resets == 0) std::exchange(other.encoder, nullptr)->reset();
      }
    };
  }
  set(Health::kDraining);
  worker.dispatcher.advance(kTimeout + kLate);
  worker.run();
  EXPECT_EQ(told, 1);
  EXPECT_EQ(worker.pool().openConnections(), 0u);
}

TEST_F(EndpointDrainingTest, StreamsOfOneConnectionEndTogether) {
  ClusterOptions options;
  options.http_protocol = HttpProtocol::kHttp2;
  apply(options);
  TestHttp2Origin peer(origin);
  TestRequest& first = start();
  TestRequest& second = start();
  ASSERT_TRUE(worker.until([&] {
    peer.pump();
    return peer.connections() == 1 && peer.open(0).size() == 2;
  }));
  set(Health::kDraining);
  worker.dispatcher.advance(kTimeout + kLate);
  for (const TestRequest* request : {&first, &second}) {
    EXPECT_EQ(request->resets, 1);
    EXPECT_EQ(request->error.detail(), "endpoint_drained");
  }
  EXPECT_EQ(brokenConnections(), 1u);
  EXPECT_EQ(brokenRequests(), 2u);
  EXPECT_TRUE(worker.until([&] {
    peer.pump();
    return peer.goaway(0) && origin.peerClosed(0);
  }));
}

TEST_F(EndpointDrainingTest, ADrainingHttp2ConnectionGetsNoNewStreams) {
  ClusterOptions options;
  options.http_protocol = HttpProtocol::kHttp2;
  apply(options);
  TestHttp2Origin peer(origin);
  TestRequest& first = start();
  ASSERT_TRUE(worker.until([&] { return peer.connections() == 1 && peer.open(0).size() == 1; }));
  set(Health::kDraining);
  TestRequest& bound = start();  // of a client that belongs to it
  ASSERT_TRUE(worker.until([&] { return peer.connections() == 2 && peer.open(1).size() == 1; }));
  peer.answerAll();
  EXPECT_TRUE(worker.until([&] {
    peer.pump();
    return first.done && bound.done && origin.peerClosed(0) && origin.peerClosed(1);
  }));
}

TEST_F(EndpointDrainingTest, WhoWaitsForAConnectionChoosesAgain) {
  const FullOrigin full;
  options_.drain.timeout = kTimeout;
  options_.connect_timeout = milliseconds(60'000);
  worker.clusters.apply({process.config({full.address()}, options_)});
  TestRequest& request = start();
  worker.run();
  ASSERT_EQ(worker.pool().openConnections(), 1u);
  set(Health::kDraining);
  worker.dispatcher.advance(kTimeout + kLate);
  EXPECT_EQ(request.told, 0) << "nothing has failed";
  EXPECT_EQ(process.gauge("cluster_connect_failures_total"), 0);
  EXPECT_TRUE(request.waits());
}

TEST_F(EndpointDrainingTest, PoolsOfClientsEndLikewise) {
  auto config = std::make_shared<ClusterConfig>(*process.config({origin.address()}));
  config->transport = std::make_shared<FakeNeeds>(network::TransportNeeds{.server_name = true});
  config->drain.timeout = kTimeout;
  worker.clusters.apply({config});
  WorkerEndpoint& endpoint = worker.cluster().host(0);
  for (const char* name : {"a.example", "b.example"}) {
    const network::TransportTarget target{.server_name = name};
    const size_t number = origin.accepted();
    requests.emplace_back(worker.cluster(),
                          [&endpoint, target]() -> HttpPool& { return endpoint.httpPool(target); });
    requests.back().target = target;
    requests.back().start();
    ASSERT_TRUE(worker.until([&] { return !origin.read(number).empty(); }));
  }
  set(Health::kDraining);
  worker.dispatcher.advance(kTimeout + kLate);
  for (const TestRequest& request : requests) EXPECT_EQ(request.resets, 1);
  worker.run();
  EXPECT_EQ(endpoint.openConnections(), 0u);
  EXPECT_EQ(brokenConnections(), 2u);
}

TEST_F(EndpointDrainingTest, L4ConnectionsAreBrokenOff) {
  apply();
  Owner owner, early;
  ASSERT_TRUE(owner.open(worker));
  ASSERT_TRUE(early.open(worker));
  ASSERT_TRUE(worker.until([&] { return owner.connected && early.connected; }));
  set(Health::kDraining);
  worker.dispatcher.advance(kTimeout - kLate);
  EXPECT_FALSE(owner.closed);
  early.connection.reset();
  worker.dispatcher.advance(2 * kLate);
  EXPECT_TRUE(worker.until([&] { return owner.closed; }));
  EXPECT_EQ(owner.broken_off, "endpoint_drained");
  EXPECT_FALSE(early.closed);
  EXPECT_EQ(brokenConnections(), 1u);
}

TEST_F(EndpointDrainingTest, SpareConnectionsCloseAtOnce) {
  ClusterOptions options;
  options.connections.preconnect = 2;
  apply(options);
  Owner owner;
  ASSERT_TRUE(owner.open(worker));
  ASSERT_TRUE(worker.until([&] { return origin.accepted() == 3 && owner.connected; }));
  EXPECT_EQ(worker.cluster().host(0).connections, 3u);
  set(Health::kDraining);
  worker.run();
  EXPECT_EQ(worker.cluster().host(0).connections, 1u);
  owner.connection.reset();
}

TEST_F(EndpointDrainingTest, AWorkerThatComesLateKnowsTheTime) {
  apply();
  set(Health::kDraining);
  const std::vector<HostSet::Host> hosts = worker.cluster().hosts().hosts;
  TestWorker late(process, 1);
  late.dispatcher.advance(kTimeout / 2);
  late.clusters.apply({process.config({origin.address()}, options_)},
                      {eligible(++version_, hosts)});
  EXPECT_TRUE(late.cluster().host(0).draining());
  EXPECT_FALSE(late.cluster().host(0).drainOver());
  late.dispatcher.advance(kTimeout / 2 + kLate);
  EXPECT_TRUE(late.cluster().host(0).drainOver());
  late.clusters.apply({});
  late.run();
}

}  // namespace
}  // namespace weir::upstream
