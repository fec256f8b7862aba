#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "test/upstream/test_cluster.h"
#include "test/upstream/test_request.h"

namespace weir::upstream {
namespace {

using std::chrono::milliseconds;

using Request = TestRequest;

class Http1PoolTest : public testing::Test {
 protected:
  // After every test: nothing is open, waiting or counted any more.
  void TearDown() override {
    worker.clusters.apply({});
    worker.run();
    EXPECT_EQ(process.usage->connections, 0u);
    EXPECT_EQ(process.usage->pending, 0u);
    EXPECT_EQ(process.gauge("cluster_active_connections"), 0);
    EXPECT_EQ(process.gauge("cluster_pending_requests"), 0);
    EXPECT_EQ(worker.io.connections(), 0u);
  }
  HttpPool& apply(const ClusterOptions& options = {}) {
    worker.clusters.apply({process.config({origin.address()}, options)});
    return worker.pool();
  }
  void expectRequest(size_t number) {
    std::string text;
    EXPECT_TRUE(worker.until([&] {
      text += origin.read(number);
      return text.ends_with("\r\n\r\n");
    })) << "connection "
        << number;
    EXPECT_TRUE(text.starts_with("GET / HTTP/1.1\r\n")) << text;
  }
  void answer(size_t number, const Request& request) {
    expectRequest(number);
    origin.send(number, kOkAnswer);
    EXPECT_TRUE(worker.until([&] { return request.done; }));
  }

