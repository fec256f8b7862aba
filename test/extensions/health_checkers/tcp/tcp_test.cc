#include "extensions/health_checkers/tcp/tcp.h"

#include "gmock/gmock.h"

#include "test/extensions/health_checkers/common/probe_fixture.h"
#include "test/extensions/health_checkers/common/tls_sides.h"

namespace weir::extensions::health_checkers::tcp {
namespace {

using test::EndpointConnection;
using test::TestEndpoint;
using ::testing::HasSubstr;

class TcpTest : public test::ProbeTest {
 protected:
  void openIt(std::string send = {}, std::vector<std::string> expect = {}) {
    auto options = std::make_shared<TcpOptions>();
    options->send = std::move(send);
    for (std::string& each : expect) options->expect.emplace_back(std::move(each));
    open(TcpCheckerFactory(options));
  }
  bool allClosed() {
    return until([&] { return endpoint_->open() == 0; });
  }
};

TEST_F(TcpTest, AConnectionThatComesUpIsHealthy) {
  openIt();
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(endpoint_->connections(), 2u);
  EXPECT_TRUE(allClosed());
  EXPECT_EQ(endpoint_->connection(0).reason, network::CloseReason::kRemote);
}

TEST_F(TcpTest, NobodyThereIsUnhealthy) {
  openIt();
  endpoint_->stopListening();
  EXPECT_EQ(probe(), "unhealthy: connect: Connection refused");
}

// What stands unread in a socket makes close(2) send RST: it is read.
TEST_F(TcpTest, AnEndpointThatGreetsGetsNoReset) {
  endpoint_->on_up = [](EndpointConnection& connection) { connection.say("220 hello\r\n"); };
  openIt();
  for (int i = 0; i < 20; ++i) EXPECT_EQ(probe(), "healthy");
  EXPECT_TRUE(allClosed());
  for (size_t i = 0; i < endpoint_->connections(); ++i) {
    EXPECT_EQ(endpoint_->connection(i).reason, network::CloseReason::kRemote) << i;
  }
}

TEST_F(TcpTest, SendsAndExpects) {
  endpoint_->on_up = [](EndpointConnection& connection) { connection.say("220 he"); };
  endpoint_->on_data = [](EndpointConnection& connection) {
    if (connection.received == "QUIT\r\n" && !connection.remote_ended) connection.say("llo 221");
  };
  openIt("QUIT\r\n", {"220 ", "hello", "221"});
  EXPECT_EQ(probe(), "healthy");
  EXPECT_TRUE(allClosed());
  EXPECT_EQ(endpoint_->connection(0).reason, network::CloseReason::kRemote);
}

TEST_F(TcpTest, SendsWithoutExpecting) {
  openIt("bye");
  EXPECT_EQ(probe(), "healthy");
  EXPECT_TRUE(until([&] { return endpoint_->connection(0).received == "bye"; }));
}

TEST_F(TcpTest, AnEndWithoutWhatIsExpectedIsUnhealthy) {
  endpoint_->on_up = [](EndpointConnection& connection) {
    connection.say("something else");
    connection.close();
  };
  openIt({}, {"some", "OK\n"});
  EXPECT_EQ(probe(), "unhealthy: closed without saying \"OK\\n\"");
  endpoint_->on_up = [](EndpointConnection& connection) { connection.reset(); };
  EXPECT_THAT(probe(), HasSubstr("reset"));  // while connecting, or just after
}

// It has ended its side, and would still listen.
TEST_F(TcpTest, AHalfOpenOneIsJudgedByWhatItSaid) {
  endpoint_->on_up = [](EndpointConnection& connection) {
    connection.say("OK");
    connection.endOutput();
  };
  openIt({}, {"OK"});
  EXPECT_EQ(probe(), "healthy");
  EXPECT_TRUE(allClosed());
  openIt({}, {"KO"});
  EXPECT_EQ(probe(), "unhealthy: closed without saying \"KO\"");
  EXPECT_TRUE(allClosed());
}

TEST_F(TcpTest, GarbageWithoutEndIsGivenUp) {
  endpoint_->on_up = [](EndpointConnection& connection) {
    connection.say(std::string(1024 * 1024, 'x'));
  };
  openIt({}, {"OK"});
  EXPECT_EQ(probe(), "unhealthy: \"OK\" is not in the first 16384 bytes of the answer");
  EXPECT_TRUE(allClosed());
}

TEST_F(TcpTest, SilenceIsForTheSchedulerToEnd) {
  openIt("hello?", {"OK"});
  start();
  ASSERT_TRUE(until([&] {
    return endpoint_->connections() == 1 && endpoint_->connection(0).received == "hello?";
  }));
  dispatcher_.advance(std::chrono::hours(1));
  EXPECT_TRUE(listener_.results.empty());
  cancel();
  EXPECT_TRUE(allClosed());
  EXPECT_TRUE(listener_.results.empty());
}

TEST_F(TcpTest, MayBeCancelledAtAnyTime) {
  endpoint_->on_data = [](EndpointConnection& connection) {
    if (!connection.remote_ended) connection.say("OK");
  };
  for (int turns = 0; turns < 10; ++turns) {
    openIt("hello?", {"OK"});
    listener_.results.clear();
    dispatcher_.post([&] { probe_->start(); });
    dispatcher_.runUntilIdle(turns);
    const size_t told = listener_.results.size();
    cancel();
    settle();
    EXPECT_EQ(listener_.results.size(), told);
    ASSERT_TRUE(allClosed());
    EXPECT_EQ(probe(), "healthy");
  }
}

TEST_F(TcpTest, OverTlsTheHandshakeHasToBeDone) {
  test::TlsSides tls(services_, dispatcher_);
  endpoint_ = std::make_unique<TestEndpoint>(io_, tls.server());
  settings_.transport = tls.client("web.example");
  openIt();
  EXPECT_EQ(probe(), "healthy");
  EXPECT_TRUE(allClosed());
  EXPECT_EQ(endpoint_->connection(0).reason, network::CloseReason::kRemote);
  settings_.transport = tls.client("other.example");
  openIt();
  EXPECT_THAT(probe(), HasSubstr("Hostname mismatch"));
  settings_.transport = tls.client("web.example", {}, /*trusted=*/false);
  openIt();
  EXPECT_THAT(probe(), HasSubstr("certificate"));
  EXPECT_TRUE(allClosed());
}

TEST_F(TcpTest, OverTlsAPlainEndpointIsUnhealthy) {
  test::TlsSides tls(services_, dispatcher_);
  settings_.transport = tls.client("web.example");
  endpoint_->on_data = [](EndpointConnection& connection) {
    if (!connection.remote_ended) connection.say("HTTP/1.1 400 Bad Request\r\n\r\n");
  };
  openIt();
  EXPECT_THAT(probe(), HasSubstr("unhealthy: "));
  endpoint_->on_data = [](EndpointConnection& connection) { connection.close(); };
  EXPECT_EQ(probe(), "unhealthy: the peer closed during the handshake");
  endpoint_->on_data = nullptr;
  for (int turns = 0; turns < 8; ++turns) {
    dispatcher_.post([&] { probe_->start(); });
    dispatcher_.runUntilIdle(turns);
    cancel();
    ASSERT_TRUE(allClosed());
  }
  EXPECT_EQ(listener_.results.size(), 2u);
}

}  // namespace
}  // namespace weir::extensions::health_checkers::tcp
