// Origins that answer with errors, flap, come back, or are all down, and Weir itself standing
// still: what becomes of the traffic (docs/health.md).

#include <signal.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "test/e2e/health_stage.h"
#include "test/support/eventually.h"
#include "test/support/raw_connection.h"

namespace weir {
namespace {

using test::Answer;
using test::Clock;
using test::EventWatch;
using test::letPass;
using test::Load;
using test::milliseconds;
using test::RawConnection;
using test::Shown;
using test::Stage;

constexpr milliseconds kLimit{10'000};

int statusFrom(uint16_t port) {
  RawConnection client = RawConnection::connectTo(port);
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  return client.readMessage().status();
}

size_t changesOf(const std::vector<EventWatch::Event>& events, const std::string& endpoint) {
  return static_cast<size_t>(
      std::count_if(events.begin(), events.end(), [&](const EventWatch::Event& event) {
        return event.kind == "health" && event.endpoint == endpoint;
      }));
}

// --- Errors: no active check sees them ---

TEST(HealthTraffic, EndpointsThatAnswerWithErrorsAreEjected) {
  test::showHead();
  for (const int status : {500, 503}) {
    for (const bool retries : {false, true}) {
      Stage stage({.cluster = "outlier_detection {} " + std::string(test::kRoomForRetries),
                   .route = retries ? test::retryOnEverything("seconds: 1") : ""});
      Load load(stage.port(), {});
      ASSERT_TRUE(load.more(200));
      const auto fault = Clock::now();
      stage.origin('b').set({.status = status});
      const auto found = stage.events().next(
          [](const EventWatch::Event& event) { return event.kind == "ejected"; }, kLimit);
      ASSERT_TRUE(found);
      EXPECT_EQ(found->endpoint, "b");
      EXPECT_TRUE(load.more(300));
      const Shown row = sumUp(load, "answers " + std::to_string(status) + ", outliers",
                              retries ? "policy" : "none", fault, found);
      show(row);
      EXPECT_EQ(row.failed_after, 0);
      // Five in a row, and what was under way.
      EXPECT_LE(row.failed_before, retries ? 0 : 5 + 8);
    }
  }
}

// --- Flapping ---

TEST(HealthTraffic, ThresholdsDampFlapping) {
  Stage stage({.origins = "abc", .cluster = test::checks(/*quick=*/true)});
  ASSERT_TRUE(stage.ready());
  const size_t before = changesOf(stage.events().all(), "b");
  Load load(stage.port(), {.clients = 4});
  stage.origin('b').set({.fails = 2});  // every second check
  ASSERT_TRUE(load.more(600));          // three seconds: some twenty checks
  const size_t changes = changesOf(stage.events().all(), "b") - before;
  std::printf("every second check fails: %zu changes\n", changes);
  EXPECT_EQ(changes, 0u);
  // It goes and comes as whole.
  constexpr int kTimes = 4;
  for (int i = 0; i < kTimes; ++i) {
    stage.origin('b').set({.health = 503});
    EXPECT_TRUE(stage.events().becomes("b", "unhealthy", kLimit));
    stage.origin('b').set({});
    EXPECT_TRUE(stage.events().becomes("b", "healthy", kLimit));
  }
  const size_t all = changesOf(stage.events().all(), "b") - before;
  std::printf("down and up %d times: %zu changes\n", kTimes, all);
  EXPECT_EQ(all, 2u * kTimes);
  EXPECT_EQ(failuresOf(load.stop()), 0);
}

// --- Coming back ---

TEST(HealthTraffic, WhoComesBackGetsItsShareByAndBy) {
  Stage stage({.origins = "abc",
               .cluster = test::checks(/*quick=*/true) + "slow_start { window { seconds: 3 } } "});
  ASSERT_TRUE(stage.ready());
  Load load(stage.port(), {});
  ASSERT_TRUE(load.more(100));
  stage.origin('b').kill();
  ASSERT_TRUE(stage.events().becomes("b", "unhealthy", kLimit));
  ASSERT_TRUE(load.more(100));
  stage.origin('b').start();
  const auto back = stage.events().becomes("b", "healthy", kLimit);
  ASSERT_TRUE(back);
  ASSERT_TRUE(load.more(1'600));  // four seconds
  const std::vector<Answer> answers = load.stop();
  EXPECT_EQ(failuresOf(answers), 0);
  std::array<double, 4> shares{};
  for (size_t i = 0; i < shares.size(); ++i) {
    const auto from = back->seen + std::chrono::seconds(i);
    const auto part = between(answers, from, from + std::chrono::seconds(1));
    ASSERT_FALSE(part.empty());
    shares[i] = sharesOf(part)["b"] / static_cast<double>(part.size());
  }
  std::printf("share of the one that came back, by second: %.2f %.2f %.2f %.2f\n", shares[0],
              shares[1], shares[2], shares[3]);
  EXPECT_LT(shares[0], 0.25);
  EXPECT_LT(shares[0], shares[2]);
  EXPECT_NEAR(shares[3], 1.0 / 3, 0.06);
}

// --- Nobody is well ---

TEST(HealthTraffic, WhenAllAreUnhealthyAllServeOrNoneAsConfigured) {
  for (const bool panic : {true, false}) {
    Stage stage({.origins = "ab",
                 .cluster = test::checks(/*quick=*/true) + (panic ? "" : "panic_percent: 0 ")});
    ASSERT_TRUE(stage.ready());
    // They serve, whatever their checks say.
    for (const char name : {'a', 'b'}) stage.origin(name).set({.health = 503});
    for (const char* name : {"a", "b"}) {
      ASSERT_TRUE(stage.events().next(
          [&](const EventWatch::Event& event) { return event.to == "unhealthy"; }, kLimit))
          << name;
    }
    Load load(stage.port(), {});
    ASSERT_TRUE(load.more(100));
    const std::vector<Answer> answers = load.stop();
    const int failed = failuresOf(answers);
    std::printf("all unhealthy, panic %s: %d of %zu failed\n", panic ? "at half" : "off", failed,
                answers.size());
    EXPECT_EQ(failed, panic ? 0 : static_cast<int>(answers.size()));
    EXPECT_EQ(stage.weir().stat("cluster_panic"), panic ? 1 : 0);
    if (!panic) {
      EXPECT_EQ(statusFrom(stage.port()), 503);
      EXPECT_TRUE(stage.weir().process().waitForOutput("503:UH:no_eligible_endpoint:"));
    }
  }
}

TEST(HealthTraffic, WhenAllHaveDiedClientsAreToldAtOnceAndServedWhenOneIsBack) {
  Stage stage({.origins = "ab", .cluster = test::checks(/*quick=*/true)});
  ASSERT_TRUE(stage.ready());
  for (const char name : {'a', 'b'}) stage.origin(name).kill();
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(stage.events().next(
        [&](const EventWatch::Event& event) { return event.to == "unhealthy"; }, kLimit));
  }
  Load load(stage.port(), {});
  ASSERT_TRUE(load.more(200));
  std::vector<Answer> answers = load.stop();
  EXPECT_EQ(failuresOf(answers), static_cast<int>(answers.size()));
  for (const Answer& each : answers) {
    EXPECT_EQ(each.status, 503);
    EXPECT_LT(each.done - each.sent, std::chrono::seconds(1));
  }
  stage.origin('b').start();
  ASSERT_TRUE(stage.events().becomes("b", "healthy", kLimit));
  Load again(stage.port(), {});
  ASSERT_TRUE(again.more(200));
  answers = again.stop();
  EXPECT_EQ(failuresOf(answers), 0);
  EXPECT_EQ(sharesOf(answers).size(), 1u);
}

// --- A prober that was starved ---

TEST(HealthTraffic, StandingStillItselfWeirBlamesNobody) {
  constexpr std::string_view kNames = "abcd";
  Stage stage(
      {.cluster =
           "health_checks { config { [health_checkers/http] {} } interval { seconds: "
           "1 } timeout { nanos: 900000000 } unhealthy_threshold: 1 new_connections: true } "});
  ASSERT_TRUE(stage.ready());
  const auto slow = [&] {
    for (const char name : kNames) stage.origin(name).set({.delay = milliseconds(400)});
  };
  slow();
  const size_t before = stage.events().all().size();
  constexpr int kTimes = 3;
  for (int i = 0; i < kTimes; ++i) {
    // A probe has just begun, whatever the others do: each keeps to its own time, so there may be
    // none at which nothing is under way.
    int64_t seen = std::numeric_limits<int64_t>::max();
    ASSERT_TRUE(test::eventually([&] {
      const int64_t in_flight = stage.weir().stat("health_probes_in_flight");
      return in_flight > std::exchange(seen, in_flight);
    }));
    stage.weir().process().signal(SIGSTOP);
    // The probes break; but who knows what they would have come to in time?
    for (const char name : kNames) {
      stage.origin(name).kill();
      stage.origin(name).start();
    }
    slow();
    letPass(milliseconds(1'000));
    stage.weir().process().signal(SIGCONT);
    const auto passed = [&] {
      return stage.weir().stat("cluster_health_checks_total", "result=\"pass\"");
    };
    const int64_t by_now = passed();
    EXPECT_TRUE(test::eventually([&] { return passed() >= by_now + 4; }));
  }
  const int64_t starved = stage.weir().stat("health_prober_starved_total");
  std::printf(
      "stood still %d times: %lld noticed, %lld probes void, %zu endpoints blamed\n", kTimes,
      static_cast<long long>(starved),
      static_cast<long long>(stage.weir().stat("cluster_health_checks_total", "result=\"void\"")),
      stage.events().all().size() - before);
  EXPECT_EQ(starved, kTimes);
  EXPECT_EQ(stage.events().all().size(), before) << stage.events().all().back().cause;
}

}  // namespace
}  // namespace weir
