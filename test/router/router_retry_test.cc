// When a gRPC call is sent again, and what of it.

#include <algorithm>

#include "test/router/grpc_fixture.h"

namespace weir::router {
namespace {

using http::ResponseFlag;

class RouterRetryTest : public GrpcRouterTest {
 protected:
  // The back-off is random: 40 ms at most here.
  void backOff() { worker.dispatcher.advance(milliseconds(60)); }
};

TEST_F(RouterRetryTest, AStatusIsRetriedOnAnotherEndpoint) {
  applyBoth();
  auto s = call("/retried", "10S");
  s->sendHead();
  s->sendBody("ping", true);
  At first = arrived();
  first.sendStatus("14");
  worker.dispatcher.advance(milliseconds(60));
  At second = arrived();
  EXPECT_NE(first.origin, second.origin);
  EXPECT_TRUE(second.text.ends_with("4\r\nping\r\n0\r\n\r\n"));
  EXPECT_EQ(first.field("grpc-timeout"), "10000000u");
  EXPECT_LT(std::stoul(second.field("grpc-timeout")), 10'000'000u);  // what is left
  second.sendHead();
  second.sendMessage("pong");
  second.sendTrailers("0");
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.heads, 1);
  EXPECT_EQ(s->sink.body, "pong");
  EXPECT_EQ(s->sink.grpc_status, "0");
  EXPECT_EQ(s->info.attempts, 2u);
  EXPECT_EQ(process.gauge("cluster_retries_total"), 1);
  EXPECT_EQ(answers("UNAVAILABLE"), 1);
  EXPECT_EQ(answers("OK"), 1);
  EXPECT_FALSE(s->info.hasFlag(ResponseFlag::kUpstreamRetryLimitExceeded));
}

TEST_F(RouterRetryTest, AnotherStatusIsNot) {
  applyBoth();
  auto s = call("/retried");
  s->send();
  arrived("\r\n\r\n").sendStatus("5");
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.grpc_status, "5");
  EXPECT_EQ(s->info.attempts, 1u);
  EXPECT_FALSE(s->info.hasFlag(ResponseFlag::kUpstreamRetryLimitExceeded));
}

TEST_F(RouterRetryTest, TheLastAnswerIsPassedOn) {
  applyBoth();
  auto s = call("/retried");
  s->send();
  for (int i = 0; i < 3; ++i) {
    arrived("\r\n\r\n").sendStatus(i < 2 ? "14" : "8");
    worker.run();
    backOff();
  }
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.grpc_status, "8");
  EXPECT_EQ(s->info.attempts, 3u);
  EXPECT_TRUE(s->info.hasFlag(ResponseFlag::kUpstreamRetryLimitExceeded));
}

// The client goes on sending while the first endpoint refuses and the second one is waited for.
TEST_F(RouterRetryTest, AnUnfinishedRequestIsReplayedAndGoesOn) {
  applyBoth();
  auto s = call("/retried");
  s->sendHead();
  s->sendBody("one ", false);
  At first = arrived("one \r\n");
  first.sendStatus("14");
  ASSERT_TRUE(worker.until([&] { return process.gauge("cluster_retries_total") == 1; }));
  s->sendBody("two ", false);
  backOff();
  At second = arrived("two \r\n");
  EXPECT_TRUE(second.text.ends_with("8\r\none two \r\n"));
  s->sendBody("three", false);
  s->request_trailers.add("x-t", "1");
  s->sendTrailers();
  EXPECT_EQ(arrived("\r\n\r\n").text, "5\r\nthree\r\n0\r\nx-t: 1\r\n\r\n");
  second.sendStatus("0");
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.grpc_status, "0");
}

TEST_F(RouterRetryTest, TrailersAreReplayed) {
  applyBoth();
  auto s = call("/retried");
  s->sendHead();
  s->sendBody("body", false);
  s->request_trailers.add("x-t", "1");
  s->sendTrailers();
  arrived("x-t: 1\r\n\r\n").sendStatus("14");
  worker.run();
  backOff();
  At second = arrived("x-t: 1\r\n\r\n");
  EXPECT_TRUE(second.text.ends_with("4\r\nbody\r\n0\r\nx-t: 1\r\n\r\n"));
  second.sendStatus("0");
  ASSERT_TRUE(ended(*s));
}

TEST_F(RouterRetryTest, ALargeBodyIsReplayedPieceByPiece) {
  applyBoth();
  auto s = call("/retried");
  s->sendHead();
  for (int i = 0; i < 4; ++i) s->sendBody(std::string(8000, static_cast<char>('p' + i)), false);
  s->sendBody("", true);
  At first = arrived();
  first.sendStatus("14");
  worker.run();
  backOff();
  At second = arrived();
  const auto body = second.text.begin() + static_cast<ptrdiff_t>(second.text.find("\r\n\r\n"));
  for (int i = 0; i < 4; ++i) {
    const auto letter = static_cast<char>('p' + i);
    EXPECT_EQ(std::count(body, second.text.end(), letter), 8000) << letter;
  }
  second.sendStatus("0");
  ASSERT_TRUE(ended(*s));
}

