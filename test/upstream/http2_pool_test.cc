#include <deque>
#include <string>

#include "gtest/gtest.h"

#include "test/upstream/fake_alpn.h"
#include "test/upstream/fake_needs.h"
#include "test/upstream/test_cluster.h"
#include "test/upstream/test_http2_origin.h"
#include "test/upstream/test_request.h"

namespace weir::upstream {
namespace {

using std::chrono::milliseconds;
using test::http2::ErrorCode;
using test::http2::Setting;
using test::http2::Settings;

class Http2PoolTest : public testing::Test {
 protected:
  // After every test: nothing is open, waiting or counted any more.
  void TearDown() override {
    worker.clusters.apply({});
    requests.clear();
    worker.run();
    EXPECT_EQ(process.usage->connections, 0u);
    EXPECT_EQ(process.usage->pending, 0u);
    EXPECT_EQ(process.usage->requests, 0u);
    EXPECT_EQ(process.gauge("cluster_active_connections"), 0);
    EXPECT_EQ(process.gauge("cluster_pending_requests"), 0);
    EXPECT_EQ(worker.io.connections(), 0u);
  }
  HttpPool& apply(ClusterOptions options = {}) {
    options.http_protocol = options.http_protocol == HttpProtocol::kHttp1 ? HttpProtocol::kHttp2
                                                                          : options.http_protocol;
    worker.clusters.apply({process.config({origin.address()}, options)});
    return worker.pool();
  }
  void allow(uint32_t streams) { peer.greeting = test::http2::settings(maxStreams(streams)); }
  static Settings maxStreams(uint32_t streams) {
    return {{Setting::kMaxConcurrentStreams, streams}};
  }
  TestRequest& start(bool fresh = false) {
    requests.emplace_back(worker.pool());
    requests.back().start(fresh);
    return requests.back();
  }
  template <class Condition>
  bool until(Condition&& condition) {
    return worker.until([&] {
      peer.pump();
      return condition();
    });
  }
  // The endpoint has these requests, none answered.
  bool arrived(size_t number, size_t count) {
    return until([&] { return peer.open(number).size() == count; });
  }
  bool done(const TestRequest& request) {
    return until([&] { return request.done; });
  }
  // All that was started; the endpoint answers whatever comes.
  bool answerAll() {
    return until([&] {
      peer.answerAll();
      for (const TestRequest& request : requests) {
        if (!request.done) return false;
      }
      return true;
    });
  }
  // One connection is up and idle.
  void warmUp() {
    start();
    ASSERT_TRUE(answerAll());
    ASSERT_TRUE(until([&] { return worker.pool().idleConnections() == 1; }));
    requests.clear();
  }

