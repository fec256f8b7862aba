// What exchanges say of their endpoint for outlier detection, and what says nothing.

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "source/upstream/trouble.h"
#include "test/router/grpc_fixture.h"

namespace weir::router {
namespace {

using std::chrono::seconds;
using upstream::EndpointUsage;
using upstream::Trouble;

class FakeTroubles final : public upstream::TroubleSink {
 public:
  void report(std::string_view, std::string_view, Trouble trouble) override {
    told.push_back(trouble);
  }
  std::vector<Trouble> told;
};

class RouterOutlierTest : public GrpcRouterTest {
 protected:
  RouterOutlierTest() { worker.services.put<upstream::TroubleSink>(troubles); }
  void watch(const ClusterOptions& options = {}) {
    auto config =
        std::make_shared<upstream::ClusterConfig>(*process.config({origin.address()}, options));
    config->outliers = policy;
    worker.clusters.apply({config});
  }
  // Good and bad outcomes since it was asked last: "1 good", "2 bad", "".
  std::string outcomes() {
    const EndpointUsage::Totals now = worker.cluster().host(0).usage().totals();
    std::string text;
    const uint64_t good = now.good - before_.good;
    const uint64_t bad = now.bad - before_.bad;
    if (good > 0) text += std::to_string(good) + " good";
    if (bad > 0) text += std::to_string(bad) + " bad";
    before_ = now;
    return text;
  }
  EndpointUsage::Runs& runs() { return worker.cluster().host(0).usage().runs; }
  // A request that has arrived over a connection that is new, or not.
  std::unique_ptr<Stream> asked(size_t number, std::string_view path = "/c",
                                std::string_view method = "GET") {
    auto s = stream(method, path);
    s->info.request_complete = worker.dispatcher.now();
    s->send();
    received(number);
    return s;
  }
  void answer(size_t number, const std::string& status, Stream& to) {
    origin.send(number, "HTTP/1.1 " + status + "\r\nContent-Length: 0\r\n\r\n");
    EXPECT_TRUE(ended(to));
  }

  upstream::OutlierPolicy policy;
  FakeTroubles troubles;

