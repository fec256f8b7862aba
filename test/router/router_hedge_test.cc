// A second attempt beside one that is slow to answer.

#include <algorithm>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "source/base/random.h"
#include "test/router/grpc_fixture.h"

namespace weir::router {
namespace {

using http::ResponseFlag;

constexpr std::string_view kBusy = "HTTP/1.1 503 Busy\r\nContent-Length: 4\r\n\r\nbusy";
constexpr std::string_view kFirst = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfirst";
constexpr std::string_view kSecond = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecond";
constexpr std::string_view kHalfAHead =
    "HTTP/1.1 201 Made\r\nLocation: /x\r\nX-Some: thing\r\nContent-Le";

class RouterHedgeTest : public GrpcRouterTest {
 protected:
  At arrivedHead() { return arrived("\r\n\r\n"); }
  std::unique_ptr<Stream> sent(std::string_view method = "GET", std::string_view path = "/hedged") {
    auto made = stream(method, path);
    made->send();
    return made;
  }
  // The delay of the test's routes is 100 ms.
  void wait() { worker.dispatcher.advance(milliseconds(110)); }
  // Two attempts of one request, in order.
  std::unique_ptr<Stream> race(std::string_view path = "/hedged") {
    auto s = sent("GET", path);
    first = arrivedHead();
    wait();
    second = arrivedHead();
    EXPECT_NE(first.origin, second.origin);
    EXPECT_EQ(started(), 1);
    return s;
  }
  bool gone(const At& at) {
    return worker.until([&] { return at.origin->peerClosed(at.number); });
  }
  int64_t started() { return process.store.valueOf("hedges_total"); }
  int64_t won() { return process.store.valueOf("hedges_won_total"); }
  int64_t refused(const std::string& reason) {
    return process.store.valueOf("hedges_refused_total", {{"reason", reason}});
  }
  void expectAnswer(Stream& s, std::string_view body) {
    ASSERT_TRUE(ended(s));
    EXPECT_EQ(s.sink.status, 200);
    EXPECT_EQ(s.sink.body, body);
    EXPECT_EQ(s.sink.heads, 1);
  }
  At first, second;
};

TEST_F(RouterHedgeTest, TheSecondMayBeFaster) {
  applyBoth();
  auto s = race();
  EXPECT_EQ(s->info.attempts, 2u);
  second.send(kSecond);
  expectAnswer(*s, "second");
  EXPECT_EQ(s->info.upstream_address->toString(), second.origin->address().toString());
  EXPECT_TRUE(s->info.hasFlag(ResponseFlag::kHedged));
  EXPECT_TRUE(gone(first));
  EXPECT_EQ(won(), 1);
  EXPECT_EQ(process.usage->retries, 0u);
}

TEST_F(RouterHedgeTest, SoMayTheFirst) {
  applyBoth();
  auto s = race();
  first.send(kFirst);
  expectAnswer(*s, "first");
  EXPECT_EQ(s->info.upstream_address->toString(), first.origin->address().toString());
  EXPECT_TRUE(gone(second));
  EXPECT_EQ(won(), 0);
}

TEST_F(RouterHedgeTest, WhoAnswersInTimeIsAlone) {
  applyBoth();
  auto s = sent();
  At at = arrivedHead();
  worker.dispatcher.advance(milliseconds(90));
  at.send(kFirst);
  expectAnswer(*s, "first");
  wait();
  EXPECT_EQ(started(), 0);
  EXPECT_EQ(s->info.attempts, 1u);
}

// Of what is cut off nothing is left in the answer.
TEST_F(RouterHedgeTest, HalfAHeadOfTheFirstLoses) {
  applyBoth();
  auto s = race();
  first.send(kHalfAHead);
  worker.run();
  second.send(kSecond);
  expectAnswer(*s, "second");
  EXPECT_EQ(s->sink.location, "");
}

TEST_F(RouterHedgeTest, HalfAHeadOfTheSecondLoses) {
  applyBoth();
  auto s = race();
  second.send(kHalfAHead);
  worker.run();
  first.send(kFirst);
  expectAnswer(*s, "first");
  EXPECT_EQ(s->sink.location, "");
}

TEST_F(RouterHedgeTest, HalfAHeadGoesOnWhenTheOtherBreaks) {
  applyBoth();
  auto s = race();
  second.send(kHalfAHead);
  worker.run();
  close(first);
  worker.run();
  second.send("ngth: 4\r\n\r\nmade");
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 201);
  EXPECT_EQ(s->sink.location, "/x");
  EXPECT_EQ(s->sink.body, "made");
}

TEST_F(RouterHedgeTest, TheFirstBreaks) {
  applyBoth();
  auto s = race();
  close(first);
  worker.run();
  EXPECT_FALSE(s->sink.ended);
  second.send(kSecond);
  expectAnswer(*s, "second");
}

TEST_F(RouterHedgeTest, TheSecondBreaks) {
  applyBoth();
  auto s = race();
  close(second);
  worker.run();
  EXPECT_FALSE(s->sink.ended);
  first.send(kFirst);
  expectAnswer(*s, "first");
}

TEST_F(RouterHedgeTest, BothBreak) {
  applyBoth();
  auto s = race();
  close(first);
  worker.run();
  close(second);
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 502);
}

