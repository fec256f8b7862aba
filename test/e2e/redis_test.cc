// Redis through tcp_proxy.

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/e2e/programs.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/raw_connection.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::Command;
using test::Finished;
using test::RawConnection;
using ::testing::HasSubstr;

class RedisTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(test::accepts(port_, redis_)) << redis_.out() << redis_.err();
    ASSERT_NE(weir_.port("cache"), 0) << weir_.process().err();
  }

  Finished run(const std::string& program, Command arguments) {
    arguments.insert(arguments.begin(),
                     {program, "-h", "127.0.0.1", "-p", std::to_string(weir_.port("cache"))});
    return test::runToEnd(arguments, std::chrono::seconds(60));
  }
  std::string cli(const Command& arguments) { return run("redis-cli", arguments).out; }

  test::TemporaryFolder folder_;
  uint16_t port_ = test::freePort();
  test::ChildProcess redis_{{"redis-server", "--port", std::to_string(port_), "--bind", "127.0.0.1",
                             "--save", "", "--appendonly", "no", "--dir", folder_.path()}};
  test::WeirProcess weir_{
      test::tcpListener("cache", "[network_filters/tcp_proxy] { cluster: \"redis\" }") +
      test::cluster("redis", {"127.0.0.1:" + std::to_string(port_)}) + test::runtime()};
};

TEST_F(RedisTest, CommandsAndLargeValues) {
  EXPECT_EQ(cli({"set", "river", "weir"}), "OK\n");
  EXPECT_EQ(cli({"get", "river"}), "weir\n");
  const std::string value(8 << 20, 'w');
  const std::string file = folder_.write("value", value);
  EXPECT_EQ(test::runToEnd(
                {"sh", "-c",
                 "redis-cli -p " + std::to_string(weir_.port("cache")) + " -x set large < " + file})
                .out,
            "OK\n");
  EXPECT_EQ(cli({"strlen", "large"}), std::to_string(value.size()) + "\n");
  EXPECT_EQ(cli({"get", "large"}), value + "\n");
}

TEST_F(RedisTest, BenchmarkWithManyClientsAndPipelines) {
  const Finished plain =
      run("redis-benchmark", {"-c", "100", "-n", "20000", "-t", "set,get", "-q"});
  EXPECT_EQ(plain.code, 0) << plain.err;
  EXPECT_THAT(plain.out, HasSubstr("GET: "));
  const Finished pipelined = run(
      "redis-benchmark", {"-c", "20", "-n", "40000", "-P", "32", "-d", "2000", "-t", "set", "-q"});
  EXPECT_EQ(pipelined.code, 0) << pipelined.err;
  EXPECT_THAT(pipelined.out, HasSubstr("SET: "));
}

TEST_F(RedisTest, SubscribersAreToldWhatOthersPublish) {
  RawConnection subscriber = RawConnection::connectTo(weir_.port("cache"));
  ASSERT_TRUE(subscriber.send("SUBSCRIBE news\r\n"));
  const std::string subscribed = "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n";
  EXPECT_EQ(subscriber.readExactly(subscribed.size()), subscribed);
  EXPECT_EQ(cli({"publish", "news", "flood"}), "1\n");
  const std::string told = "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nflood\r\n";
  EXPECT_EQ(subscriber.readExactly(told.size()), told);
}

TEST_F(RedisTest, HalfClosedClientsAreStillAnswered) {
  RawConnection client = RawConnection::connectTo(weir_.port("cache"));
  ASSERT_TRUE(client.send("PING\r\nQUIT\r\n"));
  client.shutdownWrite();
  EXPECT_EQ(client.readAll(), "+PONG\r\n+OK\r\n");
}

TEST_F(RedisTest, AServerThatDiesEndsItsConnectionsAndOneThatReturnsIsUsed) {
  RawConnection client = RawConnection::connectTo(weir_.port("cache"));
  ASSERT_TRUE(client.send("PING\r\n"));
  EXPECT_EQ(client.readExactly(7), "+PONG\r\n");
  redis_.signal(SIGKILL);
  redis_.wait();
  EXPECT_TRUE(client.closedByPeer());
  RawConnection refused = RawConnection::connectTo(weir_.port("cache"));
  EXPECT_TRUE(refused.closedByPeer());
  test::ChildProcess again({"redis-server", "--port", std::to_string(port_), "--bind", "127.0.0.1",
                            "--save", "", "--dir", folder_.path()});
  ASSERT_TRUE(test::accepts(port_, again)) << again.out();
  EXPECT_EQ(cli({"ping"}), "PONG\n");
}

}  // namespace
}  // namespace weir
