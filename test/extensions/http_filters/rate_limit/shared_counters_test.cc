#include "extensions/http_filters/rate_limit/shared_counters.h"

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/network/io_context.h"
#include "test/fakes/fake_dispatcher.h"
#include "test/redis/fake_redis.h"
#include "test/support/child_process.h"

namespace weir::extensions::http_filters::rate_limit {
namespace {

using redis::test::FakeRedis;
using redis::test::RedisCommand;
using std::chrono::milliseconds;
using ::testing::ElementsAre;
using Kind = CountedLimit::Kind;

TEST(ReadStandings, ReadsWhatTheScriptSaysAndNothingElse) {
  std::vector<CountedStanding> two(2);
  ASSERT_TRUE(readStandings("1 99 0 1000;0 0 250 1250;", two));
  EXPECT_TRUE(two[0].passes);
  EXPECT_EQ(two[0].left, 99u);
  EXPECT_FALSE(two[1].passes);
  EXPECT_EQ(two[1].until_next, milliseconds(250));
  EXPECT_EQ(two[1].until_full, milliseconds(1250));
  for (const char* wrong :
       {"", "1", "1 99 0 1000;", "1 99 0 1000;0 0 250 1250", "1 99 0 1000;0 0 250 1250;;",
        "2 99 0 1000;0 0 250 1250;", "1 -9 0 1000;0 0 250 1250;", "1 99 0 99999999999999;0 0 2 1;",
        "1 99 0 1000;0 0 250 1250;1 1 1 1;", "a b c d;e f g h;"}) {
    EXPECT_FALSE(readStandings(wrong, two)) << wrong;
  }
}

// Who asks, and what it has heard. Worker-confined.
struct Asker final : CountListener {
  void onCounted(std::span<const CountedStanding> standings) override {
    heard = standings.empty() ? "nothing" : "";
    for (const CountedStanding& standing : standings) heard += standing.passes ? "+" : "-";
    question = nullptr;
  }
  SharedCounters::Question* question = nullptr;
  std::string heard;
};

class SharedCountersTest : public ::testing::Test {
 protected:
  SharedCountersTest() : io_(dispatcher_, 0) {
    services_.put<event::Dispatcher>(dispatcher_);
    services_.put(io_);
    services_.put(stats_.block(1));
    settings_.key_prefix = "{t}:";
    settings_.server.address = redis_.address();
    redis_.script = [this](const RedisCommand& command) { return answer(command); };
  }
  ~SharedCountersTest() override {
    counters_.reset();
    dispatcher_.runUntilIdle();
  }

  std::string answer(const RedisCommand& command) {
    if (command[0] == "SCRIPT") return FakeRedis::text("digest");
    if (command[0] == "EVALSHA" && forgotten_) return "-NOSCRIPT No matching script\r\n";
    if (command[0] == "EVAL") forgotten_ = false;
    if (command[0].starts_with("EVAL")) {
      std::string text;
      for (int i = 0; i < std::stoi(command[2]); ++i) text += says_;
      return FakeRedis::text(text);
    }
    return redis_.answer(command);
  }
  void start() {
    counters_.emplace(services_, settings_, "test", CounterStats::create(stats_, "test"));
    ASSERT_TRUE(until([this] { return counters_->connected(); }));
    ASSERT_TRUE(until([this] { return redis_.count("SCRIPT") == 1; }));
    dispatcher_.runUntilIdle();
  }
  bool until(const std::function<bool()>& done) {
    dispatcher_.post([] {});
    return dispatcher_.runUntil(done);
  }
  bool ask(Asker& asker, std::vector<AskedLimit> limits = {}) {
    if (limits.empty()) limits = {{&window_, "key", false}};
    asker.heard.clear();
    asker.question = counters_->ask(limits, asker);
    EXPECT_EQ(asker.heard, "") << "not from inside";
    return asker.question != nullptr;
  }
  int64_t questions(const char* outcome) {
    return stats_.valueOf("http_rate_limit_questions_total",
                          {{"filter", "test"}, {"outcome", outcome}});
  }

