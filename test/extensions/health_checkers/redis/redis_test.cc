#include "extensions/health_checkers/redis/redis.h"

#include "gmock/gmock.h"

#include "test/extensions/health_checkers/common/probe_fixture.h"
#include "test/extensions/health_checkers/common/tls_sides.h"

namespace weir::extensions::health_checkers::redis {
namespace {

using test::EndpointConnection;

constexpr std::string_view kPing = "*1\r\n$4\r\nPING\r\n";

class RedisTest : public test::ProbeTest {
 protected:
  RedisTest() {
    endpoint_->on_data = [this](EndpointConnection& connection) { answer(connection); };
  }
  void openIt(RedisOptions options = {}) { open(RedisCheckerFactory(std::move(options))); }
  void answer(EndpointConnection& connection) {
    if (connection.received.empty()) return;
    asked_ += std::exchange(connection.received, {});
    if (!says_.empty()) connection.say(says_);
  }
  std::string says_ = "+PONG\r\n";
  std::string asked_;
};

TEST_F(RedisTest, PongIsHealthy) {
  openIt();
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(asked_, std::string(kPing) + std::string(kPing));
  EXPECT_EQ(endpoint_->connections(), 1u);
}

TEST_F(RedisTest, AnAnswerMayComeInPieces) {
  says_.clear();
  openIt();
  start();
  ASSERT_TRUE(until([&] { return asked_ == kPing; }));
  for (const char c : std::string_view("+PONG\r\n")) {
    EXPECT_TRUE(listener_.results.empty());
    act([&] { endpoint_->connection(0).say({&c, 1}); });
  }
  ASSERT_TRUE(until([&] { return listener_.results.size() == 1; }));
  EXPECT_EQ(test::textOf(listener_.results[0]), "healthy");
}

TEST_F(RedisTest, ErrorsAreUnhealthyAndSayWhy) {
  openIt();
  const std::pair<const char*, const char*> cases[] = {
      {"-LOADING Redis is loading the dataset in memory\r\n",
       "unhealthy: LOADING Redis is loading the dataset in memory"},
      {"-NOAUTH Authentication required.\r\n", "unhealthy: NOAUTH Authentication required."},
      {"-ERR max number of clients reached\r\n", "unhealthy: ERR max number of clients reached"},
      {"+HELLO \"you\"\r\n", "unhealthy: answered \"HELLO \\\"you\\\"\""},
      {":1\r\n", "unhealthy: answered \"1\""},
      {"$4\r\nPONG\r\n", "unhealthy: the answer is not one of Redis"},
      {"HTTP/1.1 400 Bad Request\r\n\r\n", "unhealthy: the answer is not one of Redis"},
  };
  for (const auto& [answer, expected] : cases) {
    says_ = answer;
    EXPECT_EQ(probe(), expected);
  }
  says_ = "-" + std::string(900, 'e') + "\r\n";
  EXPECT_EQ(probe(), "unhealthy: " + std::string(120, 'e') + "...");
}

TEST_F(RedisTest, LogsInOnceForAConnection) {
  openIt({.username = "weir", .password = "s3cret"});
  endpoint_->on_data = [this](EndpointConnection& connection) {
    says_ =
        connection.received.find("AUTH") != std::string::npos ? "+OK\r\n+PONG\r\n" : "+PONG\r\n";
    answer(connection);
  };
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(asked_, "*3\r\n$4\r\nAUTH\r\n$4\r\nweir\r\n$6\r\ns3cret\r\n" + std::string(kPing));
  asked_.clear();
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(asked_, kPing);
  act([&] { endpoint_->connection(0).close(); });
  openIt({.password = "a\r\nb"});
  asked_.clear();
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(asked_, "*2\r\n$4\r\nAUTH\r\n$4\r\na\r\nb\r\n" + std::string(kPing));
}

TEST_F(RedisTest, AFailedLoginIsUnhealthy) {
  openIt({.password = "wrong"});
  says_ = "-WRONGPASS invalid username-password pair\r\n-NOAUTH Authentication required.\r\n";
  EXPECT_EQ(probe(), "unhealthy: AUTH: WRONGPASS invalid username-password pair");
  EXPECT_EQ(endpoint_->open(), 0u);
  says_ = "+PONG\r\n+PONG\r\n";
  EXPECT_EQ(probe(), "unhealthy: AUTH: answered \"PONG\"");
}

TEST_F(RedisTest, AKeyThatIsThereIsUnhealthy) {
  openIt({.key = "maintenance"});
  says_ = ":0\r\n";
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(asked_, "*2\r\n$6\r\nEXISTS\r\n$11\r\nmaintenance\r\n");
  says_ = ":1\r\n";
  EXPECT_EQ(probe(), "unhealthy: the key of the check is there");
  says_ = ":0\r\n";
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(endpoint_->connections(), 1u);
  says_ = "-MOVED 1 10.0.0.1:6379\r\n";
  EXPECT_EQ(probe(), "unhealthy: MOVED 1 10.0.0.1:6379");
  says_ = "+PONG\r\n";
  EXPECT_EQ(probe(), "unhealthy: answered \"PONG\"");
}

TEST_F(RedisTest, WhatStandsBehindAnAnswerEndsTheConnection) {
  openIt();
  says_ = "+PONG\r\n+PONG\r\n";
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(endpoint_->open(), 0u);
  says_ = "+PONG\r\n";
  EXPECT_EQ(probe(), "healthy");
  act([&] { endpoint_->connection(1).say("+PONG\r\n"); });  // nobody asked
  EXPECT_TRUE(until([&] { return endpoint_->open() == 0; }));
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(endpoint_->connections(), 3u);
}

TEST_F(RedisTest, AnEndWithoutAnswerIsUnhealthy) {
  openIt();
  endpoint_->on_data = [](EndpointConnection& connection) { connection.close(); };
  EXPECT_EQ(probe(), "unhealthy: the connection was closed before an answer");
  endpoint_->on_data = [](EndpointConnection& connection) {
    connection.say("+PO");
    connection.close();
  };
  EXPECT_EQ(probe(), "unhealthy: the connection was closed before an answer");
  endpoint_->on_data = [](EndpointConnection& connection) { connection.reset(); };
  EXPECT_EQ(probe(), "unhealthy: the connection was reset");
}

// As with the setting `timeout` of Redis.
TEST_F(RedisTest, ClosingAnIdleConnectionIsNotIllHealth) {
  openIt({.password = "p"});
  says_ = "+OK\r\n+PONG\r\n";
  EXPECT_EQ(probe(), "healthy");
  act([&] { endpoint_->connection(0).close(); });
  EXPECT_EQ(probe(), "healthy");
  endpoint_->on_data = [this](EndpointConnection& connection) {
    if (connection.number() == 1) return connection.close();
    answer(connection);
  };
  EXPECT_EQ(probe(), "healthy");  // asked and closed at the same time
  EXPECT_EQ(endpoint_->connections(), 3u);
  EXPECT_EQ(asked_.substr(asked_.rfind("*2")),
            "*2\r\n$4\r\nAUTH\r\n$1\r\np\r\n" + std::string(kPing));
}

TEST_F(RedisTest, MayBeCancelledAtAnyTime) {
  for (int turns = 0; turns < 10; ++turns) {
    openIt();
    listener_.results.clear();
    dispatcher_.post([&] { probe_->start(); });
    dispatcher_.runUntilIdle(turns);
    const size_t told = listener_.results.size();
    cancel();
    settle();
    EXPECT_EQ(listener_.results.size(), told);
    EXPECT_EQ(probe(), "healthy");
  }
}

TEST_F(RedisTest, OverTls) {
  test::TlsSides tls(services_, dispatcher_);
  auto on_data = endpoint_->on_data;
  endpoint_ = std::make_unique<test::TestEndpoint>(io_, tls.server());
  endpoint_->on_data = on_data;
  settings_.transport = tls.client("web.example");
  openIt();
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(endpoint_->connections(), 1u);
  act([&] { endpoint_->connection(0).close(); });
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(endpoint_->connections(), 2u);
}

}  // namespace
}  // namespace weir::extensions::health_checkers::redis
