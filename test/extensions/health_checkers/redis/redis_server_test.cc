// The check against the real server, on a unix socket.

#include <csignal>

#include "gmock/gmock.h"

#include "extensions/health_checkers/redis/redis.h"
#include "source/base/concat.h"
#include "test/extensions/health_checkers/common/probe_fixture.h"
#include "test/support/child_process.h"

namespace weir::extensions::health_checkers::redis {
namespace {

class RedisServerTest : public test::ProbeTest {
 protected:
  void run(std::vector<std::string> more = {}) {
    std::vector<std::string> command = {
        "redis-server", "--port", "0",     "--unixsocket", socket(), "--save", "",
        "--appendonly", "no",     "--dir", folder_.path()};
    command.insert(command.end(), more.begin(), more.end());
    server_ = std::make_unique<weir::test::ChildProcess>(command);
    ASSERT_TRUE(server_->waitForOutput("The server is now ready to accept connections"))
        << server_->out();
  }
  std::string socket() const { return folder_.file("redis.sock"); }
  void openIt(RedisOptions options = {}) {
    const auto address = network::Address::parse(base::concat("unix:", socket()));
    ASSERT_TRUE(address.ok()) << address.status();
    open(RedisCheckerFactory(std::move(options)), *address);
  }
  std::string tell(std::vector<std::string> words) {
    std::vector<std::string> command = {"redis-cli", "-s", socket()};
    command.insert(command.end(), words.begin(), words.end());
    return weir::test::runToEnd(command).out;
  }

  weir::test::TemporaryFolder folder_;
  std::unique_ptr<weir::test::ChildProcess> server_;
};

TEST_F(RedisServerTest, Pings) {
  ASSERT_NO_FATAL_FAILURE(run());
  ASSERT_NO_FATAL_FAILURE(openIt());
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(probe(), "healthy");
  EXPECT_NE(tell({"INFO", "stats"}).find("total_connections_received:2\r\n"), std::string::npos);
  server_->signal(SIGKILL);
  ASSERT_TRUE(server_->wait().has_value());
  EXPECT_EQ(probe(), "unhealthy: connect: Connection refused");
}

TEST_F(RedisServerTest, LogsIn) {
  ASSERT_NO_FATAL_FAILURE(run({"--requirepass", "s3cret"}));
  ASSERT_NO_FATAL_FAILURE(openIt());
  EXPECT_THAT(probe(), ::testing::StartsWith("unhealthy: NOAUTH "));
  ASSERT_NO_FATAL_FAILURE(openIt({.password = "s3cret"}));
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(probe(), "healthy");
  ASSERT_NO_FATAL_FAILURE(openIt({.username = "default", .password = "s3cret"}));
  EXPECT_EQ(probe(), "healthy");
  ASSERT_NO_FATAL_FAILURE(openIt({.password = "wrong"}));
  EXPECT_THAT(probe(), ::testing::StartsWith("unhealthy: AUTH: WRONGPASS "));
}

TEST_F(RedisServerTest, LooksForAKey) {
  ASSERT_NO_FATAL_FAILURE(run());
  ASSERT_NO_FATAL_FAILURE(openIt({.key = "maintenance"}));
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(tell({"SET", "maintenance", "1"}), "OK\n");
  EXPECT_EQ(probe(), "unhealthy: the key of the check is there");
  EXPECT_EQ(tell({"DEL", "maintenance"}), "1\n");
  EXPECT_EQ(probe(), "healthy");
}

// CLIENT KILL ends connections as its setting `timeout` does.
TEST_F(RedisServerTest, SurvivesBeingClosedWhileIdle) {
  ASSERT_NO_FATAL_FAILURE(run());
  ASSERT_NO_FATAL_FAILURE(openIt());
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(tell({"CLIENT", "KILL", "TYPE", "normal"}), "1\n");
  EXPECT_EQ(probe(), "healthy");
}

}  // namespace
}  // namespace weir::extensions::health_checkers::redis
