// What choosing counts and refuses: requests at endpoints and in clusters, retries.
#include <memory>
#include <vector>

#include "gtest/gtest.h"

#include "source/http/message.h"
#include "source/upstream/retry_slot.h"
#include "test/upstream/test_cluster.h"
#include "test/upstream/test_request.h"

namespace weir::upstream {
namespace {

class LimitsTest : public testing::Test {
 protected:
  using Choices = std::vector<WorkerCluster::Choice>;

  void apply(const ClusterOptions& options) {
    const auto config = process.config(
        {*network::Address::parse("127.0.0.1:1"), *network::Address::parse("127.0.0.1:2")},
        options);
    worker.clusters.apply({config});
    other.clusters.apply({config});
  }
  WorkerCluster::Choice choose(TestWorker& at, bool http = true) {
    PickContext context;
    if (http) context.request = &request_;
    return at.cluster().choose(context);
  }
  // As many as there is room for, by turns from both workers.
  Choices fill() {
    Choices all;
    for (int i = 0; i < 100; ++i) {
      WorkerCluster::Choice choice = choose(i % 2 == 0 ? worker : other);
      if (choice.kind == Pick::Kind::kEndpoint) all.push_back(std::move(choice));
    }
    return all;
  }

  TestProcess process;
  TestWorker worker{process};
  TestWorker other{process, 1};

 private:
  http::RequestHead request_;
};

TEST_F(LimitsTest, AnEndpointsRequestsOverAllWorkers) {
  apply({.endpoint_max_requests = 3});
  Choices all = fill();
  EXPECT_EQ(all.size(), 6u) << "who is full is gone around, until all are";
  const WorkerCluster::Choice none = choose(worker);
  EXPECT_EQ(none.kind, Pick::Kind::kWait);
  EXPECT_EQ(none.reason, "endpoints_full");
  EXPECT_EQ(none.cluster.get(), &worker.cluster());
  for (uint32_t host : {0u, 1u}) {
    EXPECT_EQ(worker.cluster().host(host).usage().requests, 3u);
    EXPECT_TRUE(worker.cluster().full(host));
  }
  EXPECT_EQ(choose(worker, /*http=*/false).kind, Pick::Kind::kEndpoint) << "of HTTP only";
  all.pop_back();
  EXPECT_EQ(choose(worker).kind, Pick::Kind::kEndpoint);
  all.clear();
  for (uint32_t host : {0u, 1u}) {
    EXPECT_EQ(worker.cluster().host(host).usage().requests, 0u);
    EXPECT_EQ(worker.cluster().host(host).in_flight, 0u);
    EXPECT_EQ(other.cluster().host(host).in_flight, 0u);
  }
}

TEST_F(LimitsTest, ASmallLimitOfTheClusterIsExact) {
  apply({.max_requests = 7});
  Choices all = fill();
  EXPECT_EQ(all.size(), 7u);
  EXPECT_EQ(choose(other).reason, "max_requests_reached");
  all.pop_back();
  EXPECT_EQ(choose(other).kind, Pick::Kind::kEndpoint) << "whoever gave it back";
  all.clear();
  EXPECT_EQ(process.usage->requests, 0u);
}

TEST_F(LimitsTest, WithoutLimitsNothingIsShared) {
  apply({});
  EXPECT_EQ(fill().size(), 100u);
  EXPECT_EQ(process.usage->requests, 0u);
  EXPECT_EQ(worker.cluster().host(0).usage().requests, 0u);
}

TEST_F(LimitsTest, AnEndpointWithoutAFreeConnectionIsFull) {
  TestOrigin a, b;
  worker.clusters.apply(
      {process.config({a.address(), b.address()}, {.endpoint_max_connections = 1})});
  TestRequest first(worker.pool(0)), second(worker.pool(1));
  first.start();
  worker.run();
  for (int i = 0; i < 10; ++i) {
    const WorkerCluster::Choice choice = choose(worker);
    ASSERT_EQ(choice.kind, Pick::Kind::kEndpoint);
    EXPECT_EQ(choice.endpoint->index(), 1u);
  }
  second.start();
  worker.run();
  EXPECT_EQ(choose(worker).kind, Pick::Kind::kWait);
  EXPECT_EQ(choose(worker, /*http=*/false).kind, Pick::Kind::kWait);
}

TEST_F(LimitsTest, RetriesHaveABudget) {
  apply({.retry_limits = {.budget_percent = 20, .at_least = 2}});
  std::vector<RetrySlot> slots;
  const auto take = [&](TestWorker& at) {
    RetrySlot slot = RetrySlot::take(at.cluster(), /*request=*/true);
    if (slot) slots.push_back(std::move(slot));
    return slots.size();
  };
  EXPECT_EQ(take(worker), 1u);
  EXPECT_EQ(take(other), 2u);
  EXPECT_EQ(take(worker), 2u);
  worker.cluster().cells().active_requests->add(10);
  other.cluster().cells().active_requests->add(10);
  for (int i = 0; i < 5; ++i) take(worker);
  EXPECT_EQ(slots.size(), 4u) << "a fifth of what all workers have in flight";
  const auto refused =
      process.store.valueOf("cluster_refused_total", {{"cluster", "c"}, {"reason", "retries"}});
  EXPECT_EQ(refused, 4);
  slots.clear();
  EXPECT_EQ(process.usage->retries, 0u);
  worker.cluster().cells().active_requests->sub(10);
  other.cluster().cells().active_requests->sub(10);
}

TEST_F(LimitsTest, RetriesHaveALimit) {
  apply({.retry_limits = {.most = 1, .budget_percent = 0}});
  RetrySlot first = RetrySlot::take(worker.cluster(), true);
  EXPECT_TRUE(first);
  EXPECT_FALSE(RetrySlot::take(other.cluster(), true));
  first.release();
  EXPECT_TRUE(RetrySlot::take(other.cluster(), false));
}

}  // namespace
}  // namespace weir::upstream
