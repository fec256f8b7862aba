#include "source/redis/link.h"

#include <optional>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/task_pool.h"
#include "source/network/io_context.h"
#include "test/fakes/fake_dispatcher.h"
#include "test/redis/fake_redis.h"
#include "test/support/child_process.h"

namespace weir::redis {
namespace {

using std::chrono::milliseconds;
using test::FakeRedis;
using test::RedisCommand;
using ::testing::ElementsAre;

class LinkTest : public ::testing::Test, public LinkOwner {
 protected:
  LinkTest() : io_(dispatcher_, 0) {
    services_.put<event::Dispatcher>(dispatcher_);
    services_.put(io_);
    services_.put(tasks_);
    server_.address = redis_.address();
  }
  ~LinkTest() override {
    link_.reset();
    dispatcher_.runUntilIdle();
  }
  void onLinkUp() override { ++ups_; }
  void onLinkDown() override { ++downs_; }
  void onConnectFailed() override { ++failures_; }

  void open() {
    link_.emplace(services_, server_, "test", *this);
    link_->start();
  }
  bool until(const std::function<bool()>& done) {
    dispatcher_.post([] {});
    return dispatcher_.runUntil(done);
  }
  bool openUp() {
    open();
    return until([this] { return link_->up(); });
  }
  // What a command came to goes to answers_.
  bool ask(std::string_view key) {
    return link_->send({"GET", key}, [this](const Reply* reply) {
      answers_.push_back(reply == nullptr ? "lost" : std::string(reply->text));
    });
  }

