// What the router answers when the endpoint fails, and when it tries again.

#include "test/router/router_fixture.h"

namespace weir::router {
namespace {

TEST_F(RouterTest, NoEligibleEndpointIs503) {
  worker.clusters.apply({process.config({})});
  auto s = stream();
  s->send();
  EXPECT_EQ(s->sink.status, 503);
  EXPECT_TRUE(s->info.hasFlag(http::ResponseFlag::kNoHealthyUpstream));
  EXPECT_EQ(process.gauge("cluster_no_endpoint_total"), 1);
}

TEST_F(RouterTest, RefusedIs503) {
  const network::Address address = origin.address();
  origin.kill();
  apply();
  auto s = stream();
  s->send();
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 503);
  EXPECT_TRUE(s->info.hasFlag(http::ResponseFlag::kUpstreamConnectionFailure));
}

TEST_F(RouterTest, ConnectTimeoutIs504) {
  apply({.connect_timeout = milliseconds(100)});
  worker.dispatcher.setPollFds(false);
  auto s = stream();
  s->send();
  worker.dispatcher.advance(milliseconds(200));
  EXPECT_EQ(s->sink.status, 504);
  EXPECT_TRUE(s->info.hasFlag(http::ResponseFlag::kUpstreamConnectionFailure));
  worker.dispatcher.setPollFds(true);
}

TEST_F(RouterTest, OverflowIs503) {
  apply({.max_connections = 1, .max_pending_requests = 0});
  auto a = stream(), b = stream();
  a->send();
  b->send();
  EXPECT_EQ(b->sink.status, 503);
  EXPECT_TRUE(b->info.hasFlag(http::ResponseFlag::kUpstreamOverflow));
  received(0);
  origin.send(0, kOk);
  EXPECT_TRUE(ended(*a));
}

TEST_F(RouterTest, TheRouteTimeoutIs504) {
  apply();
  auto s = stream();
  s->send();
  received(0);
  worker.dispatcher.advance(milliseconds(900));
  EXPECT_EQ(s->sink.status, 0);
  worker.dispatcher.advance(milliseconds(200));
  EXPECT_EQ(s->sink.status, 504);
  EXPECT_TRUE(s->info.hasFlag(http::ResponseFlag::kUpstreamRequestTimeout));
  EXPECT_EQ(worker.pool().openConnections(), 0u);
}

TEST_F(RouterTest, TheRouteTimeoutAfterTheHeadResets) {
  apply();
  auto s = stream();
  s->send();
  received(0);
  origin.send(0, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart");
  EXPECT_TRUE(worker.until([&] { return s->sink.body == "part"; }));
  worker.dispatcher.advance(milliseconds(1200));
  EXPECT_EQ(s->sink.status, 200);
  EXPECT_EQ(s->sink.reset.reason, http::ErrorReason::kRequestTimeout);
}

TEST_F(RouterTest, TheRoutesIdleTimeoutRunsAnewWithEveryByte) {
  apply();
  auto s = stream("GET", "/idle");
  s->send();
  received(0);
  worker.dispatcher.advance(milliseconds(150));
  origin.send(0, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart");
  EXPECT_TRUE(worker.until([&] { return s->sink.body == "part"; }));
  worker.dispatcher.advance(milliseconds(150));
  EXPECT_FALSE(s->sink.ended);
  worker.dispatcher.advance(milliseconds(100));
  EXPECT_EQ(s->sink.reset.reason, http::ErrorReason::kIdleTimeout);
}

TEST_F(RouterTest, AProtocolErrorIs502) {
  apply();
  auto s = stream();
  s->send();
  received(0);
  origin.send(0, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n");
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 502);
  EXPECT_TRUE(s->info.hasFlag(http::ResponseFlag::kUpstreamProtocolError));
}

TEST_F(RouterTest, ClosedOrResetBeforeAnAnswerIs502) {
  for (const bool reset : {false, true}) {
    apply();
    auto s = stream();
    s->send();
    const size_t number = reset ? 1 : 0;
    received(number);
    origin.close(number, reset);
    EXPECT_TRUE(ended(*s));
    EXPECT_EQ(s->sink.status, 502);
    EXPECT_TRUE(s->info.hasFlag(http::ResponseFlag::kUpstreamConnectionTermination));
    EXPECT_EQ(s->info.attempts, 1u);
  }
}

TEST_F(RouterTest, BrokenAfterTheHeadResets) {
  apply();
  auto s = stream();
  s->send();
  received(0);
  origin.send(0, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart");
  EXPECT_TRUE(worker.until([&] { return s->sink.body == "part"; }));
  origin.close(0);
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 200);
  EXPECT_EQ(s->sink.reset.reason, http::ErrorReason::kConnectionClosed);
}

TEST_F(RouterTest, AReusedConnectionThatBreaksIsRetriedOnceOnAFreshOne) {
  apply();
  makeIdle();
  auto s = stream();
  s->send();
  received(0);
  origin.close(0);
  received(1);
  origin.send(1, kOk);
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 200);
  EXPECT_EQ(s->info.attempts, 2u);
  EXPECT_EQ(process.gauge("cluster_retries_total"), 1);
}

TEST_F(RouterTest, TheRetryIsNotRetried) {
  apply();
  makeIdle();
  auto s = stream();
  s->send();
  received(0);
  origin.close(0);
  received(1);
  origin.close(1);
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 502);
  EXPECT_EQ(s->info.attempts, 2u);
}

TEST_F(RouterTest, WhatMayHaveHadAnEffectIsNotRetried) {
  apply();
  makeIdle();
  auto post = stream("POST");
  post->send();
  received(0);
  origin.close(0);
  EXPECT_TRUE(ended(*post));
  EXPECT_EQ(post->sink.status, 502);
  EXPECT_EQ(process.gauge("cluster_retries_total"), 0);
}

TEST_F(RouterTest, ABodyThatHasBegunIsNotRetried) {
  apply();
  makeIdle();
  auto put = stream("PUT");
  put->request.framing = http::BodyFraming::kContentLength;
  put->request.content_length = 4;
  put->sendHead();
  put->sendBody("body", true);
  received(0, "body");
  origin.close(0);
  EXPECT_TRUE(ended(*put));
  EXPECT_EQ(put->sink.status, 502);
}

TEST_F(RouterTest, AnAnswerThatHasBegunIsNotRetried) {
  apply();
  makeIdle();
  auto s = stream();
  s->send();
  received(0);
  origin.send(0, "HTTP/1.1 2");
  worker.run();
  origin.close(0);
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 502);
  EXPECT_EQ(s->info.attempts, 1u);
}

}  // namespace
}  // namespace weir::router
