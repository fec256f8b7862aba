// When a request of plain HTTP is sent again, and what of it.

#include <cstdint>
#include <memory>
#include <string_view>

#include "test/router/grpc_fixture.h"

namespace weir::router {
namespace {

using http::ResponseFlag;

constexpr std::string_view kBusy = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy";

class RouterHttpRetryTest : public GrpcRouterTest {
 protected:
  // The back-off is random: 40 ms at most here.
  void backOff() { worker.dispatcher.advance(milliseconds(60)); }
  // The n-th retry is planned.
  void waitForPlan(int n) {
    ASSERT_TRUE(worker.until([&] { return process.gauge("cluster_retries_total") == n; }));
  }
  // The n-th retry is due.
  void waitForRetry(int n = 1) {
    waitForPlan(n);
    backOff();
  }
  // A request without a body.
  std::unique_ptr<Stream> sent(std::string_view method, std::string_view path) {
    auto made = stream(method, path);
    made->send();
    return made;
  }
  // The head of one with so many bytes of body.
  std::unique_ptr<Stream> announced(std::string_view method, std::string_view path,
                                    uint64_t bytes) {
    auto made = stream(method, path);
    made->request.framing = http::BodyFraming::kContentLength;
    made->request.content_length = bytes;
    made->sendHead();
    return made;
  }
  At arrivedHead() { return arrived("\r\n\r\n"); }
};

TEST_F(RouterHttpRetryTest, AnAnswerOfFailureIsDiscardedAndAnotherEndpointAsked) {
  applyBoth();
  auto s = sent("GET", "/again");
  At first = arrivedHead();
  first.send(kBusy);
  waitForRetry();
  At second = arrivedHead();
  EXPECT_NE(first.origin, second.origin);
  EXPECT_EQ(s->sink.heads, 0);
  second.send(kOk);
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 200);
  EXPECT_EQ(s->sink.body, "ok");
  EXPECT_EQ(s->info.attempts, 2u);
  EXPECT_FALSE(s->info.hasFlag(ResponseFlag::kUpstreamRetryLimitExceeded));
}

// The rest of the discarded answer is read: its connection is as good as any.
TEST_F(RouterHttpRetryTest, TheConnectionOfADiscardedAnswerIsKept) {
  apply();
  auto s = sent("GET", "/again");
  At first = arrivedHead();
  first.send(kBusy);
  waitForRetry();
  At second = arrivedHead();
  EXPECT_EQ(second.number, first.number);
  second.send(kOk);
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.body, "ok");
  EXPECT_EQ(origin.accepted(), 1u);
}

TEST_F(RouterHttpRetryTest, TheRestOfADiscardedAnswerIsWaitedForAsLongAsThePauseTakes) {
  apply({.max_connections = 1});
  auto s = sent("GET", "/again");
  arrivedHead().send("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbu");
  waitForRetry();
  At second = arrivedHead();
  EXPECT_EQ(second.number, 1u);
  second.send(kOk);
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.body, "ok");
  EXPECT_TRUE(origin.peerClosed(0));
}

TEST_F(RouterHttpRetryTest, ADiscardedAnswerMayBreak) {
  apply();
  auto s = sent("GET", "/again");
  At first = arrivedHead();
  first.send("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbu");
  waitForPlan(1);
  close(first);
  worker.run();
  backOff();
  arrivedHead().send(kOk);
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 200);
}

TEST_F(RouterHttpRetryTest, TheClientLeavesWhileAnAnswerIsDiscarded) {
  apply();
  auto s = sent("GET", "/again");
  arrivedHead().send("HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbu");
  waitForPlan(1);
  s->end();
  s.reset();
  backOff();
  EXPECT_EQ(process.gauge("cluster_requests_total"), 1);
  EXPECT_TRUE(worker.until([&] { return origin.peerClosed(0); }));
}