TEST_F(RouterHedgeTest, ABadAnswerOfTheFirstIsDropped) {
  applyBoth();
  auto s = race();
  first.send(kBusy);
  worker.run();
  EXPECT_FALSE(s->sink.ended);
  second.send(kSecond);
  expectAnswer(*s, "second");
}

TEST_F(RouterHedgeTest, ABadAnswerOfTheSecondIsDropped) {
  applyBoth();
  auto s = race();
  second.send(kBusy);
  worker.run();
  EXPECT_FALSE(s->sink.ended);
  first.send(kFirst);
  expectAnswer(*s, "first");
}

TEST_F(RouterHedgeTest, TheLastBadAnswerIsThatOfTheRequest) {
  applyBoth();
  auto s = race();
  second.send(kBusy);
  worker.run();
  first.send(kBusy);
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 503);
  EXPECT_EQ(s->sink.body, "busy");
}

// From then on it is retried like any other, also when it is the second that is left.
TEST_F(RouterHedgeTest, WhoIsLeftIsRetried) {
  applyBoth();
  auto s = race("/hedged_retried");
  close(first);
  worker.run();
  second.send(kBusy);
  ASSERT_TRUE(worker.until([&] { return process.gauge("cluster_retries_total") == 1; }));
  worker.dispatcher.advance(milliseconds(60));
  arrivedHead().send(kOk);
  expectAnswer(*s, "ok");
  EXPECT_EQ(s->info.attempts, 3u);
}

// While there are two, the time of an attempt ends neither.
TEST_F(RouterHedgeTest, TheTimeOfAnAttemptIsThatOfTheLastOne) {
  applyBoth();
  auto s = race("/hedged_retried");
  worker.dispatcher.advance(milliseconds(400));
  EXPECT_EQ(process.gauge("cluster_retries_total"), 0);
  first.send(kFirst);
  expectAnswer(*s, "first");
}

TEST_F(RouterHedgeTest, ABodyGoesToBoth) {
  applyBoth();
  auto s = stream("PUT", "/hedged");
  s->request.framing = http::BodyFraming::kContentLength;
  s->request.content_length = 4;
  s->sendHead();
  s->sendBody("bo", false);
  wait();
  EXPECT_EQ(started(), 0);
  s->sendBody("dy", true);
  At one = arrived("body");
  wait();
  At two = arrived("body");
  EXPECT_NE(one.origin, two.origin);
  two.send(kSecond);
  expectAnswer(*s, "second");
}

