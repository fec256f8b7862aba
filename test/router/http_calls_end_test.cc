// Calls that are given up, that nobody waits for, or that are still under way when all ends; and
// what a listener may do.

#include <algorithm>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "source/base/random.h"
#include "test/router/http_calls_fixture.h"

namespace weir::router {
namespace {

using http::ErrorReason;

class HttpCallsEndTest : public HttpCallsTest {};

// ---- given up -------------------------------------------------------------------------------

// Gives a call up after `steps` steps of an exchange.
class GivenUp : public HttpCallsEndTest, public testing::WithParamInterface<int> {};

TEST_P(GivenUp, LeavesNothingBehindAndIsNotToldOf) {
  apply({.max_connections = 1, .queue_timeout = milliseconds(60'000)});
  RecordingListener first;
  HttpCallHandle ahead = calls->start(get(), first);
  buffer::Buffer body = bytes("hello");
  HttpCallRequest request = get();
  request.method = "POST";
  request.body = &body;
  HttpCallHandle handle;
  const std::vector<std::function<void()>> steps = {
      [&] { handle = start(request); },  // it waits for room
      [&] { received(0); },
      [&] {
        origin.send(0, kOk);
        EXPECT_TRUE(worker.until([&] { return first.told == 1; }));
      },
      [&] { received(0, "hello"); },
      [&] { origin.send(0, "HTTP/1.1 2"); },
      [&] { worker.run(); },
      [&] { origin.send(0, "00 OK\r\nTransfer-Encoding: chunked\r\n\r\n"); },
      [&] { worker.run(); },
      [&] { origin.send(0, "3\r\none\r\n3\r\nt"); },
      [&] { worker.run(); },
      [&] { origin.send(0, "wo\r\n0\r\nx-sum: 9\r\n"); },
      [&] { worker.run(); },
  };
  for (int i = 0; i <= GetParam(); ++i) steps[static_cast<size_t>(i)]();
  EXPECT_TRUE(handle);
  handle.cancel();
  EXPECT_FALSE(handle);
  ahead.cancel();
  EXPECT_EQ(stat("http_calls_active"), 0);
  worker.run();
  EXPECT_EQ(listener.told, 0);
  expectNothingInFlight();
  // Another one is as if nothing had been.
  const HttpCallHandle next = start(get());
  std::string text;
  size_t number = 0;
  EXPECT_TRUE(worker.until([&] {
    for (size_t i = 0; i < origin.accepted(); ++i) {
      std::string more = origin.read(i);
      if (more.ends_with("GET /x HTTP/1.1\r\nHost: auth.example\r\n\r\n")) {
        text = more;
        number = i;
      }
    }
    return !text.empty();
  }));
  origin.send(number, kOk);
  ASSERT_TRUE(told());
  EXPECT_EQ(listener.body, "ok");
}

INSTANTIATE_TEST_SUITE_P(Steps, GivenUp, testing::Range(0, 12));

// It is over, and nobody has been told yet.
TEST_F(HttpCallsEndTest, GivenUpBetweenTheEndAndTheListener) {
  HttpCallHandle handle = start(get());  // there is no cluster
  EXPECT_EQ(failures("no_cluster"), 1);
  EXPECT_TRUE(handle);
  handle.cancel();
  worker.run();
  EXPECT_EQ(listener.told, 0);
  EXPECT_EQ(stat("http_calls_cancelled_total"), 0);
}

TEST_F(HttpCallsEndTest, HandlesMove) {
  apply();
  HttpCallHandle first = start(get());
  HttpCallHandle second(std::move(first));
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): it is empty
  EXPECT_TRUE(second);
  HttpCallHandle& self = second;
  second = std::move(self);
  EXPECT_TRUE(second);
  first = std::move(second);
  EXPECT_TRUE(first);
  RecordingListener other;
  first = calls->start(get(), other);  // gives up the one before
  EXPECT_EQ(stat("http_calls_cancelled_total"), 1);
  EXPECT_EQ(stat("http_calls_active"), 1);
  first.cancel();
  first.cancel();
  worker.run();
  EXPECT_EQ(listener.told + other.told, 0);
}

// ---- what a listener may do -----------------------------------------------------------------

TEST_F(HttpCallsEndTest, AListenerMayStartTheNextOneOnTheSameConnection) {
  apply();
  HttpCallHandle handle = start(get());
  listener.then = [&] {
    handle = start(get("/next"));
    EXPECT_TRUE(handle);
  };
  received(0);
  origin.send(0, kOk);
  EXPECT_TRUE(received(0).starts_with("GET /next "));
  EXPECT_EQ(listener.told, 1);
  origin.send(0, kOk);
  EXPECT_TRUE(worker.until([&] { return listener.told == 2; }));
  EXPECT_EQ(origin.accepted(), 1u);
}

TEST_F(HttpCallsEndTest, AListenerMayStartOneThatFailsAtOnceAgainAndAgain) {
  HttpCallHandle handle;
  std::function<void()> again = [&] {
    if (listener.told >= 50) return;
    handle = start(get());
    listener.then = again;
  };
  again();
  EXPECT_TRUE(worker.until([&] { return listener.told == 50; }));
}

TEST_F(HttpCallsEndTest, AListenerMayDestroyItselfAndGiveUpOthers) {
  struct Pair {
    RecordingListener a, b;
    HttpCallHandle of_a, of_b;
  };
  auto pair = std::make_unique<Pair>();
  int told = 0;
  pair->a.then = pair->b.then = [&] {
    ++told;
    pair.reset();
  };
  pair->of_a = calls->start(get(), pair->a);  // both fail in the same turn
  pair->of_b = calls->start(get(), pair->b);
  worker.run();
  EXPECT_EQ(told, 1);
  EXPECT_EQ(pair, nullptr);
}

// ---- nobody waits ---------------------------------------------------------------------------

TEST_F(HttpCallsEndTest, ForgottenCallsAreBounded) {
  apply();
  calls->setMaxForgotten(2);
  buffer::Buffer body = bytes("kept");
  HttpCallRequest request = get();
  EXPECT_TRUE(calls->startAndForget(request));
  EXPECT_TRUE(calls->startAndForget(request));
  request.body = &body;
  EXPECT_FALSE(calls->startAndForget(request));
  EXPECT_EQ(body.toString(), "kept");
  EXPECT_EQ(stat("http_calls_refused_total"), 1);
  EXPECT_EQ(stat("http_calls_total"), 2);
  const HttpCallHandle handle = start(get("/mine"));  // has no part in that
  for (const size_t number : {0u, 1u, 2u}) {
    received(number);
    origin.send(number, kOk);
  }
  ASSERT_TRUE(told());
  EXPECT_TRUE(worker.until([&] { return stat("http_calls_answered_total") == 3; }));
  EXPECT_TRUE(calls->startAndForget(get()));
  EXPECT_TRUE(calls->startAndForget(get()));
  EXPECT_FALSE(calls->startAndForget(get()));
  calls->endAll();
}

TEST_F(HttpCallsEndTest, ForgottenCallsThatFailAreCountedAndMakeRoom) {
  calls->setMaxForgotten(1);
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(calls->startAndForget(get()));
    worker.run();
  }
  EXPECT_EQ(failures("no_cluster"), 5);
}

// ---- all ends -------------------------------------------------------------------------------

TEST_F(HttpCallsEndTest, EndsAllWithoutAWord) {
  apply({.max_connections = 2, .queue_timeout = milliseconds(60'000)});
  std::vector<RecordingListener> listeners(5);
  std::vector<HttpCallHandle> handles;
  for (RecordingListener& each : listeners) handles.push_back(calls->start(get(), each));
  EXPECT_TRUE(calls->startAndForget(get()));
  received(0);
  origin.send(0, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart");
  worker.run();
  calls->endAll();
  for (const HttpCallHandle& handle : handles) EXPECT_FALSE(handle);
  EXPECT_EQ(stat("http_calls_active"), 0);
  expectNothingInFlight();
  worker.run();
  for (const RecordingListener& each : listeners) EXPECT_EQ(each.told, 0);
  // It goes on to work.
  HttpCallRequest nowhere = get();
  nowhere.cluster = "other";
  const HttpCallHandle handle = start(nowhere);
  EXPECT_TRUE(told());
}

TEST_F(HttpCallsEndTest, HandlesMayOutliveTheService) {
  apply();
  HttpCallHandle running = start(get());
  HttpCallRequest nowhere = get();
  nowhere.cluster = "other";
  HttpCallHandle over = start(nowhere);
  calls.reset();
  EXPECT_FALSE(running);
  EXPECT_FALSE(over);
  worker.run();
  EXPECT_EQ(listener.told, 0);
}

TEST_F(HttpCallsEndTest, FinishesWhenItsClusterIsGone) {
  apply();
  HttpCallHandle handle = start(get());
  received(0);
  worker.clusters.apply({});
  worker.run();
  origin.send(0, kOk);
  ASSERT_TRUE(told());
  EXPECT_EQ(listener.body, "ok");
  handle = start(get());
  EXPECT_TRUE(worker.until([&] { return listener.told == 2; }));
  EXPECT_EQ(listener.error.reason, ErrorReason::kNoCluster);
}

// Whatever comes when: nothing is left, and each call is told of once or given up.
TEST_F(HttpCallsEndTest, AnyOrderOfEventsLeavesNothing) {
  apply({.max_connections = 3, .queue_timeout = milliseconds(400)});
  base::Random random(7);
  struct One {
    RecordingListener listener;
    HttpCallHandle handle;
  };
  std::vector<std::unique_ptr<One>> open;
  const std::vector<std::string> pieces = {
      std::string(kOk),
      "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart",
      "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n",
      "nonsense\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n",
  };
  const RetryPolicy policy{.max_retries = 2,
                           .conditions = RetryPolicy::bit(RetryPolicy::Condition::kGatewayError),
                           .base_interval = milliseconds(10),
                           .max_interval = milliseconds(20)};
  // Retries pause for random times, so no two runs are alike.
  for (int step = 0; step < 5000; ++step) {
    switch (random.uniform(9)) {
      case 0:
      case 1: {
        HttpCallRequest request = get();
        buffer::Buffer body = bytes("hello");
        if (random.uniform(2) == 0) request.body = &body;
        if (random.uniform(8) == 0) request.cluster = "other";
        if (random.uniform(2) == 0) request.retry = &policy;
        request.timeout = milliseconds(50 + random.uniform(300));
        request.max_response_bytes = 1000;
        open.push_back(std::make_unique<One>());
        open.back()->handle = calls->start(request, open.back()->listener);
        break;
      }
      case 2:
        if (!open.empty())
          open.erase(open.begin() + static_cast<long>(random.uniform(open.size())));
        break;
      case 3: {
        // Else they would keep the connections for themselves until the end.
        HttpCallRequest request = get();
        request.timeout = milliseconds(50 + random.uniform(300));
        static_cast<void>(calls->startAndForget(request));
        break;
      }
      case 4:
      case 5:
        if (const size_t accepted = origin.accepted(); accepted > 0) {
          const size_t number = accepted - 1 - random.uniform(std::min<size_t>(accepted, 3));
          if (!origin.peerClosed(number))
            origin.send(number, pieces[random.uniform(pieces.size())]);
        }
        break;
      case 6:
        worker.run();
        break;
      case 7:
        worker.dispatcher.advance(milliseconds(random.uniform(40)));
        break;
      default:
        for (const auto& one : open) {
          EXPECT_LE(one->listener.told, 1);
          EXPECT_EQ(one->listener.told == 1, !one->handle);
        }
    }
  }
  open.clear();
  calls->endAll();
  worker.run();
  expectNothingInFlight();
  EXPECT_EQ(stat("http_calls_active"), 0);
  EXPECT_GT(stat("http_calls_answered_total"), 20);
  EXPECT_GT(stat("http_calls_cancelled_total"), 20);
}

}  // namespace
}  // namespace weir::router