TEST_F(RouterHttpRetryTest, TheLastAnswerIsPassedOn) {
  applyBoth();
  auto s = sent("GET", "/again");
  for (int i = 1; i <= 3; ++i) {
    arrivedHead().send(kBusy);
    if (i < 3) waitForRetry(i);
  }
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 503);
  EXPECT_EQ(s->sink.body, "busy");
  EXPECT_EQ(s->info.attempts, 3u);
  EXPECT_TRUE(s->info.hasFlag(ResponseFlag::kUpstreamRetryLimitExceeded));
}

TEST_F(RouterHttpRetryTest, OtherAnswersAreNot) {
  applyBoth();
  for (const char* status : {"200 OK", "404 Not Found", "500 Oh", "429 Slow"}) {
    auto s = sent("GET", "/again");
    arrivedHead().send("HTTP/1.1 " + std::string(status) + "\r\nContent-Length: 0\r\n\r\n");
    ASSERT_TRUE(ended(*s));
    EXPECT_EQ(s->sink.status, std::atoi(status));
    EXPECT_EQ(s->info.attempts, 1u);
  }
}

TEST_F(RouterHttpRetryTest, WhatMayHaveHadAnEffectIsNot) {
  applyBoth();
  auto post = sent("POST", "/again");
  arrivedHead().send(kBusy);
  ASSERT_TRUE(ended(*post));
  EXPECT_EQ(post->sink.status, 503);
  auto cut = sent("POST", "/again");
  close(arrivedHead());
  ASSERT_TRUE(ended(*cut));
  EXPECT_EQ(cut->sink.status, 502);
  EXPECT_EQ(process.gauge("cluster_retries_total"), 0);
}

TEST_F(RouterHttpRetryTest, UnlessTheRouteSaysSo) {
  applyBoth();
  auto post = announced("POST", "/any_method", 4);
  post->sendBody("body", true);
  arrived("body").send(kBusy);
  waitForRetry();
  arrived("body").send(kOk);
  ASSERT_TRUE(ended(*post));
  EXPECT_EQ(post->sink.status, 200);
}

TEST_F(RouterHttpRetryTest, ABodyOverTheLimitIsNotReplayed) {
  applyBoth();
  auto put = announced("PUT", "/again", 32 * 1024 + 1);
  put->sendBody(std::string(32 * 1024, 'x'), false);
  put->sendBody("y", true);
  arrived("xy").send(kBusy);
  ASSERT_TRUE(ended(*put));
  EXPECT_EQ(put->sink.status, 503);
  EXPECT_EQ(put->info.attempts, 1u);
}

TEST_F(RouterHttpRetryTest, AConnectionThatBreaksBeforeAnAnswer) {
  applyBoth();
  auto s = sent("GET", "/again");
  close(arrivedHead());
  waitForRetry();
  arrivedHead().send(kOk);
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 200);
}

// --- What an answer asks for ---

TEST_F(RouterHttpRetryTest, ARetryWaitsAsLongAsTheOnlyEndpointAsks) {
  apply();
  auto s = sent("GET", "/again");
  arrivedHead().send("HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n");
  waitForPlan(1);
  worker.dispatcher.advance(milliseconds(900));
  EXPECT_EQ(process.gauge("cluster_requests_total"), 1);
  worker.dispatcher.advance(milliseconds(200));
  arrivedHead().send(kOk);
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 200);
}

