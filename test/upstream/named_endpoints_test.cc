#include "source/upstream/named_endpoints.h"

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "source/upstream/endpoint_connection.h"
#include "test/upstream/test_cluster.h"
#include "test/upstream/test_request.h"

namespace weir::upstream {
namespace {

network::Address address(const std::string& text) {
  return *network::Address::parse(text);
}

// Names what the client wanted.
class FakeSource final : public EndpointSource {
 public:
  explicit FakeSource(uint32_t most) : most_(most) {}
  Named name(const PickContext& context) const override {
    if (context.original_destination == nullptr) return {{}, "nowhere_to_go"};
    return {*context.original_destination, {}};
  }
  uint32_t maxEndpoints() const override { return most_; }

 private:
  const uint32_t most_;
};

class NamedEndpointsTest : public testing::Test {
 protected:
  void TearDown() override {
    worker.clusters.apply({});
    worker.run();
    EXPECT_EQ(process.usage->connections, 0u);
    EXPECT_EQ(worker.io.connections(), 0u);
  }
  void apply(uint32_t most) {
    auto config = std::make_shared<ClusterConfig>(*process.config({}));
    config->endpoint_source = std::make_shared<FakeSource>(most);
    worker.clusters.apply({config});
  }
  WorkerCluster::Choice choose(const network::Address& destination) {
    PickContext context;
    context.original_destination = &destination;
    return worker.cluster().choose(context);
  }
  // A whole exchange with `origin`, which leaves an idle connection.
  void exchange(TestOrigin& origin) {
    const WorkerCluster::Choice choice = choose(origin.address());
    ASSERT_EQ(choice.kind, Pick::Kind::kEndpoint);
    const size_t number = origin.accepted();
    TestRequest request(choice.endpoint->httpPool());
    request.start();
    std::string head;
    EXPECT_TRUE(worker.until([&] { return (head += origin.read(number)).ends_with("\r\n\r\n"); }));
    origin.send(number, kOkAnswer);
    EXPECT_TRUE(worker.until([&] { return request.done; }));
  }

  TestProcess process;
  TestWorker worker{process};
};

TEST_F(NamedEndpointsTest, TheSameAddressIsTheSameEndpoint) {
  apply(10);
  const auto a = choose(address("10.0.0.1:80"));
  ASSERT_EQ(a.kind, Pick::Kind::kEndpoint);
  EXPECT_EQ(a.endpoint->address(), address("10.0.0.1:80"));
  EXPECT_EQ(a.endpoint->endpoint().id, "10.0.0.1:80");
  EXPECT_EQ(a.endpoint->index(), WorkerEndpoint::kRemoved) << "it is in no host set";
  EXPECT_FALSE(a.endpoint->gone());
  EXPECT_EQ(choose(address("10.0.0.1:80")).endpoint.get(), a.endpoint.get());
  EXPECT_NE(choose(address("10.0.0.1:81")).endpoint.get(), a.endpoint.get());
  EXPECT_NE(choose(address("[::1]:80")).endpoint.get(), a.endpoint.get());
}

TEST_F(NamedEndpointsTest, TheSourcesReasonIsTheFailures) {
  apply(10);
  const auto choice = worker.cluster().choose({});
  EXPECT_EQ(choice.kind, Pick::Kind::kFailure);
  EXPECT_EQ(choice.reason, "nowhere_to_go");
}

TEST_F(NamedEndpointsTest, UnusedOnesGoFirstThenIdleOnesInUseNever) {
  apply(3);
  TestOrigin idle, busy;
  exchange(idle);
  auto in_use = choose(busy.address()).endpoint;
  ++in_use->in_flight;
  const auto unused = choose(address("10.0.0.1:80")).endpoint;
  ASSERT_EQ(choose(address("10.0.0.2:80")).kind, Pick::Kind::kEndpoint);
  EXPECT_TRUE(unused->gone());
  EXPECT_FALSE(in_use->gone());
  EXPECT_FALSE(idle.peerClosed(0));
  auto next = choose(address("10.0.0.2:80")).endpoint;
  ++next->in_flight;
  const auto last = choose(address("10.0.0.3:80")).endpoint;
  ASSERT_TRUE(last);
  EXPECT_TRUE(worker.until([&] { return idle.peerClosed(0); }));
  ++last->in_flight;
  const auto none = choose(address("10.0.0.4:80"));
  EXPECT_EQ(none.kind, Pick::Kind::kFailure);
  EXPECT_EQ(none.reason, "too_many_endpoints_in_use");
  EXPECT_EQ(choose(busy.address()).endpoint.get(), in_use.get()) << "those known still work";
  for (auto* endpoint : {in_use.get(), next.get(), last.get()}) --endpoint->in_flight;
  EXPECT_EQ(choose(address("10.0.0.4:80")).kind, Pick::Kind::kEndpoint);
}

TEST_F(NamedEndpointsTest, OfEqualsTheOneUnusedForLongestGoes) {
  apply(2);
  const auto a = choose(address("10.0.0.1:80")).endpoint;
  const auto b = choose(address("10.0.0.2:80")).endpoint;
  choose(address("10.0.0.1:80"));
  choose(address("10.0.0.3:80"));
  EXPECT_FALSE(a->gone());
  EXPECT_TRUE(b->gone());
}

TEST_F(NamedEndpointsTest, ManyNamesStayWithinTheBound) {
  apply(16);
  for (int i = 0; i < 2000; ++i) {
    const std::string text = "10.0." + std::to_string(i / 250) + "." + std::to_string(i % 250 + 1);
    ASSERT_EQ(choose(address(text + ":80")).kind, Pick::Kind::kEndpoint);
  }
  worker.run();
}

TEST_F(NamedEndpointsTest, ConfigurationsKeepThemAsLongAsTheyAreNamed) {
  apply(10);
  TestOrigin origin;
  exchange(origin);
  const auto before = choose(origin.address()).endpoint;
  apply(5);
  EXPECT_EQ(choose(origin.address()).endpoint.get(), before.get());
  EXPECT_EQ(before->openConnections(), 1u);
  worker.clusters.apply({process.config({origin.address()})});
  EXPECT_TRUE(before->gone());
  EXPECT_TRUE(worker.until([&] { return origin.peerClosed(0); }));
  EXPECT_EQ(worker.cluster().choose({}).kind, Pick::Kind::kEndpoint);
}

TEST_F(NamedEndpointsTest, DrainingAndRoomReachThem) {
  apply(10);
  TestOrigin a, b;
  exchange(a);
  exchange(b);
  EXPECT_TRUE(worker.cluster().closeOneIdle());
  EXPECT_EQ(process.usage->connections, 1u);
  worker.clusters.drain();
  EXPECT_TRUE(worker.until([&] { return a.peerClosed(0) && b.peerClosed(0); }));
}

TEST_F(NamedEndpointsTest, AForgottenOneLivesAsLongAsItsConnection) {
  apply(1);
  TestOrigin origin;
  exchange(origin);
  base::LocalRef<WorkerCluster> cluster = worker.clusters.find("c");
  base::LocalRef<WorkerEndpoint> held = choose(origin.address()).endpoint;
  ASSERT_EQ(choose(address("10.0.0.1:80")).kind, Pick::Kind::kEndpoint);
  EXPECT_TRUE(held->gone());
  worker.run();
  EXPECT_EQ(held->address(), origin.address());
  WorkerCluster::release(cluster, held);
  EXPECT_FALSE(held);
}

}  // namespace
}  // namespace weir::upstream