TEST_F(RouterHedgeTest, ChunksAndTrailersGoBothWays) {
  applyBoth();
  auto s = stream("PUT", "/hedged");
  s->request.framing = http::BodyFraming::kChunked;
  s->request_trailers.add("x-sum", "1");
  s->sendHead();
  s->sendBody("body", false);
  s->sendTrailers();
  arrived("x-sum: 1\r\n\r\n");
  wait();
  At two = arrived("x-sum: 1\r\n\r\n");
  two.send(
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
      "2\r\nab\r\n0\r\nx-end: 1\r\n\r\n");
  expectAnswer(*s, "ab");
  EXPECT_EQ(s->sink.trailers, 1u);
}

TEST_F(RouterHedgeTest, WhatMayNotBeRepeatedIsSentOnce) {
  applyBoth();
  auto s = sent("POST");
  At at = arrivedHead();
  wait();
  EXPECT_EQ(started(), 0);
  at.send(kFirst);
  expectAnswer(*s, "first");
}

TEST_F(RouterHedgeTest, AnAnswerThatHasBegunIsWaitedFor) {
  applyBoth();
  auto s = sent();
  At at = arrivedHead();
  at.send("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfi");
  ASSERT_TRUE(worker.until([&] { return s->sink.body == "fi"; }));
  wait();
  EXPECT_EQ(started(), 0);
  at.send("rst");
  expectAnswer(*s, "first");
}

TEST_F(RouterHedgeTest, TheOnlyEndpointIsWaitedFor) {
  apply();
  auto s = sent();
  At at = arrivedHead();
  wait();
  EXPECT_EQ(started(), 0);
  EXPECT_EQ(refused("endpoint"), 1);
  at.send(kFirst);
  expectAnswer(*s, "first");
}

TEST_F(RouterHedgeTest, TheBudgetHolds) {
  applyBoth();
  for (int i = 0; i < 4; ++i) {
    auto s = sent("GET", "/hedged_rarely");
    At at = arrivedHead();
    wait();
    if (i % 2 == 1) arrivedHead();
    at.send(kFirst);
    expectAnswer(*s, "first");
  }
  EXPECT_EQ(started(), 2);
  EXPECT_EQ(refused("budget"), 2);
}

TEST_F(RouterHedgeTest, TheLimitsOfTheClusterHold) {
  upstream::ClusterOptions options{.retry_limits = {.most = 0, .budget_percent = 1, .at_least = 0}};
  worker.clusters.apply({process.config({origin.address(), other.address()}, options)});
  auto s = sent();
  At at = arrivedHead();
  wait();
  EXPECT_EQ(started(), 0);
  EXPECT_EQ(refused("limits"), 1);
  at.send(kFirst);
  expectAnswer(*s, "first");
}

TEST_F(RouterHedgeTest, TheClientLeaves) {
  applyBoth();
  auto s = race();
  s->end();
  EXPECT_TRUE(gone(first));
  EXPECT_TRUE(gone(second));
  EXPECT_EQ(process.usage->retries, 0u);
}

TEST_F(RouterHedgeTest, TheTimeOfTheRouteIsOver) {
  applyBoth();
  auto s = race();
  worker.dispatcher.advance(milliseconds(3100));
  EXPECT_EQ(s->sink.status, 504);
  EXPECT_EQ(s->sink.heads, 1);
  EXPECT_TRUE(gone(first));
  EXPECT_TRUE(gone(second));
}

TEST_F(RouterHedgeTest, AnEndpointThatTakesNoConnectionIsSlowToo) {
  upstream::FullOrigin full;
  worker.clusters.apply({process.config({full.address(), origin.address()})});
  // Which of the two is asked first depends on their order.
  int slow = 0;
  for (int i = 0; i < 2; ++i) {
    auto s = sent();
    worker.run();
    if (worker.cluster().host(0).in_flight == 1) {
      ++slow;
      wait();
    }
    arrivedHead().send(kSecond);
    expectAnswer(*s, "second");
  }
  EXPECT_GE(slow, 1);
  EXPECT_EQ(won(), slow);
}

TEST_F(RouterHedgeTest, AClientThatTakesNothingStopsTheSecondToo) {
  applyBoth();
  auto s = race();
  s->setBlocked(true);
  second.send(kSecond.substr(0, kSecond.size() - 3));
  ASSERT_TRUE(worker.until([&] { return s->sink.heads == 1; }));
  second.send("ond");
  worker.run();
  EXPECT_FALSE(s->sink.ended);
  s->setBlocked(false);
  ASSERT_TRUE(ended(*s));
}