TEST_F(RouterHttpRetryTest, AnotherEndpointIsAskedAtOnce) {
  applyBoth();
  auto s = sent("GET", "/again");
  At first = arrivedHead();
  first.send("HTTP/1.1 503 Busy\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n");
  waitForRetry();
  At second = arrivedHead();
  EXPECT_NE(first.origin, second.origin);
  // That is the last one: who asks to wait for an hour is passed on.
  second.send("HTTP/1.1 503 Busy\r\nRetry-After: 3600\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 503);
  EXPECT_EQ(s->info.attempts, 2u);
  EXPECT_FALSE(s->info.hasFlag(ResponseFlag::kUpstreamRetryLimitExceeded));
}

// The route's timeout is 3 s.
TEST_F(RouterHttpRetryTest, NobodyWaitsForMoreThanTheRequestHas) {
  apply();
  auto s = sent("GET", "/again");
  arrivedHead().send("HTTP/1.1 503 Busy\r\nRetry-After: 4\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 503);
  EXPECT_EQ(s->info.attempts, 1u);
}

TEST_F(RouterHttpRetryTest, RequestsSayWhichAttemptTheyAre) {
  applyBoth();
  auto s = stream("GET", "/numbered");
  s->request.headers.add("X-Weir-Attempt", "9");
  s->send();
  At first = arrivedHead();
  EXPECT_NE(first.text.find("\r\nX-Weir-Attempt: 1\r\n"), std::string::npos) << first.text;
  EXPECT_EQ(first.text.find(": 9"), std::string::npos);
  first.send(kBusy);
  waitForRetry();
  At second = arrivedHead();
  EXPECT_NE(second.text.find("\r\nX-Weir-Attempt: 2\r\n"), std::string::npos) << second.text;
  second.send(kOk);
  ASSERT_TRUE(ended(*s));
}

// --- Without a policy ---

TEST_F(RouterHttpRetryTest, AnEndpointThatCannotBeReachedIsLeftForAnotherAtOnce) {
  applyBoth();
  other.kill();
  for (int i = 0; i < 4; ++i) {
    auto s = announced("POST", "/c", 4);
    s->sendBody("body", true);
    arrived("body").send(kOk);
    ASSERT_TRUE(ended(*s));
    EXPECT_EQ(s->sink.status, 200);
  }
  EXPECT_GE(process.gauge("cluster_retries_total"), 2);
  EXPECT_EQ(process.usage->retries, 0u);
}

TEST_F(RouterHttpRetryTest, OnlyOneOtherIsTried) {
  TestOrigin third;
  worker.clusters.apply({process.config({origin.address(), other.address(), third.address()})});
  for (TestOrigin* each : {&origin, &other, &third}) each->kill();
  auto s = sent("GET", "/c");
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 503);
  EXPECT_EQ(s->info.attempts, 2u);
  EXPECT_TRUE(s->info.hasFlag(ResponseFlag::kUpstreamConnectionFailure));
}

TEST_F(RouterHttpRetryTest, TheLimitsOfTheClusterHold) {
  upstream::ClusterOptions options{.retry_limits = {.most = 0, .budget_percent = 1, .at_least = 0}};
  worker.clusters.apply({process.config({origin.address(), other.address()}, options)});
  origin.kill();
  other.kill();
  auto s = sent("GET", "/c");
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 503);
  EXPECT_EQ(s->info.attempts, 1u);
  EXPECT_TRUE(s->info.hasFlag(ResponseFlag::kUpstreamOverflow));
}

// --- Time of an attempt ---

TEST_F(RouterHttpRetryTest, AnAttemptThatTakesTooLongIsGivenUpForAnother) {
  applyBoth();
  auto s = sent("GET", "/again");
  At first = arrivedHead();
  worker.dispatcher.advance(milliseconds(310));
  EXPECT_EQ(process.gauge("cluster_retries_total"), 1);
  EXPECT_TRUE(first.origin->peerClosed(first.number));
  backOff();
  At second = arrivedHead();
  EXPECT_NE(first.origin, second.origin);
  second.send(kOk);
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 200);
}