  TestProcess process;
  TestWorker worker{process};
  TestOrigin origin;
  TestHttp2Origin peer{origin};
  std::deque<TestRequest> requests;
};

TEST_F(Http2PoolTest, RequestsShareAConnection) {
  HttpPool& pool = apply();
  TestRequest& a = start();
  TestRequest& b = start();
  TestRequest& c = start();
  EXPECT_EQ(a.told + b.told + c.told, 0);
  ASSERT_TRUE(arrived(0, 3));
  EXPECT_FALSE(a.reused);
  EXPECT_TRUE(b.reused);
  EXPECT_EQ(a.version, http::Version::kHttp2);
  peer.answer(0, 5);
  ASSERT_TRUE(done(c));
  EXPECT_EQ(c.body, "ok");
  EXPECT_FALSE(a.done);
  ASSERT_TRUE(answerAll());
  EXPECT_EQ(peer.connections(), 1u);
  EXPECT_EQ(pool.openConnections(), 1u);
  EXPECT_TRUE(until([&] { return pool.idleConnections() == 1; }));
  EXPECT_EQ(process.gauge("cluster_connections_total"), 1);
}

TEST_F(Http2PoolTest, AConnectionThatIsUpIsHadAtOnce) {
  apply();
  warmUp();
  EXPECT_EQ(start().told, 1);
  EXPECT_EQ(start().told, 1);
  EXPECT_EQ(worker.pool().idleConnections(), 0u);
  ASSERT_TRUE(answerAll());
  EXPECT_EQ(peer.connections(), 1u);
}

class Http2PoolLimitTest : public Http2PoolTest, public testing::WithParamInterface<uint32_t> {};

TEST_P(Http2PoolLimitTest, TheEndpointsStreamLimitHolds) {
  const uint32_t limit = GetParam();
  allow(limit);
  apply({.http2 = {.max_concurrent_streams = 1000}});
  for (uint32_t i = 0; i < 2 * limit + 1; ++i) start();
  ASSERT_TRUE(until([&] { return peer.openOfAll() == 2 * limit + 1; }));
  EXPECT_EQ(peer.connections(), 3u);
  for (size_t i = 0; i < 3; ++i) EXPECT_LE(peer.mostOpen(i), limit) << i;
  ASSERT_TRUE(answerAll());
  // Now it is known beforehand.
  for (uint32_t i = 0; i < 3 * limit + 1; ++i) start();
  EXPECT_EQ(worker.pool().openConnections(), 4u);
  ASSERT_TRUE(answerAll());
  for (size_t i = 0; i < 4; ++i) EXPECT_LE(peer.mostOpen(i), limit) << i;
}

TEST_P(Http2PoolLimitTest, OurOwnStreamLimitHolds) {
  const uint32_t limit = GetParam();
  allow(1000);
  apply({.http2 = {.max_concurrent_streams = limit}});
  for (uint32_t i = 0; i < 2 * limit; ++i) start();
  EXPECT_EQ(worker.pool().openConnections(), 2u);
  ASSERT_TRUE(until([&] { return peer.openOfAll() == 2 * limit; }));
  for (size_t i = 0; i < 2; ++i) EXPECT_EQ(peer.mostOpen(i), limit) << i;
  ASSERT_TRUE(answerAll());
}

INSTANTIATE_TEST_SUITE_P(Limits, Http2PoolLimitTest, testing::Values(1, 2, 100));

TEST_F(Http2PoolTest, ALoadedConnectionGetsCompany) {
  apply({.streams_per_connection = 2});
  warmUp();
  for (int i = 0; i < 2; ++i) EXPECT_EQ(start().told, 1);
  EXPECT_EQ(worker.pool().openConnections(), 1u);
  EXPECT_EQ(start().told, 1) << "has not to wait for it";
  EXPECT_EQ(worker.pool().openConnections(), 2u);
  ASSERT_TRUE(until([&] { return worker.pool().idleConnections() == 1; }));
  start();
  ASSERT_TRUE(arrived(0, 3));
  ASSERT_TRUE(arrived(1, 1));
  start();
  ASSERT_TRUE(arrived(1, 2));
  ASSERT_TRUE(answerAll());
}

TEST_F(Http2PoolTest, ALoadedConnectionServesOnWhenNoOtherMayBeOpened) {
  apply({.max_connections = 1, .streams_per_connection = 1});
  warmUp();
  for (int i = 0; i < 5; ++i) EXPECT_EQ(start().told, 1);
  ASSERT_TRUE(arrived(0, 5));
  ASSERT_TRUE(answerAll());
}

TEST_F(Http2PoolTest, TheConnectionWithTheFewestStreamsIsTaken) {
  apply({.http2 = {.max_concurrent_streams = 4}});
  for (int i = 0; i < 8; ++i) start();
  ASSERT_TRUE(until([&] { return peer.openOfAll() == 8; }));
  peer.answer(0, 1);
  for (uint32_t stream : {1u, 3u, 5u}) peer.answer(1, stream);
  ASSERT_TRUE(until([&] {
    int done = 0;
    for (const TestRequest& request : requests) done += request.done ? 1 : 0;
    return done == 4;
  }));
  start();
  start();
  ASSERT_TRUE(arrived(1, 3));
  start();
  start();
  ASSERT_TRUE(until([&] { return peer.openOfAll() == 8; }));
  EXPECT_EQ(peer.connections(), 2u);
  ASSERT_TRUE(answerAll());
}

TEST_F(Http2PoolTest, ConnectionsInExcessEnd) {
  HttpPool& pool =
      apply({.idle_timeout = milliseconds(1000), .http2 = {.max_concurrent_streams = 2}});
  for (int i = 0; i < 4; ++i) start();
  ASSERT_TRUE(answerAll());
  ASSERT_EQ(peer.connections(), 2u);
  ASSERT_TRUE(until([&] { return pool.idleConnections() == 2; }));
  for (int i = 0; i < 4; ++i) {
    worker.dispatcher.advance(milliseconds(300));
    start();
    ASSERT_TRUE(answerAll());
  }
  EXPECT_EQ(pool.openConnections(), 1u);
  EXPECT_TRUE(until([&] { return peer.goaway(0) || peer.goaway(1); })) << "with a word";
}

// --- ends of connections -------------------------------------------------------------------------

TEST_F(Http2PoolTest, AfterGoawayStreamsFinishAndOthersAreRetrySafe) {
  HttpPool& pool = apply();
  TestRequest& a = start();
  TestRequest& b = start();
  TestRequest& c = start();
  ASSERT_TRUE(arrived(0, 3));
  peer.goaway(0, 3);
  ASSERT_TRUE(until([&] { return c.resets == 1; }));
  EXPECT_TRUE(c.error.retry_safe);
  EXPECT_TRUE(c.error.unanswered);
  EXPECT_EQ(a.resets + b.resets, 0);
  // What is retried goes elsewhere.
  TestRequest& d = start(/*fresh=*/true);
  TestRequest& e = start(/*fresh=*/true);
  ASSERT_TRUE(arrived(1, 2));
  EXPECT_EQ(pool.openConnections(), 2u);
  peer.answer(0, 1);
  ASSERT_TRUE(done(a));
  EXPECT_EQ(pool.openConnections(), 2u);
  peer.answer(0, 3);
  ASSERT_TRUE(done(b));
  EXPECT_TRUE(until([&] { return pool.openConnections() == 1; }));
  EXPECT_TRUE(until([&] { return origin.peerClosed(0); }));
  peer.answer(1, 1);
  peer.answer(1, 3);
  EXPECT_TRUE(done(d) && done(e));
}

TEST_F(Http2PoolTest, RequestsThatAreRetriedShareAConnectionThatIsThere) {
  apply({.http2 = {.max_concurrent_streams = 2}});
  for (int i = 0; i < 3; ++i) start();
  ASSERT_TRUE(until([&] { return peer.openOfAll() == 3; }));
  const size_t other = peer.open(0).size() == 1 ? 0 : 1;
  peer.goaway(1 - other, 1);
  ASSERT_TRUE(
      until([&] { return requests[0].resets + requests[1].resets + requests[2].resets == 1; }));
  EXPECT_EQ(start(/*fresh=*/true).told, 1) << "one that did not break may serve";
  ASSERT_TRUE(arrived(other, 2));
  peer.answerAll();
  EXPECT_TRUE(done(requests.back()));
}

// As nginx ends connections: by GOAWAY while others come.
TEST_F(Http2PoolTest, HowManyRequestsAConnectionTakesIsLearned) {
  HttpPool& pool = apply();
  for (size_t number = 0; number < 2; ++number) {
    for (int i = 0; i < 3; ++i) start();
    ASSERT_TRUE(arrived(number, 3));
    peer.goaway(number, 3);
    ASSERT_TRUE(until([&] { return requests.back().resets == 1; }));
    peer.answer(number, 1);
    peer.answer(number, 3);
    ASSERT_TRUE(until([&] { return pool.openConnections() == 0; }));
    requests.clear();
  }
  for (int i = 0; i < 4; ++i) start();
  ASSERT_TRUE(arrived(2, 2));
  ASSERT_TRUE(arrived(3, 2));
  // One that takes so many and does not end shows that there is no such limit any more.
  peer.answer(2, 1);
  peer.answer(2, 3);
  ASSERT_TRUE(until([&] { return pool.idleConnections() == 1; }));
  start();
  start();
  ASSERT_TRUE(arrived(2, 2));
  ASSERT_TRUE(answerAll());
  EXPECT_EQ(peer.connections(), 4u);
}

TEST_F(Http2PoolTest, AnIdleConnectionWithGoawayEnds) {
  HttpPool& pool = apply();
  warmUp();
  peer.goaway(0, 1);
  EXPECT_TRUE(until([&] { return pool.openConnections() == 0; }));
  start();
  ASSERT_TRUE(answerAll());
  EXPECT_EQ(peer.connections(), 2u);
}

TEST_F(Http2PoolTest, RefusedStreamsAreRetrySafe) {
  apply();
  TestRequest& a = start();
  TestRequest& b = start();
  ASSERT_TRUE(arrived(0, 2));
  peer.reset(0, 1, ErrorCode::kRefusedStream);
  peer.reset(0, 3, ErrorCode::kInternalError);
  ASSERT_TRUE(until([&] { return a.resets + b.resets == 2; }));
  EXPECT_TRUE(a.error.retry_safe);
  EXPECT_EQ(a.error.reason, http::ErrorReason::kStreamReset);
  EXPECT_FALSE(b.error.retry_safe);
  requests.clear();
  EXPECT_EQ(start().told, 1) << "the connection is as good as before";
  ASSERT_TRUE(answerAll());
  EXPECT_EQ(peer.connections(), 1u);
}

TEST_F(Http2PoolTest, ABrokenConnectionTellsItsStreams) {
  HttpPool& pool = apply();
  TestRequest& a = start();
  TestRequest& b = start();
  ASSERT_TRUE(arrived(0, 2));
  peer.send(0, test::http2::headers(1, test::http2::hpack::block({{":status", "200"}})));
  worker.run();
  origin.close(0, /*reset=*/true);
  ASSERT_TRUE(until([&] { return a.resets + b.resets == 2; }));
  EXPECT_EQ(a.error.reason, http::ErrorReason::kConnectionReset);
  EXPECT_FALSE(b.error.retry_safe);
  EXPECT_TRUE(b.error.unanswered);
  EXPECT_EQ(pool.openConnections(), 0u);
}

TEST_F(Http2PoolTest, AnEndInTheMidstTellsStreams) {
  apply();
  TestRequest& a = start();
  ASSERT_TRUE(arrived(0, 1));
  origin.endSending(0);
  ASSERT_TRUE(until([&] { return a.resets == 1; }));
  EXPECT_EQ(a.error.reason, http::ErrorReason::kConnectionClosed);
  EXPECT_TRUE(a.error.unanswered);
  EXPECT_TRUE(until([&] { return worker.pool().openConnections() == 0; }));
}

// Two connections of an endpoint that restarts: what broke with the first is not tried on the
// other.
TEST_F(Http2PoolTest, FreshIsNotAnOldConnectionAfterABreak) {
  HttpPool& pool = apply({.http2 = {.max_concurrent_streams = 1}});
  TestRequest& a = start();
  start();
  ASSERT_TRUE(until([&] { return peer.openOfAll() == 2; }));
  peer.answer(1, 1);
  ASSERT_TRUE(until([&] { return pool.idleConnections() == 1; }));
  origin.close(0, /*reset=*/true);
  ASSERT_TRUE(until([&] { return requests[0].resets + requests[1].resets == 1; }));
  static_cast<void>(a);
  TestRequest& again = start(/*fresh=*/true);
  EXPECT_EQ(again.told, 0);
  ASSERT_TRUE(arrived(2, 1));
  peer.answerAll();
  ASSERT_TRUE(done(again));
  EXPECT_EQ(start().told, 1) << "others take what is there";
  ASSERT_TRUE(until([&] {
    peer.answerAll();
    return requests.back().done;
  }));
}

TEST_F(Http2PoolTest, AProtocolErrorEndsTheConnection) {
  HttpPool& pool = apply();
  TestRequest& a = start();
  ASSERT_TRUE(arrived(0, 1));
  peer.send(0, test::http2::frame(test::http2::FrameType::kPing, 0, 0, "short"));
  ASSERT_TRUE(until([&] { return a.resets == 1; }));
  EXPECT_EQ(a.error.reason, http::ErrorReason::kProtocol);
  EXPECT_EQ(pool.openConnections(), 0u);
  EXPECT_TRUE(until([&] { return peer.goaway(0); }));
}

// --- connecting ----------------------------------------------------------------------------------

TEST_F(Http2PoolTest, RefusedIsToldToAll) {
  const network::Address address = origin.address();
  origin.kill();
  apply();
  for (int i = 0; i < 5; ++i) start();
  EXPECT_TRUE(worker.until([&] {
    for (const TestRequest& request : requests) {
      if (request.failure != PoolFailure::kConnectFailed) return false;
    }
    return true;
  }));
  EXPECT_EQ(process.gauge("cluster_connect_failures_total"), 1);
}

TEST_F(Http2PoolTest, AnEndpointThatSaysNothingIsNotUp) {
  peer.greeting.clear();
  HttpPool& pool = apply({.connect_timeout = milliseconds(500)});
  TestRequest& a = start();
  ASSERT_TRUE(until([&] { return peer.connections() == 1; }));
  worker.dispatcher.advance(milliseconds(400));
  EXPECT_EQ(a.told, 0);
  worker.dispatcher.advance(milliseconds(200));
  EXPECT_EQ(a.failure, PoolFailure::kConnectTimeout);
  worker.run();
  EXPECT_EQ(pool.openConnections(), 0u);
}

TEST_F(Http2PoolTest, AnEndpointOfHttp1IsFoundOut) {
  peer.greeting = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
  HttpPool& pool = apply();
  TestRequest& a = start();
  TestRequest& b = start();
  ASSERT_TRUE(until([&] { return a.told + b.told == 2; }));
  EXPECT_EQ(a.failure, PoolFailure::kConnectFailed);
  EXPECT_EQ(a.detail, "upstream_does_not_speak_http2");
  EXPECT_EQ(pool.openConnections(), 0u);
  EXPECT_EQ(process.gauge("cluster_connect_failures_total"), 1);
}

TEST_F(Http2PoolTest, AnEndpointThatTakesNoStreamsIsNotUp) {
  allow(0);
  HttpPool& pool = apply({.connect_timeout = milliseconds(500)});
  TestRequest& a = start();
  TestRequest& b = start();
  ASSERT_TRUE(until([&] { return peer.connections() == 1 && peer.settingsAcks(0) == 1; }));
  worker.dispatcher.advance(milliseconds(400));
  EXPECT_EQ(a.told + b.told, 0);
  worker.dispatcher.advance(milliseconds(200));
  EXPECT_EQ(b.failure, PoolFailure::kConnectTimeout);
  worker.run();
  EXPECT_EQ(pool.openConnections(), 0u);
  EXPECT_EQ(peer.connections(), 1u) << "tried once";
}

TEST_F(Http2PoolTest, AnEndpointThatTakesNoStreamsYetIsWaitedFor) {
  allow(0);
  apply();
  TestRequest& a = start();
  ASSERT_TRUE(until([&] { return peer.connections() == 1 && peer.settingsAcks(0) == 1; }));
  EXPECT_EQ(a.told, 0);
  peer.send(0, test::http2::settings(maxStreams(1)));
  ASSERT_TRUE(answerAll());
  EXPECT_EQ(peer.connections(), 1u);
}

TEST_F(Http2PoolTest, AnEndpointThatGoesAwayAtOnceIsNotUp) {
  peer.greeting = test::http2::settings() + test::http2::goaway(0, ErrorCode::kNoError);
  HttpPool& pool = apply();
  TestRequest& a = start();
  ASSERT_TRUE(until([&] { return a.told == 1; }));
  EXPECT_EQ(a.failure, PoolFailure::kConnectFailed);
  EXPECT_EQ(a.detail, "upstream_takes_no_streams");
  worker.run();
  EXPECT_EQ(pool.openConnections(), 0u);
  EXPECT_EQ(peer.connections(), 4u);
  EXPECT_EQ(process.gauge("cluster_connect_failures_total"), 4);
}

// As a server does whose process gives way to another one: that takes the next connection.
TEST_F(Http2PoolTest, AnEndpointThatStopsLosesNobodyWhoWaits) {
  for (int way = 0; way < 3; ++way) {
    SCOPED_TRACE(way);
    HttpPool& pool = apply();
    const size_t first = peer.connections();
    peer.greeting = way == 0 ? test::http2::settings() + test::http2::goaway(0, ErrorCode::kNoError)
                             : std::string();
    for (int i = 0; i < 5; ++i) start();
    ASSERT_TRUE(until([&] { return peer.connections() == first + 1; }));
    if (way > 0) origin.close(first, /*reset=*/way == 1);
    peer.greeting = test::http2::settings();
    ASSERT_TRUE(answerAll());
    EXPECT_LE(peer.connections(), first + 3);
    for (TestRequest& request : requests) EXPECT_TRUE(request.done);
    pool.closeIdle();
    worker.run();
    requests.clear();
  }
}

// --- limits --------------------------------------------------------------------------------------

TEST_F(Http2PoolTest, SettingsMayLowerTheLimitBelowWhatIsOpen) {
  apply();
  for (int i = 0; i < 3; ++i) start();
  ASSERT_TRUE(arrived(0, 3));
  const int acks = peer.settingsAcks(0);
  peer.send(0, test::http2::settings(maxStreams(1)));
  ASSERT_TRUE(until([&] { return peer.settingsAcks(0) == acks + 1; }));
  start();
  ASSERT_TRUE(arrived(1, 1));
  peer.answer(0, 1);
  peer.answer(0, 3);
  ASSERT_TRUE(done(requests[0]) && done(requests[1]));
  start();
  ASSERT_TRUE(arrived(1, 2)) << "the first is still full";
  peer.answer(0, 5);
  ASSERT_TRUE(done(requests[2]));
  EXPECT_TRUE(until([&] { return worker.pool().idleConnections() == 1; }));
  ASSERT_TRUE(answerAll());
}

TEST_F(Http2PoolTest, WaitsForRoomWhenNoConnectionMayBeOpened) {
  allow(2);
  apply({.max_connections = 1});
  for (int i = 0; i < 4; ++i) start();
  ASSERT_TRUE(arrived(0, 2));
  worker.dispatcher.advance(milliseconds(50));
  EXPECT_EQ(process.gauge("cluster_pending_requests"), 2);
  peer.answer(0, 1);
  ASSERT_TRUE(done(requests[0]));
  ASSERT_TRUE(arrived(0, 2)) << "the next has its place";
  EXPECT_EQ(peer.connections(), 1u);
  ASSERT_TRUE(answerAll());
  EXPECT_LE(peer.mostOpen(0), 2u);
}

TEST_F(Http2PoolTest, ALifetimeLetsRequestsEndAndTakesNoMore) {
  apply({.connections = {.max_lifetime = milliseconds(5000), .lifetime_jitter_percent = 0}});
  start();
  ASSERT_TRUE(arrived(0, 1));
  worker.dispatcher.advance(milliseconds(5100));
  start();
  ASSERT_TRUE(arrived(1, 1));
  ASSERT_TRUE(answerAll());
  EXPECT_TRUE(until([&] { return worker.pool().openConnections() == 1; }));
}

TEST_F(Http2PoolTest, WaitingHasItsLimitsInNumberAndTime) {
  allow(1);
  apply({.connect_timeout = milliseconds(300), .max_connections = 1, .max_pending_requests = 1});
  warmUp();
  start();
  TestRequest& b = start();
  TestRequest& c = start();
  EXPECT_TRUE(c.refused);
  EXPECT_EQ(process.usage->pending, 1u);
  worker.dispatcher.advance(milliseconds(250));
  EXPECT_EQ(b.told, 0);
  worker.dispatcher.advance(milliseconds(100));
  EXPECT_EQ(b.detail, "queue_timeout");
  peer.answerAll();
  EXPECT_TRUE(done(requests.front()));
}

TEST_F(Http2PoolTest, AConnectionEndsAfterItsRequests) {
  HttpPool& pool = apply({.max_requests_per_connection = 2});
  for (int i = 0; i < 3; ++i) start();
  EXPECT_EQ(pool.openConnections(), 2u);
  ASSERT_TRUE(answerAll());
  EXPECT_TRUE(until([&] { return pool.openConnections() == 1; }));
  EXPECT_TRUE(until([&] { return peer.goaway(0) || peer.goaway(1); }));
  for (size_t i = 0; i < 2; ++i) EXPECT_LE(peer.mostOpen(i), 2u);
}

TEST_F(Http2PoolTest, ACancelledStreamLeavesTheOthers) {
  apply();
  start();
  start();
  ASSERT_TRUE(arrived(0, 2));
  requests.pop_front();
  ASSERT_TRUE(arrived(0, 1));
  ASSERT_TRUE(answerAll());
  EXPECT_EQ(peer.connections(), 1u);
}

TEST_F(Http2PoolTest, ACancelledStreamMakesRoom) {
  allow(1);
  apply({.max_connections = 1});
  warmUp();
  start();
  TestRequest& waits = start();
  ASSERT_TRUE(arrived(0, 1));
  EXPECT_EQ(waits.told, 0);
  requests.pop_front();
  ASSERT_TRUE(until([&] { return waits.told == 1; }));
  ASSERT_TRUE(answerAll());
  EXPECT_EQ(peer.connections(), 1u);
}

// --- time and drain ------------------------------------------------------------------------------

TEST_F(Http2PoolTest, IdleConnectionsEndAtTheirTimeout) {
  HttpPool& pool = apply({.idle_timeout = milliseconds(1000)});
  warmUp();
  worker.dispatcher.advance(milliseconds(900));
  EXPECT_EQ(pool.idleConnections(), 1u);
  worker.dispatcher.advance(milliseconds(200));
  EXPECT_EQ(pool.openConnections(), 0u);
  EXPECT_TRUE(until([&] { return peer.goaway(0) && origin.peerClosed(0); }));
}

TEST_F(Http2PoolTest, PingsFindADeadEndpoint) {
  HttpPool& pool = apply({.http2 = {.keepalive_interval = milliseconds(1000),
                                    .keepalive_timeout = milliseconds(300)}});
  TestRequest& a = start();
  ASSERT_TRUE(arrived(0, 1));
  const size_t pings = peer.pings(0);
  worker.dispatcher.advance(milliseconds(1100));
  ASSERT_TRUE(until([&] { return peer.pings(0) > pings; }));
  worker.run();
  worker.dispatcher.advance(milliseconds(600));
  EXPECT_EQ(a.resets, 0) << "it answers";
  peer.answers_pings = false;
  worker.dispatcher.advance(milliseconds(2000));
  ASSERT_TRUE(until([&] { return a.resets == 1; }));
  EXPECT_EQ(pool.openConnections(), 0u);
}

TEST_F(Http2PoolTest, DrainLetsStreamsFinish) {
  HttpPool& pool = apply();
  start();
  start();
  ASSERT_TRUE(arrived(0, 2));
  worker.cluster().drain();
  EXPECT_TRUE(until([&] { return peer.goaway(0); }));
  EXPECT_EQ(pool.openConnections(), 1u);
  TestRequest& late = start();
  ASSERT_TRUE(arrived(1, 1)) << "not on the one that goes";
  peer.answer(0, 1);
  ASSERT_TRUE(done(requests[0]));
  EXPECT_EQ(pool.openConnections(), 2u);
  ASSERT_TRUE(answerAll());
  EXPECT_TRUE(late.done);
  EXPECT_TRUE(until([&] { return pool.openConnections() == 0; })) << "kept none";
}

TEST_F(Http2PoolTest, AnotherTransportTakesOver) {
  std::string chosen = "h2";
  ClusterOptions options;
  apply(options);
  start();
  ASSERT_TRUE(arrived(0, 1));
  options.transport = std::make_shared<FakeAlpn>(chosen);
  apply(options);
  start();
  ASSERT_TRUE(arrived(1, 1)) << "the old connection takes no more";
  ASSERT_TRUE(answerAll());
  EXPECT_TRUE(until([&] { return worker.pool().openConnections() == 1; }));
}

TEST_F(Http2PoolTest, RequestsSurviveTheEndOfTheirCluster) {
  apply();
  TestRequest& a = start();
  ASSERT_TRUE(arrived(0, 1));
  base::LocalRef<WorkerCluster> cluster(&worker.cluster());
  worker.clusters.apply({});
  peer.answerAll();
  EXPECT_TRUE(done(a));
  EXPECT_TRUE(until([&] { return process.usage->connections == 0; }));
}

TEST_F(Http2PoolTest, OnlyRequestsOfOneKeyShareAConnection) {
  ClusterOptions options;
  options.transport = std::make_shared<FakeNeeds>(network::TransportNeeds{.server_name = true});
  apply(options);
  WorkerEndpoint& endpoint = worker.cluster().host(0);
  for (const char* name : {"a", "b", "a"}) {
    const network::TransportTarget target{.server_name = name};
    requests.emplace_back(endpoint.httpPool(target));
    requests.back().target = target;
    requests.back().start();
  }
  EXPECT_EQ(endpoint.openConnections(), 2u);
  ASSERT_TRUE(until([&] { return peer.openOfAll() == 3; }));
  EXPECT_EQ(peer.connections(), 2u);
  ASSERT_TRUE(answerAll());
  requests.clear();
  worker.dispatcher.advance(milliseconds(61'000));
  EXPECT_EQ(endpoint.openConnections(), 0u);
}

// --- what the endpoint chooses -------------------------------------------------------------------

class Http2PoolAlpnTest : public Http2PoolTest {
 protected:
  HttpPool& applyWith(HttpProtocol protocol) {
    ClusterOptions options;
    options.transport = std::make_shared<FakeAlpn>(chosen);
    options.http_protocol = protocol;
    worker.clusters.apply({process.config({origin.address()}, options)});
    return worker.pool();
  }
  void expectHttp1(size_t number) {
    std::string text;
    EXPECT_TRUE(worker.until([&] {
      text += origin.read(number);
      return text.ends_with("\r\n\r\n");
    }));
    EXPECT_TRUE(text.starts_with("GET / HTTP/1.1\r\n")) << text;
    origin.send(number, kOkAnswer);
  }

  std::string chosen;
};

TEST_F(Http2PoolAlpnTest, AutoSpeaksHttp2WhereThatIsChosen) {
  chosen = "h2";
  HttpPool& pool = applyWith(HttpProtocol::kAuto);
  for (int i = 0; i < 3; ++i) start();
  EXPECT_EQ(pool.openConnections(), 3u) << "nobody knows yet";
  ASSERT_TRUE(answerAll());
  EXPECT_EQ(requests.front().version, http::Version::kHttp2);
  worker.cluster().host(0).closeIdle();
  ASSERT_TRUE(until([&] { return pool.openConnections() == 0; }));
  requests.clear();
  for (int i = 0; i < 3; ++i) start();
  EXPECT_EQ(pool.openConnections(), 1u) << "one takes them all, as is known now";
  ASSERT_TRUE(answerAll());
}

TEST_F(Http2PoolAlpnTest, AutoSpeaksHttp1Otherwise) {
  for (const char* protocol : {"http/1.1", ""}) {
    chosen = protocol;
    HttpPool& pool = applyWith(HttpProtocol::kAuto);
    const size_t number = origin.accepted();
    TestRequest& a = start();
    expectHttp1(number);
    ASSERT_TRUE(worker.until([&] { return a.done; }));
    EXPECT_EQ(a.version, http::Version::kHttp11);
    EXPECT_EQ(pool.idleConnections(), 1u);
    requests.clear();
  }
}

TEST_F(Http2PoolAlpnTest, AnotherChoiceThanTheClustersIsAFailure) {
  chosen = "http/1.1";
  applyWith(HttpProtocol::kHttp2);
  TestRequest& a = start();
  ASSERT_TRUE(worker.until([&] { return a.told == 1; }));
  EXPECT_EQ(a.failure, PoolFailure::kConnectFailed);
  EXPECT_EQ(a.detail, "upstream_did_not_choose_http2");
  chosen = "h2";
  applyWith(HttpProtocol::kHttp1);
  TestRequest& b = start();
  ASSERT_TRUE(worker.until([&] { return b.told == 1; }));
  EXPECT_EQ(b.failure, PoolFailure::kConnectFailed);
  EXPECT_EQ(b.detail, "upstream_chose_http2");
}

// A worker's idle HTTP/2 connection holds the whole limit; another worker's request gets the room.
TEST(Http2PoolWorkersTest, AnIdleConnectionElsewhereGivesWay) {
  TestProcess process;
  TestOrigin origin;
  TestHttp2Origin peer(origin);
  TestWorker one(process, 0), two(process, 1);
  ClusterOptions options;
  options.http_protocol = HttpProtocol::kHttp2;
  options.max_connections = 1;
  const auto config = process.config({origin.address()}, options);
  one.clusters.apply({config});
  two.clusters.apply({config});
  TestRequest a(one.pool()), b(two.pool());
  a.start();
  ASSERT_TRUE(one.until([&] { return peer.answerAll(), a.done; }));
  ASSERT_TRUE(one.until([&] { return one.pool().idleConnections() == 1; }));
  b.start();
  two.run();
  EXPECT_EQ(b.told, 0);
  one.run();  // was asked
  EXPECT_EQ(one.pool().idleConnections(), 0u);
  two.dispatcher.advance(milliseconds(30));
  EXPECT_TRUE(two.until([&] { return peer.answerAll(), b.done; }));
}

}  // namespace
}  // namespace weir::upstream