 private:
  EndpointUsage::Totals before_;
};

TEST_F(RouterOutlierTest, AnswersCountByTheirStatusAndTime) {
  policy.latency_percent_of_median = 200;
  watch();
  auto s = asked(0);
  worker.dispatcher.advance(milliseconds(30));
  answer(0, "200 OK", *s);
  EXPECT_EQ(outcomes(), "1 good");
  EndpointUsage::Totals totals = worker.cluster().host(0).usage().totals();
  EXPECT_EQ(totals.timed, 1u);
  EXPECT_EQ(totals.waited_us, 30'000u);
  s = asked(0);
  answer(0, "404 Not Found", *s);
  EXPECT_EQ(outcomes(), "1 good");
  for (int i = 1; i <= 5; ++i) {
    s = asked(0);
    worker.dispatcher.advance(milliseconds(500));
    answer(0, "503 Busy", *s);
    EXPECT_EQ(outcomes(), "1 bad");
    EXPECT_EQ(runs().server_errors, static_cast<uint32_t>(i));
  }
  EXPECT_EQ(troubles.told,
            (std::vector<Trouble>{Trouble::kRunOf5xx, Trouble::kRunOfGatewayErrors}));
  totals = worker.cluster().host(0).usage().totals();
  EXPECT_EQ(totals.timed, 2u);
  EXPECT_EQ(totals.waited_us, 30'000u);
}

TEST_F(RouterOutlierTest, TheTimeOfTheClientIsNotTheEndpoints) {
  policy.latency_percent_of_median = 200;
  watch();
  auto s = stream("POST");
  s->request.framing = http::BodyFraming::kChunked;
  s->sendHead();
  received(0);
  worker.dispatcher.advance(milliseconds(700));
  s->info.request_complete = worker.dispatcher.now();
  s->sendBody("x", true);
  received(0, "0\r\n\r\n");
  worker.dispatcher.advance(milliseconds(20));
  answer(0, "200 OK", *s);
  EXPECT_EQ(worker.cluster().host(0).usage().totals().waited_us, 20'000u);
  // Answered before the request was complete: nobody knows what it has waited for.
  s = stream("POST");
  s->request.framing = http::BodyFraming::kChunked;
  s->sendHead();
  received(0);
  answer(0, "200 OK", *s);
  EXPECT_EQ(outcomes(), "2 good");
  EXPECT_EQ(worker.cluster().host(0).usage().totals().timed, 1u);
}

TEST_F(RouterOutlierTest, TimesThatNobodyComparesAreNotTaken) {
  watch();
  auto s = asked(0);
  answer(0, "200 OK", *s);
  EXPECT_EQ(outcomes(), "1 good");
  EXPECT_EQ(worker.cluster().host(0).usage().totals().timed, 0u);
}

TEST_F(RouterOutlierTest, WithoutDetectionNothingIsCounted) {
  apply();
  auto s = asked(0);
  answer(0, "503 Busy", *s);
  s = asked(0);
  origin.close(0, true);
  EXPECT_TRUE(worker.until([&] { return s->sink.ended || origin.accepted() == 2; }));
  EXPECT_EQ(outcomes(), "");
  EXPECT_EQ(runs().server_errors, 0u);
}

// --- No answer ---

TEST_F(RouterOutlierTest, AResetBeforeTheAnswerIsBad) {
  watch();
  for (const bool reset : {true, false}) {
    auto s = asked(reset ? 0 : 1);
    origin.close(reset ? 0 : 1, reset);
    EXPECT_TRUE(ended(*s));
    EXPECT_EQ(s->sink.status, 502);
    EXPECT_EQ(outcomes(), "1 bad");
  }
  EXPECT_EQ(runs().server_errors, 2u);
  EXPECT_EQ(runs().gateway_errors, 2u);
}

TEST_F(RouterOutlierTest, AConnectionThatWasTakenForIdleSaysNothing) {
  watch();
  makeIdle();
  EXPECT_EQ(outcomes(), "1 good");
  auto s = asked(0, "/c", "POST");
  origin.close(0);
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 502);
  EXPECT_EQ(outcomes(), "");
  EXPECT_EQ(runs().server_errors, 0u);
}

TEST_F(RouterOutlierTest, AnAnswerThatBreaksOffIsBadUnlessTheClientWasSlow) {
  watch();
  auto s = asked(0);
  origin.send(0, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_TRUE(worker.until([&] { return s->sink.body == "abc"; }));
  origin.close(0, true);
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(outcomes(), "1 bad");
  s = asked(1);
  origin.send(1, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_TRUE(worker.until([&] { return s->sink.body == "abc"; }));
  s->setBlocked(true);
  origin.close(1, true);
  worker.run();
  s->setBlocked(false);
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(outcomes(), "");
}

TEST_F(RouterOutlierTest, AnAnswerThatIsNoHttpIsBad) {
  watch();
  auto s = asked(0);
  origin.send(0, "SSH-2.0-OpenSSH_9.2\r\n\r\n");
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 502);
  EXPECT_EQ(outcomes(), "1 bad");
}

TEST_F(RouterOutlierTest, ARequestThatIsNotCompleteSaysNothingWhenItFails) {
  watch();
  auto s = stream("POST");
  s->request.framing = http::BodyFraming::kChunked;
  s->sendHead();
  received(0);
  origin.close(0, true);  // it may have waited for the client for too long
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(outcomes(), "");
}

TEST_F(RouterOutlierTest, AConnectFailureIsObservedOnce) {
  watch();
  origin.kill();
  auto s = stream();
  s->send();
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(outcomes(), "1 bad");
  EXPECT_EQ(runs().connect_failures, 1u);
  EXPECT_EQ(runs().server_errors, 0u);
}

// --- Time ---

TEST_F(RouterOutlierTest, ATimeoutWhileItIsWaitedForIsBad) {
  watch();
  auto s = asked(0);
  worker.dispatcher.advance(milliseconds(1100));
  EXPECT_EQ(s->sink.status, 504);
  EXPECT_EQ(outcomes(), "1 bad");
  EXPECT_EQ(runs().gateway_errors, 1u);
  s = asked(1, "/idle");
  worker.dispatcher.advance(milliseconds(300));
  EXPECT_EQ(s->sink.status, 504);
  EXPECT_EQ(outcomes(), "1 bad");
}

TEST_F(RouterOutlierTest, ATimeoutInTheMidstOfAnAnswerSaysNothing) {
  watch();
  auto s = asked(0);
  origin.send(0, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  EXPECT_TRUE(worker.until([&] { return s->sink.body == "abc"; }));
  worker.dispatcher.advance(milliseconds(1100));
  EXPECT_TRUE(s->sink.ended);
  EXPECT_EQ(outcomes(), "");
}

TEST_F(RouterOutlierTest, ATimeoutWhileTheClientSendsSaysNothing) {
  watch();
  auto s = stream("POST", "/idle");
  s->request.framing = http::BodyFraming::kChunked;
  s->sendHead();
  received(0);
  worker.dispatcher.advance(milliseconds(300));
  EXPECT_TRUE(s->sink.ended);
  EXPECT_EQ(outcomes(), "");
}

TEST_F(RouterOutlierTest, EachAttemptThatTakesTooLongIsBad) {
  watch();
  auto s = asked(0, "/again");
  for (size_t attempt = 1; attempt <= 2; ++attempt) {
    worker.dispatcher.advance(milliseconds(400));
    received(attempt);
    EXPECT_EQ(outcomes(), "1 bad");
  }
  answer(2, "200 OK", *s);
  EXPECT_EQ(outcomes(), "1 good");
}

TEST_F(RouterOutlierTest, ARunThatHasJustBegunIsNotToBlameForTheTimeOfTheQueue) {
  watch({.endpoint_max_requests = 1});
  auto first = asked(0, "/idle");
  auto s = stream();
  s->send();
  for (int i = 0; i < 6; ++i) {
    worker.dispatcher.advance(milliseconds(140));
    origin.send(0, "HTTP/1.1 103 Early Hints\r\n\r\n");
    worker.run();
  }
  answer(0, "200 OK", *first);
  received(0);
  EXPECT_EQ(outcomes(), "1 good");
  worker.dispatcher.advance(milliseconds(250));
  EXPECT_EQ(s->sink.status, 504);
  EXPECT_EQ(outcomes(), "");
}

TEST_F(RouterOutlierTest, AClientThatGoesSaysNothing) {
  watch();
  auto s = asked(0);
  worker.dispatcher.advance(milliseconds(900));
  s->end();
  worker.run();
  EXPECT_EQ(outcomes(), "");
  s = stream();
  s->send();
  s->end();
  worker.run();
  EXPECT_EQ(outcomes(), "");
}

// --- Tunnels and gRPC ---

TEST_F(RouterOutlierTest, ATunnelIsGoodWhenItBegins) {
  watch();
  auto s = stream();
  s->request.upgrade = "websocket";
  s->sendHead();
  received(0);
  origin.send(
      0, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nhi");
  EXPECT_TRUE(worker.until([&] { return s->sink.body == "hi"; }));
  EXPECT_EQ(outcomes(), "1 good");
  origin.close(0, true);
  EXPECT_TRUE(ended(*s));
  EXPECT_EQ(outcomes(), "");
}

class RouterOutlierGrpcTest : public RouterOutlierTest {
 protected:
  std::unique_ptr<Stream> called(size_t number, std::string_view timeout = "") {
    auto s = call("/c", timeout);
    s->sendHead();
    s->info.request_complete = worker.dispatcher.now();
    s->sendBody("ping", true);
    received(number, "0\r\n\r\n");
    return s;
  }
  // What a trailers-only answer with this status says.
  std::string says(std::string_view status, std::string_view timeout = "",
                   milliseconds after = milliseconds(10)) {
    auto s = called(0, timeout);
    worker.dispatcher.advance(after);
    At at{.origin = &origin, .number = 0, .text = {}};
    at.sendStatus(status);
    EXPECT_TRUE(ended(*s));
    return outcomes();
  }
};

TEST_F(RouterOutlierGrpcTest, AnswersCountByTheirStatus) {
  watch();
  EXPECT_EQ(says("0"), "1 good");
  EXPECT_EQ(says("5"), "1 good") << "NOT_FOUND";
  EXPECT_EQ(says("14"), "1 bad") << "UNAVAILABLE";
  EXPECT_EQ(runs().gateway_errors, 1u);
  EXPECT_EQ(says("13"), "1 bad") << "INTERNAL";
  EXPECT_EQ(runs().gateway_errors, 0u);
  EXPECT_EQ(runs().server_errors, 2u);
  EXPECT_EQ(says("1"), "") << "CANCELLED";
  EXPECT_EQ(runs().server_errors, 2u);
  EXPECT_EQ(says("4"), "1 bad") << "DEADLINE_EXCEEDED, which the client has not set";
}

TEST_F(RouterOutlierGrpcTest, AHastyClientSaysNothing) {
  watch();
  EXPECT_EQ(says("4", "5S"), "") << "it cannot be over yet for the endpoint";
  EXPECT_EQ(says("4", "5S", milliseconds(1500)), "1 bad");
  auto s = called(0, "300m");
  worker.dispatcher.advance(milliseconds(400));
  EXPECT_TRUE(s->sink.ended);
  EXPECT_EQ(outcomes(), "");
  s = called(1, "1500m");
  worker.dispatcher.advance(milliseconds(1600));
  EXPECT_TRUE(s->sink.ended);
  EXPECT_EQ(outcomes(), "1 bad");
}

}  // namespace
}  // namespace weir::router