TEST_F(RouterRetryTest, ABodyOverTheLimitIsNotReplayed) {
  applyBoth();
  auto s = call("/retried");
  s->sendHead();
  s->sendBody(std::string(32 * 1024, 'x'), false);
  s->sendBody("x", true);
  arrived().sendStatus("14");
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.grpc_status, "14");
  EXPECT_EQ(s->info.attempts, 1u);
}

TEST_F(RouterRetryTest, AnAnswerThatHasBegunIsNotRetried) {
  applyBoth();
  auto s = call("/retried");
  s->send();
  At at = arrived("\r\n\r\n");
  at.sendHead();
  at.sendTrailers("14");
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.grpc_status, "14");
  EXPECT_EQ(s->info.attempts, 1u);
}

TEST_F(RouterRetryTest, AnAnswerOfPlainHttpIsRetriedAsWhatItMeans) {
  applyBoth();
  auto s = call("/retried");
  s->sendHead();
  s->sendBody("ping", true);
  arrived().send("HTTP/1.1 503 No\r\nContent-Length: 100\r\n\r\nsome");
  worker.run();
  backOff();
  arrived().sendStatus("0");
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.heads, 1);
  EXPECT_EQ(s->sink.body, "");
  EXPECT_EQ(s->sink.grpc_status, "0");
}

TEST_F(RouterRetryTest, AnOriginThatIsDownIsLeftForAnother) {
  applyBoth();
  other.kill();
  for (int i = 0; i < 4; ++i) {
    auto s = call("/retried");
    s->sendHead();
    s->sendBody("ping", true);
    ASSERT_TRUE(worker.until([&] {
      backOff();
      return origin.accepted() > 0 && worker.cluster().host(0).in_flight == 1;
    }));
    arrived().sendStatus("0");
    ASSERT_TRUE(ended(*s));
    EXPECT_EQ(s->sink.grpc_status, "0");
  }
  EXPECT_GE(process.gauge("cluster_retries_total"), 1);
}

TEST_F(RouterRetryTest, AConnectionThatBreaksUnansweredIsUnavailable) {
  applyBoth();
  auto s = call("/retried");
  s->sendHead();
  s->sendBody("ping", true);
  close(arrived());
  ASSERT_TRUE(worker.until([&] { return process.gauge("cluster_retries_total") == 1; }));
  backOff();
  arrived().sendStatus("0");
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.grpc_status, "0");
}

TEST_F(RouterRetryTest, RequestsThatAreNotGrpcAreNotRetried) {
  applyBoth();
  auto s = stream("POST", "/retried");
  s->send();
  arrived("\r\n\r\n").send("HTTP/1.1 503 No\r\nContent-Length: 0\r\n\r\n");
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 503);
  EXPECT_EQ(s->info.attempts, 1u);
}

TEST_F(RouterRetryTest, TheClientLeavesInTheMeantime) {
  applyBoth();
  auto s = call("/retried");
  s->sendHead();
  s->sendBody("ping", false);
  arrived("ping\r\n").sendStatus("14");
  ASSERT_TRUE(worker.until([&] { return process.gauge("cluster_retries_total") == 1; }));
  s->end();
  s.reset();
  backOff();
  EXPECT_EQ(process.gauge("cluster_requests_total"), 1);
}

TEST_F(RouterRetryTest, TheTimeIsOverInTheMeantime) {
  applyBoth();
  auto s = call("/retried", "50m");
  s->send();
  At at = arrived("\r\n\r\n");
  worker.dispatcher.advance(milliseconds(45));
  at.sendStatus("14");
  ASSERT_TRUE(worker.until([&] { return process.gauge("cluster_retries_total") == 1; }));
  worker.dispatcher.advance(milliseconds(80));
  EXPECT_EQ(s->sink.grpc_status, "4");
}

// What waits is bounded, between attempts as well.
TEST_F(RouterRetryTest, AFastClientIsSlowedWhileNobodyTakesItsBody) {
  applyBoth();
  auto s = call("/retried");
  s->sendHead();
  s->sendBody("ping", false);
  arrived("ping\r\n").sendStatus("14");
  ASSERT_TRUE(worker.until([&] { return process.gauge("cluster_retries_total") == 1; }));
  s->sendBody(std::string(64 * 1024, 'x'), false);
  EXPECT_FALSE(s->sink.reading);
  backOff();
  EXPECT_TRUE(worker.until([&] { return s->sink.reading; }));
  s->sendBody("", true);
  arrived().sendStatus("14");  // too much by now
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.grpc_status, "14");
  EXPECT_EQ(s->info.attempts, 2u);
}

}  // namespace
}  // namespace weir::router