  event::FakeDispatcher dispatcher_;
  network::IoContext io_;
  base::TaskPool tasks_;
  base::ServiceMap services_;
  FakeRedis redis_{dispatcher_};
  Server server_;
  std::optional<Link> link_;
  std::vector<std::string> answers_;
  int ups_ = 0;
  int downs_ = 0;
  int failures_ = 0;
};

TEST_F(LinkTest, ConnectsByItselfAndPipelines) {
  redis_.values = {{"a", "1"}, {"b", "2"}};
  open();
  EXPECT_FALSE(ask("a")) << "not yet";
  ASSERT_TRUE(until([this] { return link_->up(); }));
  EXPECT_EQ(ups_, 1);
  redis_.holds = true;
  ASSERT_TRUE(ask("a"));
  ASSERT_TRUE(ask("b"));
  ASSERT_TRUE(ask("c"));
  ASSERT_TRUE(until([this] { return redis_.count("GET") == 3; }));
  EXPECT_EQ(link_->outstanding(), 3u);
  EXPECT_TRUE(answers_.empty());
  redis_.release();
  ASSERT_TRUE(until([this] { return answers_.size() == 3; }));
  EXPECT_THAT(answers_, ElementsAre("1", "2", ""));
  EXPECT_EQ(link_->outstanding(), 0u);
}

TEST_F(LinkTest, SaysWhoItIsAndWhichDatabase) {
  weir::test::TemporaryFolder folder;
  server_.user = "weir";
  server_.password_file = folder.write("password", "open sesame\n");
  server_.database = 7;
  ASSERT_TRUE(openUp());
  EXPECT_THAT(redis_.commands, ElementsAre(RedisCommand{"AUTH", "weir", "open sesame"},
                                           RedisCommand{"SELECT", "7"}, RedisCommand{"PING"}));
  // The file is read for each connection.
  folder.write("password", "another");
  redis_.commands.clear();
  redis_.dropClients();
  ASSERT_TRUE(until([this] { return downs_ == 1; }));
  dispatcher_.advance(milliseconds(200));
  ASSERT_TRUE(until([this] { return link_->up(); }));
  EXPECT_EQ(redis_.commands[0], (RedisCommand{"AUTH", "weir", "another"}));
}

TEST_F(LinkTest, APasswordThatCannotBeReadIsAFailureLikeOthers) {
  weir::test::TemporaryFolder folder;
  server_.password_file = folder.file("none");
  open();
  ASSERT_TRUE(until([this] { return failures_ == 1; }));
  EXPECT_EQ(redis_.accepted(), 0u);
  folder.write("none", "here");
  dispatcher_.advance(milliseconds(200));
  ASSERT_TRUE(until([this] { return link_->up(); }));
  EXPECT_EQ(redis_.commands[0], (RedisCommand{"AUTH", "here"}));
}

TEST_F(LinkTest, AServerThatDoesNotWantItIsAskedAgain) {
  for (const std::string answer :
       {"-NOAUTH Authentication required.\r\n", "-LOADING Redis is loading\r\n",
        "-ERR max number of clients reached\r\n", "$-1\r\n", "*1\r\n+PONG\r\n", "garbage\r\n"}) {
    redis_.script = [&](const RedisCommand&) { return answer; };
    const int before = failures_;
    open();
    ASSERT_TRUE(until([&] { return failures_ == before + 1; })) << answer;
    EXPECT_FALSE(link_->up());
    redis_.script = nullptr;
    dispatcher_.advance(milliseconds(200));
    EXPECT_TRUE(until([this] { return link_->up(); })) << answer;
  }
}

TEST_F(LinkTest, TriesAgainWithGrowingPauses) {
  redis_.stopListening();
  open();
  ASSERT_TRUE(until([this] { return failures_ == 1; }));
  std::vector<int64_t> pauses;
  for (int i = 2; i <= 9; ++i) {
    const auto before = dispatcher_.now();
    while (failures_ < i && dispatcher_.now() - before < std::chrono::seconds(20)) {
      dispatcher_.advance(milliseconds(10));
      dispatcher_.runUntilIdle();
    }
    pauses.push_back(std::chrono::duration_cast<milliseconds>(dispatcher_.now() - before).count());
  }
  double expected = 100;
  for (const int64_t pause : pauses) {
    EXPECT_GE(pause, static_cast<int64_t>(expected * 0.8) - 10) << expected;
    EXPECT_LE(pause, static_cast<int64_t>(expected * 1.2) + 30) << expected;
    expected = std::min(expected * 2, 5000.0);
  }
  redis_.listenAgain();
  dispatcher_.advance(std::chrono::seconds(7));
  EXPECT_TRUE(until([this] { return link_->up(); }));
}

TEST_F(LinkTest, WhatWasNotAnsweredIsLostWithTheConnection) {
  ASSERT_TRUE(openUp());
  redis_.holds = true;
  ask("a");
  ask("b");
  ASSERT_TRUE(until([this] { return redis_.count("GET") == 2; }));
  redis_.dropClients();
  ASSERT_TRUE(until([this] { return downs_ == 1; }));
  EXPECT_THAT(answers_, ElementsAre("lost", "lost"));
  EXPECT_FALSE(ask("c"));
  redis_.holds = false;
  dispatcher_.advance(milliseconds(200));
  ASSERT_TRUE(until([this] { return link_->up(); }));
  EXPECT_EQ(ups_, 2);
  EXPECT_EQ(failures_, 0);
}

TEST_F(LinkTest, NothingIsWaitedForForever) {
  ASSERT_TRUE(openUp());
  redis_.holds = true;
  ask("a");
  ASSERT_TRUE(until([this] { return redis_.count("GET") == 1; }));
  dispatcher_.advance(milliseconds(900));
  EXPECT_TRUE(answers_.empty());
  EXPECT_TRUE(link_->up());
  dispatcher_.advance(milliseconds(200));
  EXPECT_THAT(answers_, ElementsAre("lost"));
  EXPECT_EQ(downs_, 1);
  // A server that accepts and says nothing is none.
  dispatcher_.advance(milliseconds(200));
  ASSERT_TRUE(until([this] { return redis_.accepted() == 2; }));
  dispatcher_.advance(milliseconds(1100));
  EXPECT_EQ(failures_, 1);
  EXPECT_EQ(ups_, 1);
}

TEST_F(LinkTest, AnswersThatNobodyHasAskedForEndTheConnection) {
  for (const std::string_view said : {"+OK\r\n", "$3\r\nabc\r\n", "-ERR idle too long\r\n",
                                      ">2\r\n+a\r\n+b\r\n", "*2147483647\r\n"}) {
    const int before = downs_;
    ASSERT_TRUE(openUp());
    redis_.say(said);
    EXPECT_TRUE(until([&] { return downs_ == before + 1; })) << said;
  }
  // One too many behind one that was asked for.
  ASSERT_TRUE(openUp());
  redis_.script = [](const RedisCommand&) { return "$1\r\nx\r\n$1\r\ny\r\n"; };
  const int before = downs_;
  ask("a");
  ASSERT_TRUE(until([&] { return downs_ == before + 1; }));
  EXPECT_THAT(answers_, ElementsAre("x"));
}

TEST_F(LinkTest, AServerThatBecomesUselessIsLeft) {
  ASSERT_TRUE(openUp());
  redis_.script = [](const RedisCommand&) { return "-LOADING Redis is loading the dataset\r\n"; };
  ask("a");
  ASSERT_TRUE(until([this] { return downs_ == 1; }));
  EXPECT_THAT(answers_, ElementsAre("LOADING Redis is loading the dataset"));
}

TEST_F(LinkTest, KeepsNoMoreThanSoMany) {
  ASSERT_TRUE(openUp());
  redis_.holds = true;
  size_t sent = 0;
  while (sent < 2 * Link::kMaxOutstanding && ask("a")) ++sent;
  EXPECT_EQ(sent, Link::kMaxOutstanding);
  ASSERT_TRUE(until([&] { return redis_.count("GET") == sent; }));
  redis_.release();
  ASSERT_TRUE(until([&] { return answers_.size() == sent; }));
  EXPECT_TRUE(ask("a"));
}

TEST_F(LinkTest, GoesAwayAtAnyTime) {
  open();
  link_.reset();  // connecting
  dispatcher_.runUntilIdle();
  ASSERT_TRUE(openUp());
  redis_.holds = true;
  ask("a");
  link_.reset();  // with a question under way
  dispatcher_.runUntilIdle();
  EXPECT_TRUE(answers_.empty());
  weir::test::TemporaryFolder folder;
  server_.password_file = folder.write("password", "x");
  open();
  link_.reset();  // while the password is read
  dispatcher_.runUntilIdle();
  redis_.stopListening();
  server_.password_file.clear();
  open();
  ASSERT_TRUE(until([this] { return failures_ == 1; }));
  link_.reset();  // waiting
  dispatcher_.advance(milliseconds(1000));
  EXPECT_EQ(failures_, 1);
}

}  // namespace
}  // namespace weir::redis