TEST_F(RouterHttpRetryTest, TheLastAttemptHasTheTimeOfTheRoute) {
  applyBoth();
  auto s = sent("GET", "/again");
  for (int i = 0; i < 2; ++i) {
    arrivedHead();
    worker.dispatcher.advance(milliseconds(310));
    backOff();
  }
  At third = arrivedHead();
  worker.dispatcher.advance(milliseconds(900));
  EXPECT_FALSE(s->sink.ended);
  third.send(kOk);
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 200);
  EXPECT_EQ(s->info.attempts, 3u);
  EXPECT_FALSE(s->info.hasFlag(ResponseFlag::kUpstreamRetryLimitExceeded));
}

TEST_F(RouterHttpRetryTest, AnAttemptThatCannotBeRepeatedHasTheTimeOfTheRoute) {
  applyBoth();
  auto s = sent("POST", "/again");
  At at = arrivedHead();
  worker.dispatcher.advance(milliseconds(2000));
  EXPECT_FALSE(s->sink.ended);
  at.send(kOk);
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 200);
}

TEST_F(RouterHttpRetryTest, AnAnswerThatHasBegunHasTheTimeOfTheRoute) {
  applyBoth();
  auto s = sent("GET", "/again");
  At at = arrivedHead();
  at.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no");
  ASSERT_TRUE(worker.until([&] { return s->sink.body == "o"; }));
  worker.dispatcher.advance(milliseconds(1000));
  EXPECT_FALSE(s->sink.ended);
  at.send("k");
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->info.attempts, 1u);
}

// More than the limits of the cluster allow are overdue: each has its turn.
TEST_F(RouterHttpRetryTest, AnAttemptThatGoesOnForWantOfRoomIsGivenUpLater) {
  upstream::ClusterOptions options{.retry_limits = {.most = 1, .budget_percent = 0}};
  worker.clusters.apply({process.config({origin.address(), other.address()}, options)});
  auto a = sent("GET", "/again"), b = sent("GET", "/again");
  arrivedHead();
  arrivedHead();
  worker.dispatcher.advance(milliseconds(310));
  EXPECT_EQ(process.gauge("cluster_retries_total"), 1);
  backOff();
  arrivedHead().send(kOk);
  ASSERT_TRUE(worker.until([&] { return a->sink.ended || b->sink.ended; }));
  worker.dispatcher.advance(milliseconds(310));
  EXPECT_EQ(process.gauge("cluster_retries_total"), 2);
  backOff();
  arrivedHead().send(kOk);
  ASSERT_TRUE(worker.until([&] { return a->sink.ended && b->sink.ended; }));
  EXPECT_EQ(a->sink.status, 200);
  EXPECT_EQ(b->sink.status, 200);
  EXPECT_FALSE(b->info.hasFlag(ResponseFlag::kUpstreamOverflow));
}

// Who sends slowly is not the endpoint.
TEST_F(RouterHttpRetryTest, TheTimeOfAnAttemptRunsFromTheEndOfTheRequest) {
  applyBoth();
  auto s = announced("PUT", "/again", 4);
  s->sendBody("bo", false);
  arrived("bo");
  worker.dispatcher.advance(milliseconds(500));
  EXPECT_EQ(process.gauge("cluster_retries_total"), 0);
  s->sendBody("dy", true);
  worker.run();
  worker.dispatcher.advance(milliseconds(310));
  waitForRetry();
  arrived("body").send(kOk);
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 200);
}

TEST_F(RouterHttpRetryTest, AnEndpointThatDoesNotTakeTheConnectionIsOverdueToo) {
  upstream::FullOrigin full;
  worker.clusters.apply({process.config({full.address(), origin.address()})});
  for (int i = 0; i < 2; ++i) {
    auto s = sent("GET", "/again");
    worker.run();
    if (worker.cluster().host(0).in_flight == 1) {
      worker.dispatcher.advance(milliseconds(310));
      backOff();
    }
    arrivedHead().send(kOk);
    ASSERT_TRUE(ended(*s));
    EXPECT_EQ(s->sink.status, 200);
  }
  EXPECT_GE(process.gauge("cluster_retries_total"), 1);
}

}  // namespace
}  // namespace weir::router
