// What a worker does with another host set for the same cluster.

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "source/upstream/cluster.h"
#include "test/upstream/host_list.h"
#include "test/upstream/test_cluster.h"
#include "test/upstream/test_request.h"

namespace weir::upstream {
namespace {

// An endpoint at a port where nobody is, so that it has an id and an address of its own.
Endpoint numbered(uint32_t number, uint32_t weight = 1) {
  return {.id = "e" + std::to_string(number),
          .address = *network::Address::parse("10.0." + std::to_string(number / 250) + "." +
                                              std::to_string(1 + number % 250) + ":80"),
          .weight = weight};
}

class UpdateHostsTest : public testing::Test {
 protected:
  UpdateHostsTest() { worker_.clusters.apply({process_.config({})}); }
  void update(const HostList& hosts) {
    worker_.clusters.updateHosts("c", eligible(++version_, hosts.list()));
  }
  WorkerEndpoint* endpoint(uint32_t index) { return &worker_.cluster().host(index); }

  TestProcess process_;
  TestWorker worker_{process_};
  uint64_t version_ = 1;
};

TEST_F(UpdateHostsTest, OlderOnesAreRefused) {
  HostList one, two;
  one.add(numbered(1));
  two.add(numbered(1)).add(numbered(2));
  update(two);
  worker_.clusters.updateHosts("c", eligible(version_, one.list()));
  worker_.clusters.updateHosts("c", eligible(version_ - 1, one.list()));
  worker_.clusters.updateHosts("nobody", eligible(100, one.list()));
  EXPECT_EQ(worker_.cluster().hosts().hosts.size(), 2u);
  EXPECT_EQ(worker_.cluster().hosts().version, version_);
}

TEST_F(UpdateHostsTest, EndpointsThatStayAreTheSameWhereverTheyStand) {
  HostList before, after;
  for (uint32_t i = 0; i < 10; ++i) before.add(numbered(i));
  update(before);
  std::vector<base::LocalRef<WorkerEndpoint>> known;  // so that none is made where one was
  for (uint32_t i = 0; i < 10; ++i) known.emplace_back(endpoint(i));
  for (const uint32_t i : {7u, 3u, 20u, 0u, 9u, 21u, 1u}) after.add(numbered(i, 5));
  update(after);
  const std::vector<int> expected = {7, 3, -1, 0, 9, -1, 1};
  for (uint32_t i = 0; i < expected.size(); ++i) {
    EXPECT_EQ(endpoint(i)->index(), i);
    EXPECT_EQ(endpoint(i)->endpoint().weight, 5u);
    EXPECT_EQ(&endpoint(i)->endpoint(), after.list()[i].endpoint.get());
    const auto found = std::find_if(known.begin(), known.end(),
                                    [&](const auto& each) { return each.get() == endpoint(i); });
    EXPECT_EQ(found == known.end() ? -1 : found - known.begin(), expected[i]);
  }
}

TEST_F(UpdateHostsTest, HealthAndWeightsLeaveConnectionsAlone) {
  TestOrigin origin;
  Endpoint stays{.id = "stays", .address = origin.address()};
  HostList hosts;
  hosts.add(stays);
  update(hosts);
  keepOneIdle(worker_, origin);
  TestRequest busy(worker_.pool());
  busy.start();
  EXPECT_TRUE(worker_.until([&] { return !origin.read(0).empty(); }));
  stays.weight = 9;
  stays.metadata = {{"version", "2"}};
  HostList changed;
  changed.add(numbered(1)).add(stays, Health::kUnhealthy).add(numbered(2));
  update(changed);
  EXPECT_FALSE(origin.peerClosed(0));
  origin.send(0, kOkAnswer);
  EXPECT_TRUE(worker_.until([&] { return busy.done; }));
  EXPECT_EQ(worker_.pool(1).idleConnections(), 1u);
  EXPECT_FALSE(origin.peerClosed(0));
  worker_.clusters.apply({});
  worker_.run();
}

TEST_F(UpdateHostsTest, EndpointsThatGoDrain) {
  TestOrigin origin, other;
  HostList hosts, left;
  hosts.add({.id = "goes", .address = origin.address()})
      .add({.id = "stays", .address = other.address()});
  left.add({.id = "stays", .address = other.address()});
  update(hosts);
  {
    TestRequest first(worker_.pool()), second(worker_.pool());
    first.start();
    EXPECT_TRUE(worker_.until([&] { return !origin.read(0).empty(); }));
    second.start();
    EXPECT_TRUE(worker_.until([&] { return !origin.read(1).empty(); }));
    origin.send(1, kOkAnswer);
    EXPECT_TRUE(worker_.until([&] { return second.done; }));
    base::LocalRef<WorkerCluster> cluster = worker_.clusters.find("c");
    base::LocalRef<WorkerEndpoint> endpoint(&cluster->host(0));
    update(left);
    EXPECT_TRUE(endpoint->gone());
    EXPECT_TRUE(worker_.until([&] { return origin.peerClosed(1); })) << "it was idle";
    EXPECT_FALSE(origin.peerClosed(0)) << "it is busy";
    origin.send(0, kOkAnswer);
    EXPECT_TRUE(worker_.until([&] { return first.done; }));
    EXPECT_TRUE(worker_.until([&] { return origin.peerClosed(0); }));
    WorkerCluster::release(cluster, endpoint);
  }
  worker_.run();
  EXPECT_EQ(process_.gauge("cluster_active_connections"), 0);
}

// Measured in test/benchmark/host_set_benchmark.cc; here with a wide margin for slow builds.
TEST_F(UpdateHostsTest, OneOfAThousandCostsLittle) {
  HostList thousand, more;
  for (uint32_t i = 0; i < 1000; ++i) thousand.add(numbered(i));
  more.add(numbered(5000));
  for (uint32_t i = 0; i < 1000; ++i) more.add(numbered(i));
  auto least = std::chrono::nanoseconds::max();
  for (int i = 0; i < 20; ++i) {
    const auto next = eligible(++version_, i % 2 == 0 ? thousand.list() : more.list());
    const auto begin = std::chrono::steady_clock::now();
    worker_.clusters.updateHosts("c", next);
    const auto took = std::chrono::steady_clock::now() - begin;
    if (i > 0) least = std::min<std::chrono::nanoseconds>(least, took);
  }
  EXPECT_EQ(worker_.cluster().hosts().hosts.size(), 1001u);
  EXPECT_LT(least, std::chrono::milliseconds(10));
}

// What bounded loads are measured by: the sum over each group, through changes of the host set.
TEST_F(UpdateHostsTest, KnowsWhatGroupsHaveInFlight) {
  HostList before, after;
  for (uint32_t i = 0; i < 4; ++i) before.add(numbered(i));
  for (const uint32_t i : {3u, 9u, 1u}) after.add(numbered(i));
  update(before);
  std::vector<WorkerCluster::Choice> choices;
  for (int i = 0; i < 8; ++i) choices.push_back(worker_.cluster().choose({}));
  EXPECT_EQ(worker_.cluster().groupInFlight(0), 8u);
  choices.pop_back();
  EXPECT_EQ(worker_.cluster().groupInFlight(0), 7u);
  update(after);
  const auto sum = [&] {
    uint64_t sum = 0;
    for (uint32_t i = 0; i < 3; ++i) sum += worker_.cluster().inFlight(i);
    return sum;
  };
  EXPECT_GT(sum(), 0u);
  EXPECT_LT(sum(), 7u) << "two have gone with theirs";
  EXPECT_EQ(worker_.cluster().groupInFlight(0), sum());
  while (!choices.empty()) {
    choices.pop_back();
    EXPECT_EQ(worker_.cluster().groupInFlight(0), sum());
  }
  EXPECT_EQ(sum(), 0u);
}

}  // namespace
}  // namespace weir::upstream
