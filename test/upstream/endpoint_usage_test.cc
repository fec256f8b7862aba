#include "source/upstream/endpoint_usage.h"

#include <atomic>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

#include "source/upstream/cluster_usage.h"

namespace weir::upstream {
namespace {

TEST(EndpointUsageTest, TotalsAreOfAllWorkers) {
  EndpointUsage usage;
  EndpointUsage::Cells& a = usage.join();
  EndpointUsage::Cells& b = usage.join();
  a.requests.add(3);
  b.requests.add(4);
  a.responses_by_class[1].add(2);
  b.responses_by_class[4].add();
  b.response_us.add(1500);
  b.completed.add(3);
  a.active_requests.add();
  const EndpointUsage::Totals totals = usage.totals();
  EXPECT_EQ(totals.requests, 7u);
  EXPECT_EQ(totals.responses_by_class[1], 2u);
  EXPECT_EQ(totals.responses_by_class[4], 1u);
  EXPECT_EQ(totals.response_us, 1500u);
  EXPECT_EQ(totals.completed, 3u);
  EXPECT_EQ(totals.active_requests, 1u);
}

TEST(EndpointUsageTest, WhatAWorkerHasCountedStaysWhenItLeaves) {
  EndpointUsage usage;
  EndpointUsage::Cells& a = usage.join();
  EndpointUsage::Cells& b = usage.join();
  EndpointUsage::Cells& c = usage.join();
  for (EndpointUsage::Cells* cells : {&a, &b, &c}) {
    cells->connections.add(2);
    cells->connect_failures.add();
    cells->resets.add(5);
  }
  usage.leave(b);  // neither first nor last
  usage.leave(c);
  a.resets.add();
  EXPECT_EQ(usage.totals().connections, 6u);
  EXPECT_EQ(usage.totals().resets, 16u);
  usage.leave(a);
  EXPECT_EQ(usage.totals().connections, 6u);
  EXPECT_EQ(usage.totals().connect_failures, 3u);
  EXPECT_EQ(usage.totals().resets, 16u);
}

TEST(EndpointUsageTest, WorkersComeAndGoWhileSomebodyReads) {
  EndpointUsage usage;
  std::atomic<bool> done{false};
  std::thread reader([&] {
    uint64_t before = 0;
    while (!done) {
      const uint64_t now = usage.totals().requests;
      EXPECT_GE(now, before);
      before = now;
    }
  });
  std::vector<std::thread> workers;
  workers.reserve(4);
  for (int i = 0; i < 4; ++i) {
    workers.emplace_back([&usage] {
      for (int round = 0; round < 200; ++round) {
        EndpointUsage::Cells& cells = usage.join();
        for (int n = 0; n < 10; ++n) cells.requests.add();
        usage.leave(cells);
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  done = true;
  reader.join();
  EXPECT_EQ(usage.totals().requests, 4u * 200 * 10);
}

TEST(EndpointUsageTest, EndpointsThatComeAndGoLeaveNothing) {
  ClusterUsage cluster;
  const auto stays = cluster.endpoint("stays");
  stays->join().requests.add(7);
  for (int i = 0; i < 10'000; ++i) {
    const auto passing = cluster.endpoint("10.0.0.1:" + std::to_string(i));
    passing->join().requests.add();
    EXPECT_LE(cluster.knownEndpoints(), 64u);
  }
  EXPECT_EQ(cluster.findEndpoint("10.0.0.1:77"), nullptr);
  ASSERT_EQ(cluster.findEndpoint("stays"), stays);
  EXPECT_EQ(stays->totals().requests, 7u);
}

TEST(EndpointUsageTest, ARunReachesItsThresholdAgainAndAgain) {
  EndpointUsage usage;
  std::vector<int> reached;
  for (int i = 1; i <= 10; ++i) {
    if (EndpointUsage::lengthen(usage.runs.server_errors, 3)) reached.push_back(i);
  }
  EXPECT_EQ(reached, (std::vector<int>{3, 6, 9}));
  EXPECT_FALSE(EndpointUsage::lengthen(usage.runs.gateway_errors, 0));
  EXPECT_TRUE(EndpointUsage::lengthen(usage.runs.connect_failures, 1));
  usage.runs.clear();
  EXPECT_EQ(usage.runs.server_errors + usage.runs.gateway_errors + usage.runs.connect_failures, 0u);
}

// Of failures alone, every threshold is seen by exactly one worker.
TEST(EndpointUsageTest, WorkersMakeOneRun) {
  EndpointUsage usage;
  std::atomic<int> reached{0};
  std::vector<std::thread> workers;
  workers.reserve(4);
  for (int i = 0; i < 4; ++i) {
    workers.emplace_back([&] {
      for (int n = 0; n < 5000; ++n) {
        if (EndpointUsage::lengthen(usage.runs.server_errors, 5)) ++reached;
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(reached, 4000);
  EXPECT_EQ(usage.runs.server_errors, 20'000u);
}

// Whatever comes between them: what ends a run and what makes it longer may meet, and the main
// thread clears them meanwhile.
TEST(EndpointUsageTest, RunsEndWhileTheyGrow) {
  EndpointUsage usage;
  std::atomic<bool> done{false};
  std::atomic<int> reached{0};
  std::thread main([&] {
    while (!done) {
      usage.runs.clear();
      std::this_thread::yield();
    }
  });
  std::vector<std::thread> workers;
  workers.reserve(4);
  for (int i = 0; i < 4; ++i) {
    workers.emplace_back([&, i] {
      for (int n = 0; n < 5000; ++n) {
        if (i % 2 == 0) {
          EndpointUsage::end(usage.runs.server_errors);
        } else if (EndpointUsage::lengthen(usage.runs.server_errors, 3)) {
          ++reached;
        }
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  done = true;
  main.join();
  EXPECT_LE(reached, 10'000 / 3);
  EndpointUsage::end(usage.runs.server_errors);
  EXPECT_EQ(usage.runs.server_errors, 0u);
}

TEST(EndpointUsageTest, OneIsSmall) {
  EXPECT_LE(sizeof(EndpointUsage), 96u);
  EXPECT_LE(sizeof(EndpointUsage::Cells), 144u);
}

}  // namespace
}  // namespace weir::upstream