  event::FakeDispatcher dispatcher_;
  network::IoContext io_;
  base::ServiceMap services_;
  stats::Store stats_;
  FakeRedis redis_{dispatcher_};
  CounterSettings settings_;
  std::optional<SharedCounters> counters_;
  const CountedLimit window_{Kind::kWindow, 10, milliseconds(1000), 10};
  const CountedLimit bucket_{Kind::kBucket, 5, milliseconds(60'000), 7};
  std::string says_ = "1 9 0 1000;";
  bool forgotten_ = false;
};

TEST_F(SharedCountersTest, AsksAllLimitsInOneStep) {
  start();
  Asker asker;
  ASSERT_TRUE(ask(asker, {{&window_, "a", false}, {&bucket_, "b|c", true}}));
  EXPECT_EQ(counters_->waiting(), 1u);
  ASSERT_TRUE(until([&] { return !asker.heard.empty(); }));
  EXPECT_EQ(asker.heard, "++");
  EXPECT_THAT(redis_.commands.back(),
              ElementsAre("EVALSHA", "digest", "2", "{t}:a", "{t}:b|c", "w", "10", "1000000", "10",
                          "b", "5", "60000000", "7", "0", "1"));
  EXPECT_EQ(counters_->waiting(), 0u);
  EXPECT_EQ(questions("answered"), 1);
}

TEST_F(SharedCountersTest, SendsTheScriptWhereItIsNotKnown) {
  start();
  forgotten_ = true;
  Asker asker;
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(ask(asker));
    ASSERT_TRUE(until([&] { return !asker.heard.empty(); }));
    EXPECT_EQ(asker.heard, "+");
  }
  EXPECT_EQ(redis_.count("EVALSHA"), 2u);
  EXPECT_EQ(redis_.count("EVAL"), 1u);
  EXPECT_EQ(questions("answered"), 2);
}

TEST_F(SharedCountersTest, NobodyWaitsLongerThanItMay) {
  start();
  redis_.holds = true;
  Asker one;
  Asker two;
  ASSERT_TRUE(ask(one));
  dispatcher_.advance(milliseconds(10));
  ASSERT_TRUE(ask(two));
  dispatcher_.advance(milliseconds(9));
  EXPECT_EQ(one.heard, "");
  dispatcher_.advance(milliseconds(2));
  EXPECT_EQ(one.heard, "nothing");
  EXPECT_EQ(two.heard, "");
  redis_.release();
  ASSERT_TRUE(until([&] { return !two.heard.empty(); }));
  EXPECT_EQ(two.heard, "+");
  EXPECT_EQ(questions("timeout"), 1);
  EXPECT_EQ(questions("answered"), 1);
}

TEST_F(SharedCountersTest, RestsWhileTheServerIsSlow) {
  settings_.max_timeouts = 3;
  start();
  redis_.holds = true;
  std::vector<Asker> askers(3);
  for (Asker& asker : askers) ASSERT_TRUE(ask(asker));
  dispatcher_.advance(milliseconds(25));
  for (const Asker& asker : askers) EXPECT_EQ(asker.heard, "nothing");
  EXPECT_TRUE(counters_->resting());
  Asker late;
  EXPECT_FALSE(ask(late)) << "no request waits any more";
  EXPECT_EQ(questions("unavailable"), 1);
  // It is asked until it is fast again.
  redis_.release();
  dispatcher_.advance(milliseconds(300));
  ASSERT_TRUE(until([&] { return !counters_->resting(); }));
  ASSERT_TRUE(ask(late));
  ASSERT_TRUE(until([&] { return !late.heard.empty(); }));
  EXPECT_EQ(late.heard, "+");
}

TEST_F(SharedCountersTest, ALostConnectionIsToldAtOnce) {
  start();
  redis_.holds = true;
  Asker asker;
  ASSERT_TRUE(ask(asker));
  ASSERT_TRUE(until([&] { return redis_.count("EVALSHA") == 1; }));
  redis_.dropClients();
  ASSERT_TRUE(until([&] { return !asker.heard.empty(); }));
  EXPECT_EQ(asker.heard, "nothing");
  EXPECT_FALSE(ask(asker));
  EXPECT_EQ(questions("error"), 1);
  redis_.holds = false;
  ASSERT_TRUE(until([&] {
    dispatcher_.advance(milliseconds(50));
    return counters_->connected();
  }));
  ASSERT_TRUE(ask(asker));
  ASSERT_TRUE(until([&] { return !asker.heard.empty(); }));
  EXPECT_EQ(asker.heard, "+");
}

TEST_F(SharedCountersTest, SoManyWaitAtATime) {
  settings_.max_waiting = 2;
  start();
  redis_.holds = true;
  Asker one;
  Asker two;
  Asker three;
  ASSERT_TRUE(ask(one));
  ASSERT_TRUE(ask(two));
  EXPECT_FALSE(ask(three));
  counters_->cancel(*two.question);
  EXPECT_EQ(counters_->waiting(), 1u);
  ASSERT_TRUE(ask(three));
  redis_.release();
  ASSERT_TRUE(until([&] { return !three.heard.empty(); }));
  EXPECT_EQ(one.heard, "+");
  EXPECT_EQ(two.heard, "") << "it did not want to know";
}

TEST_F(SharedCountersTest, NonsenseIsNoAnswer) {
  start();
  for (const char* nonsense : {"", "x", "1 9 0 1000;1 9 0 1000;"}) {
    says_ = nonsense;
    Asker asker;
    ASSERT_TRUE(ask(asker));
    ASSERT_TRUE(until([&] { return !asker.heard.empty(); }));
    EXPECT_EQ(asker.heard, "nothing") << nonsense;
  }
  redis_.script = [this](const RedisCommand& command) -> std::string {
    return command[0] == "EVALSHA" ? "-ERR no\r\n" : answer(command);
  };
  Asker asker;
  ASSERT_TRUE(ask(asker));
  ASSERT_TRUE(until([&] { return !asker.heard.empty(); }));
  EXPECT_EQ(asker.heard, "nothing");
  EXPECT_EQ(questions("error"), 4);
}

TEST_F(SharedCountersTest, GoesAwayWithQuestionsUnderWay) {
  start();
  redis_.holds = true;
  Asker asker;
  ASSERT_TRUE(ask(asker));
  counters_.reset();
  dispatcher_.advance(milliseconds(100));
  EXPECT_EQ(asker.heard, "");
  EXPECT_EQ(stats_.valueOf("http_rate_limit_waiting", {{"filter", "test"}}), 0);
  EXPECT_EQ(stats_.valueOf("http_rate_limit_connected", {{"filter", "test"}}), 0);
}

// --- The script in a real Redis ---

class ScriptTest : public ::testing::Test {
 protected:
  ScriptTest() {
    EXPECT_TRUE(server_.waitForOutput("The server is now ready to accept connections"))
        << server_.out();
  }
  // What it answers; "+" and "-" by limit, or the error.
  std::string count(const std::vector<std::pair<std::string, CountedLimit>>& limits,
                    const std::string& shadows) {
    std::vector<std::string> command = {"redis-cli",
                                        "-s",
                                        folder_.file("s"),
                                        "EVAL",
                                        std::string(countingScript()),
                                        std::to_string(limits.size())};
    for (const auto& [key, limit] : limits) command.push_back(key);
    for (const auto& [key, limit] : limits) {
      command.insert(command.end(), limit.arguments.begin(), limit.arguments.end());
    }
    for (const char shadow : shadows) command.push_back(std::string(1, shadow));
    std::string text = test::runToEnd(command).out;
    if (text.ends_with('\n')) text.pop_back();
    last_.assign(limits.size(), {});
    if (!readStandings(text, last_)) return text;
    std::string signs;
    for (const CountedStanding& standing : last_) signs += standing.passes ? "+" : "-";
    return signs;
  }

