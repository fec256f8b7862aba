// Endpoints with several addresses, and those that stay the same when their address changes.

#include <memory>
#include <vector>

#include "gtest/gtest.h"

#include "source/upstream/cluster.h"
#include "source/upstream/eligibility.h"
#include "test/network/support.h"
#include "test/upstream/test_cluster.h"

namespace weir::upstream {
namespace {

class LogicalEndpointTest : public testing::Test {
 protected:
  LogicalEndpointTest() { worker_.clusters.apply({process_.config({})}); }
  void update(const Endpoint& endpoint) {
    std::vector<HostSet::Host> hosts;
    hosts.push_back({.endpoint = std::make_shared<const Endpoint>(endpoint)});
    worker_.clusters.updateHosts("c", eligible(++version_, std::move(hosts)));
  }
  WorkerEndpoint& endpoint() { return worker_.cluster().host(0); }
  // Where a new connection goes to.
  network::Address connected() {
    const auto connection = worker_.cluster().connect(endpoint(), {});
    network::test::RecordingHandler handler;
    connection->setHandler(handler);
    EXPECT_TRUE(worker_.until([&] { return handler.connected == 1; }));
    return connection->remoteAddress();
  }
  static network::Address refusing() {
    TestOrigin origin;
    return origin.address();
  }

  TestProcess process_;
  TestWorker worker_{process_};
  TestOrigin first_;
  TestOrigin second_;
  uint64_t version_ = 1;
};

TEST_F(LogicalEndpointTest, AnotherAddressIsTakenWhenOneRefuses) {
  update({.id = "web", .address = refusing(), .more_addresses = {second_.address()}});
  EXPECT_EQ(connected(), second_.address());
  update({.id = "web", .address = first_.address(), .more_addresses = {second_.address()}});
  EXPECT_EQ(connected(), first_.address());
}

TEST_F(LogicalEndpointTest, StaysWhenItsAddressChanges) {
  update({.id = "web", .address = first_.address(), .logical = true});
  keepOneIdle(worker_, first_);
  const WorkerEndpoint* const before = &endpoint();
  const uint64_t uid = worker_.cluster().hosts().hosts[0].uid;
  update({.id = "web", .address = second_.address(), .logical = true});
  worker_.run();
  EXPECT_EQ(&endpoint(), before);
  EXPECT_EQ(worker_.cluster().hosts().hosts[0].uid, uid);
  EXPECT_EQ(endpoint().openConnections(), 1u) << "what is there stays";
  EXPECT_EQ(endpoint().address(), second_.address());
  EXPECT_EQ(connected(), second_.address());
}

TEST_F(LogicalEndpointTest, OthersAreOthers) {
  update({.id = "web", .address = first_.address()});
  keepOneIdle(worker_, first_);
  update({.id = "web", .address = second_.address()});
  EXPECT_TRUE(worker_.until([&] { return first_.peerClosed(0); }));
  EXPECT_EQ(endpoint().openConnections(), 0u);
}

}  // namespace
}  // namespace weir::upstream