TEST_F(RouterHedgeTest, InterimAnswersAreNotShownWhileThereAreTwo) {
  applyBoth();
  auto s = race();
  second.send("HTTP/1.1 103 Early Hints\r\n\r\n");
  worker.run();
  EXPECT_EQ(s->sink.informational, 0);
  first.send(kFirst);
  expectAnswer(*s, "first");
}

// --- Any order of events ---

class RandomRaceTest : public RouterHedgeTest {
 protected:
  using Place = std::pair<TestOrigin*, size_t>;

  // One of the last two connections of either origin; none: nobody has come yet.
  bool somewhere(Place& place) {
    TestOrigin& at = random.uniform(2) == 0 ? origin : other;
    const size_t count = at.accepted();
    if (count == 0) return false;
    place = {&at, count - 1 - random.uniform(std::min<size_t>(count, 2))};
    return !shut_.contains(place) && !at.peerClosed(place.second);
  }
  void shut(const Place& place) {
    place.first->close(place.second, random.uniform(2) == 0);
    shut_.insert(place);
  }
  // Who has asked is answered in some way, well or not.
  void answer(const Place& place) {
    if (!place.first->read(place.second).empty()) asked_.insert(place);
    if (!asked_.contains(place)) return;
    static constexpr std::string_view kAnswers[] = {
        kFirst,
        kBusy,
        kHalfAHead,
        "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nnotall",
        "HTTP/1.1 103 Hints\r\n\r\nHTTP/1.1 500 Oh\r\nContent-Length: 2\r\n\r\nn",
        "what?\r\n\r\n"};
    const size_t kind = random.uniform(std::size(kAnswers));
    place.first->send(place.second, kAnswers[kind]);
    asked_.erase(place);
    worker.run();
    if (kind >= 2) shut(place);
  }
  void step(Stream& s) {
    Place place;
    const bool found = somewhere(place);
    switch (random.uniform(8)) {
      case 0:
      case 1:
        if (found) answer(place);
        break;
      case 2:
        if (found) shut(place);
        break;
      case 3:
        s.setBlocked(random.uniform(2) == 0);
        break;
      default:
        worker.dispatcher.advance(milliseconds(20 + random.uniform(100)));
    }
    worker.run();
  }
  void expectNothingLeft(int run) {
    worker.run();
    EXPECT_EQ(process.gauge("cluster_active_requests"), 0) << run;
    EXPECT_EQ(process.gauge("cluster_pending_requests"), 0) << run;
    EXPECT_EQ(process.usage->retries, 0u) << run;
    for (uint32_t i = 0; i < 2; ++i) EXPECT_EQ(worker.cluster().host(i).in_flight, 0u) << run;
  }

  base::Random random{8};

 private:
  std::set<Place> shut_;
  std::set<Place> asked_;
};

TEST_F(RandomRaceTest, AnyOrderEndsOnceAndLeavesNothing) {
  constexpr int kRuns = 200;
  applyBoth();
  for (int run = 0; run < kRuns; ++run) {
    auto s = sent("GET", random.uniform(2) == 0 ? "/hedged_retried" : "/hedged");
    const bool leaves = random.uniform(8) == 0;
    const uint64_t steps = 5 + random.uniform(30);
    for (uint64_t i = 0; i < steps && !s->sink.ended; ++i) step(*s);
    if (leaves) {
      s->end();
    } else {
      s->setBlocked(false);
      worker.run();
      worker.dispatcher.advance(milliseconds(3100));
      EXPECT_TRUE(s->sink.ended) << run;
      EXPECT_EQ(s->sink.heads, 1) << run;
    }
    s.reset();
    expectNothingLeft(run);
  }
  EXPECT_GT(started(), kRuns / 10);
  EXPECT_GT(won(), 0);
}

}  // namespace
}  // namespace weir::router