  test::TemporaryFolder folder_;
  test::ChildProcess server_{{"redis-server", "--port", "0", "--save", "", "--appendonly", "no",
                              "--unixsocket", folder_.file("s"), "--dir", folder_.path()}};
  std::vector<CountedStanding> last_;
};

constexpr auto kHour = milliseconds(3'600'000);

TEST_F(ScriptTest, WindowsCountExactly) {
  const CountedLimit three(Kind::kWindow, 3, kHour, 3);
  for (const uint64_t left : {2, 1, 0}) {
    EXPECT_EQ(count({{"k", three}}, "0"), "+");
    EXPECT_EQ(last_[0].left, left);
  }
  EXPECT_EQ(count({{"k", three}}, "0"), "-");
  EXPECT_GT(last_[0].until_next, kHour - milliseconds(1));
  EXPECT_LE(last_[0].until_next, kHour * 11 / 10);
  EXPECT_EQ(count({{"other", three}}, "0"), "+");
}

TEST_F(ScriptTest, BucketsCountExactly) {
  const CountedLimit two(Kind::kBucket, 1, kHour, 2);
  EXPECT_EQ(count({{"k", two}}, "0"), "+");
  EXPECT_EQ(last_[0].left, 1u);
  EXPECT_EQ(last_[0].until_next, milliseconds(0));
  EXPECT_EQ(count({{"k", two}}, "0"), "+");
  EXPECT_EQ(count({{"k", two}}, "0"), "-");
  EXPECT_GT(last_[0].until_next, kHour - std::chrono::minutes(2));
  EXPECT_LE(last_[0].until_next, kHour);
}

TEST_F(ScriptTest, WhatOneLimitRefusesCountsInNone) {
  const CountedLimit one(Kind::kWindow, 1, kHour, 1);
  const CountedLimit many(Kind::kBucket, 100, kHour, 100);
  EXPECT_EQ(count({{"one", one}, {"many", many}}, "00"), "++");
  EXPECT_EQ(last_[1].left, 99u);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(count({{"one", one}, {"many", many}}, "00"), "-+");
  EXPECT_EQ(last_[1].left, 99u) << "nothing was taken";
  EXPECT_EQ(count({{"one", one}, {"many", many}}, "10"), "-+") << "a shadow refuses nothing";
  EXPECT_EQ(last_[1].left, 98u);
}

}  // namespace
}  // namespace weir::extensions::http_filters::rate_limit