  TestProcess process;
  TestWorker worker{process};
  TestOrigin origin;
};

TEST_F(Http1PoolTest, ConnectsThenKeepsAndReuses) {
  HttpPool& pool = apply();
  {
    Request first(pool);
    first.start();
    EXPECT_EQ(first.told, 0);
    answer(0, first);
    EXPECT_TRUE(first.done);
    EXPECT_EQ(first.body, "ok");
    EXPECT_FALSE(first.reused);
  }
  EXPECT_EQ(pool.idleConnections(), 1u);
  for (int i = 0; i < 3; ++i) {
    Request next(pool);
    next.start();
    EXPECT_EQ(next.told, 1) << "an idle connection is had at once";
    EXPECT_TRUE(next.reused);
    answer(0, next);
    EXPECT_TRUE(next.done);
  }
  EXPECT_EQ(origin.accepted(), 1u);
  EXPECT_EQ(pool.openConnections(), 1u);
}

TEST_F(Http1PoolTest, TheConnectionUsedLastIsTakenFirst) {
  HttpPool& pool = apply();
  Request a(pool), a2(pool), b(pool), c(pool);
  a.start();
  answer(0, a);
  a2.start();
  b.start();
  answer(1, b);
  answer(0, a2);
  EXPECT_EQ(pool.idleConnections(), 2u);
  c.start();
  answer(0, c);
  EXPECT_TRUE(c.done);
}

TEST_F(Http1PoolTest, FreshWantsAConnectionThatCarriedNothing) {
  HttpPool& pool = apply();
  Request a(pool), b(pool);
  a.start();
  answer(0, a);
  b.start(/*fresh=*/true);
  EXPECT_EQ(b.told, 0);
  answer(1, b);
  EXPECT_TRUE(b.done);
  EXPECT_FALSE(b.reused);
}

TEST_F(Http1PoolTest, RefusedIsToldAtOnce) {
  const network::Address address = origin.address();
  origin.kill();
  HttpPool& pool = apply();
  Request a(pool), b(pool);
  a.start();
  b.start();
  EXPECT_TRUE(worker.until([&] { return a.told + b.told == 2; }));
  EXPECT_EQ(a.failure, PoolFailure::kConnectFailed);
  EXPECT_EQ(b.failure, PoolFailure::kConnectFailed);
  EXPECT_EQ(process.gauge("cluster_connect_failures_total"), 2);
}

TEST_F(Http1PoolTest, IdleConnectionsEndAtTheirTimeout) {
  HttpPool& pool = apply({.idle_timeout = milliseconds(1000)});
  Request a(pool), b(pool);
  a.start();
  answer(0, a);
  worker.dispatcher.advance(milliseconds(900));
  EXPECT_EQ(pool.idleConnections(), 1u);
  b.start();
  answer(0, b);
  worker.dispatcher.advance(milliseconds(900));
  EXPECT_EQ(pool.idleConnections(), 1u);
  worker.dispatcher.advance(milliseconds(200));
  EXPECT_EQ(pool.idleConnections(), 0u);
  EXPECT_TRUE(worker.until([&] { return origin.peerClosed(0); }));
}

TEST_F(Http1PoolTest, AnIdlePeerThatLeavesOrSpeaksIsNoticed) {
  HttpPool& pool = apply();
  for (const bool speaks : {false, true}) {
    Request a(pool);
    a.start();
    const size_t number = speaks ? 1 : 0;
    answer(number, a);
    ASSERT_EQ(pool.idleConnections(), 1u);
    if (speaks) {
      origin.send(number, kOkAnswer);
    } else {
      origin.close(number);
    }
    EXPECT_TRUE(worker.until([&] { return pool.openConnections() == 0; }));
    EXPECT_EQ(pool.idleConnections(), 0u);
  }
}

TEST_F(Http1PoolTest, BytesBehindTheAnswerEndTheConnection) {
  HttpPool& pool = apply();
  Request a(pool);
  a.start();
  expectRequest(0);
  origin.send(0, std::string(kOkAnswer) + "HTTP/1.1 200 OK\r\n");
  EXPECT_TRUE(worker.until([&] { return a.done && pool.openConnections() == 0; }));
}

TEST_F(Http1PoolTest, CloseAndMaxRequestsEndTheConnection) {
  HttpPool& pool = apply({.max_requests_per_connection = 2});
  Request a(pool), b(pool), c(pool);
  a.start();
  answer(0, a);
  EXPECT_EQ(pool.idleConnections(), 1u);
  b.start();
  answer(0, b);
  EXPECT_EQ(pool.idleConnections(), 0u);
  c.start();
  expectRequest(1);
  origin.send(1, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(worker.until([&] { return c.done; }));
  EXPECT_EQ(pool.openConnections(), 0u);
}

TEST_F(Http1PoolTest, WaitsInOrderForAFreeConnection) {
  HttpPool& pool = apply({.max_connections = 1});
  Request a(pool), b(pool), c(pool);
  a.start();
  b.start();
  c.start();
  worker.run();
  EXPECT_EQ(process.gauge("cluster_pending_requests"), 2);
  answer(0, a);
  EXPECT_EQ(b.told, 1);
  EXPECT_EQ(c.told, 0);
  answer(0, b);
  answer(0, c);
  EXPECT_EQ(origin.accepted(), 1u);
}

TEST_F(Http1PoolTest, TheNextWaitingGetsTheRoomOfABrokenConnection) {
  HttpPool& pool = apply({.max_connections = 1});
  Request a(pool), b(pool);
  a.start();
  b.start();
  expectRequest(0);
  origin.close(0, /*reset=*/true);
  EXPECT_TRUE(worker.until([&] { return a.resets == 1; }));
  answer(1, b);
}

TEST_F(Http1PoolTest, OverflowsBeyondTheQueueAndAtItsTime) {
  HttpPool& pool = apply(
      {.connect_timeout = milliseconds(300), .max_connections = 1, .max_pending_requests = 1});
  Request a(pool), b(pool), c(pool);
  a.start();
  expectRequest(0);
  b.start();
  c.start();
  EXPECT_EQ(c.detail, "pending_requests_overflow");
  EXPECT_EQ(process.usage->pending, 1u);
  worker.dispatcher.advance(milliseconds(250));
  EXPECT_EQ(b.told, 0);
  worker.dispatcher.advance(milliseconds(100));
  EXPECT_EQ(b.detail, "queue_timeout");
  origin.send(0, kOkAnswer);
  EXPECT_TRUE(worker.until([&] { return a.done; }));
}

TEST_F(Http1PoolTest, NoQueueStillMeansConnections) {
  HttpPool& pool = apply({.max_connections = 2, .max_pending_requests = 0});
  Request a(pool), b(pool), c(pool);
  a.start();
  b.start();
  c.start();
  EXPECT_TRUE(c.refused);
  answer(0, a);
  answer(1, b);
}

TEST_F(Http1PoolTest, ConnectTimeout) {
  // The descriptor never becomes ready.
  HttpPool& pool = apply({.connect_timeout = milliseconds(200)});
  worker.dispatcher.setPollFds(false);
  Request a(pool);
  a.start();
  worker.dispatcher.advance(milliseconds(150));
  EXPECT_EQ(a.told, 0);
  worker.dispatcher.advance(milliseconds(100));
  EXPECT_EQ(a.failure, PoolFailure::kConnectTimeout);
  worker.dispatcher.setPollFds(true);
}

TEST_F(Http1PoolTest, CancelLeavesTheQueueOrTheConnection) {
  HttpPool& pool = apply({.max_connections = 1});
  Request a(pool);
  a.start();
  {
    Request b(pool);
    b.start();
    EXPECT_EQ(process.gauge("cluster_pending_requests"), 2);
  }
  EXPECT_EQ(process.gauge("cluster_pending_requests"), 1);
  EXPECT_TRUE(worker.until([&] { return a.told == 1; }));
  a.encoder->reset();
  a.encoder = nullptr;
  worker.run();
  EXPECT_EQ(a.resets, 0);
  EXPECT_EQ(pool.openConnections(), 0u);
}

TEST_F(Http1PoolTest, ARequestSurvivesTheEndOfItsClusterAndDrain) {
  HttpPool& pool = apply();
  Request idle(pool), busy(pool);
  idle.start();
  busy.start();
  answer(0, idle);
  worker.cluster().drain();
  worker.run();
  EXPECT_EQ(pool.idleConnections(), 0u);
  EXPECT_EQ(pool.openConnections(), 1u);
  answer(1, busy);
  EXPECT_EQ(pool.openConnections(), 0u) << "kept none";
}

TEST_F(Http1PoolTest, AnEndpointsOwnLimitHolds) {
  HttpPool& pool = apply({.endpoint_max_connections = 1});
  Request a(pool), b(pool);
  a.start();
  b.start();
  EXPECT_EQ(pool.openConnections(), 1u);
  answer(0, a);
  answer(0, b);
}

TEST_F(Http1PoolTest, AMalformedAnswerIsAProtocolErrorOnce) {
  HttpPool& pool = apply();
  Request a(pool);
  a.start();
  expectRequest(0);
  origin.send(0, "HTTP/1.1 200 OK\r\nContent-Length: 1, 2\r\n\r\n");
  EXPECT_TRUE(worker.until([&] { return a.resets > 0; }));
  worker.run();
  EXPECT_EQ(a.resets, 1);
  EXPECT_EQ(a.error.reason, http::ErrorReason::kProtocol);
  EXPECT_EQ(pool.openConnections(), 0u);
}

// One worker holds the whole limit with an idle connection; the other's request gets the room.
TEST(Http1PoolWorkersTest, AnIdleConnectionElsewhereGivesWay) {
  TestProcess process;
  TestOrigin origin;
  TestWorker one(process, 0), two(process, 1);
  const auto config = process.config({origin.address()}, {.max_connections = 1});
  one.clusters.apply({config});
  two.clusters.apply({config});
  Request a(one.pool()), b(two.pool());
  a.start();
  ASSERT_TRUE(one.until([&] { return !origin.read(0).empty(); }));
  origin.send(0, kOkAnswer);
  ASSERT_TRUE(one.until([&] { return a.done; }));
  ASSERT_EQ(one.pool().idleConnections(), 1u);
  b.start();
  two.run();
  EXPECT_EQ(b.told, 0);
  one.run();  // was asked
  EXPECT_EQ(one.pool().idleConnections(), 0u);
  two.dispatcher.advance(milliseconds(30));
  ASSERT_TRUE(two.until([&] { return !origin.read(1).empty(); }));
  origin.send(1, kOkAnswer);
  EXPECT_TRUE(two.until([&] { return b.done; }));
}

}  // namespace
}  // namespace weir::upstream
