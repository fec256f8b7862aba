// An operator takes endpoints out under load, and brings them back: nobody notices
// (docs/health.md).

#include <cstdio>
#include <set>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "test/e2e/health_stage.h"
#include "test/support/eventually.h"

namespace weir {
namespace {

using test::Answer;
using test::Clock;
using test::EventWatch;
using test::Load;
using test::milliseconds;
using test::Stage;

constexpr milliseconds kLimit{10'000};

class HealthDrain : public ::testing::Test {
 protected:
  static std::optional<EventWatch::Event> waitFor(Stage& stage, const std::string& kind) {
    return stage.events().next([&](const EventWatch::Event& event) { return event.kind == kind; },
                               kLimit);
  }
};

TEST_F(HealthDrain, UnderLoadNoRequestIsLost) {
  Stage stage({});
  // There is something to be finished.
  for (const char name : {'a', 'b', 'c', 'd'}) stage.origin(name).set({.delay = milliseconds(30)});
  Load load(stage.port(), {});
  ASSERT_TRUE(load.more(200));
  int rounds = 0;
  for (const char* name : {"b", "c"}) {
    const auto asked = Clock::now();
    EXPECT_EQ(stage.operate("drain", name), 200);
    const auto drained = waitFor(stage, "drained");
    ASSERT_TRUE(drained);
    EXPECT_EQ(drained->endpoint, name);
    std::printf("drained after %lld ms\n",
                static_cast<long long>(
                    std::chrono::duration_cast<milliseconds>(drained->seen - asked).count()));
    // Whoever waited for that may stop the process.
    stage.origin(name[0]).kill();
    ASSERT_TRUE(load.more(100));
    stage.origin(name[0]).start();
    EXPECT_EQ(stage.operate("enable", name), 200);
    ASSERT_TRUE(test::eventually([&] { return stage.origin(name[0]).count() > 0; }));
    ++rounds;
  }
  const std::vector<Answer> answers = load.stop();
  std::printf("%d endpoints drained, restarted and enabled: %d of %zu requests failed\n", rounds,
              failuresOf(answers), answers.size());
  EXPECT_EQ(failuresOf(answers), 0);
  EXPECT_EQ(sharesOf(answers).size(), 4u);
  EXPECT_EQ(stage.weir().stat("routing_violations_total"), 0);
}

// Checks go on meanwhile, and say nothing against what the operator has said.
TEST_F(HealthDrain, ADrainedEndpointGetsNothingThoughItIsHealthy) {
  Stage stage({.cluster = test::checks(/*quick=*/true)});
  ASSERT_TRUE(stage.ready());
  Load load(stage.port(), {});
  ASSERT_TRUE(load.more(100));
  EXPECT_EQ(stage.operate("drain", "b"), 200);
  const auto drained = waitFor(stage, "drained");
  ASSERT_TRUE(drained);
  ASSERT_TRUE(load.more(400));  // some checks long
  const std::vector<Answer> answers = load.stop();
  EXPECT_EQ(failuresOf(answers), 0);
  EXPECT_EQ(sharesOf(between(answers, drained->seen, Clock::time_point::max())).count("b"), 0u);
  EXPECT_EQ(stage.operate("drain", "nobody"), 404);
}

TEST_F(HealthDrain, TcpSessionsFinish) {
  Stage stage({.listener = "tcp_proxy"});
  for (const char name : {'a', 'b', 'c', 'd'}) stage.origin(name).set({.delay = milliseconds(30)});
  Load load(stage.port(), {.new_connections = true});
  ASSERT_TRUE(load.more(200));
  EXPECT_EQ(stage.operate("drain", "b"), 200);
  const auto drained = waitFor(stage, "drained");
  ASSERT_TRUE(drained);
  ASSERT_TRUE(load.more(200));
  const std::vector<Answer> answers = load.stop();
  EXPECT_EQ(failuresOf(answers), 0);
  EXPECT_EQ(sharesOf(between(answers, drained->seen, Clock::time_point::max())).count("b"), 0u);
}

}  // namespace
}  // namespace weir
