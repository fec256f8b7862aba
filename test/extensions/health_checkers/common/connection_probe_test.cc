#include "extensions/health_checkers/common/connection_probe.h"

#include <sys/resource.h>

#include "gtest/gtest.h"

#include "test/extensions/health_checkers/common/probe_fixture.h"

namespace weir::extensions::health_checkers::test {
namespace {

using Verdict = upstream::ProbeResult::Verdict;

// Says "?", and takes the first byte of an answer: "." is healthy, ":" likewise, but the connection
// is to be closed, anything else is no good.
class AskingProbe final : public ConnectionProbe {
 public:
  using ConnectionProbe::ConnectionProbe;
  ~AskingProbe() override { release(); }

 private:
  void ask(bool fresh) override {
    connection().network().output().append(fresh ? "?" : "!");
    connection().network().outputReady();
  }
  void read(buffer::Buffer& data, bool end_stream) override {
    const std::string text = data.toString();
    data.clear();
    if (text.empty() && end_stream) return failed("closed");
    if (text == ".") return done({Verdict::kHealthy}, !end_stream);
    if (text == ":") return done({Verdict::kHealthy}, false);
    failed("bad answer");
  }
};

class AskingChecker final : public upstream::HealthChecker {
 public:
  AskingChecker(base::ServiceMap& services, const upstream::ClusterConfig& cluster,
                const upstream::CheckSettings& settings)
      : connections_(services, cluster, settings) {}
  std::unique_ptr<upstream::HealthProbe> createProbe(const upstream::ProbeTarget& target,
                                                     upstream::ProbeListener& listener) override {
    return std::make_unique<AskingProbe>(connections_, target, listener);
  }

 private:
  upstream::ProbeConnections connections_;
};

class AskingFactory final : public upstream::HealthCheckerFactory {
 public:
  std::string_view name() const override { return "asking"; }
  std::unique_ptr<upstream::HealthChecker> create(
      base::ServiceMap& services, const upstream::ClusterConfig& cluster,
      const upstream::CheckSettings& settings) const override {
    return std::make_unique<AskingChecker>(services, cluster, settings);
  }
};

class ConnectionProbeTest : public ProbeTest {
 protected:
  ConnectionProbeTest() {
    endpoint_->on_data = [this](EndpointConnection& connection) {
      if (!connection.received.empty() && answer_) answer_(connection);
    };
  }
  void openIt() { open(AskingFactory()); }
  EndpointConnection& connection(size_t number) { return endpoint_->connection(number); }

  std::function<void(EndpointConnection&)> answer_ = [](EndpointConnection& connection) {
    connection.say(".");
  };
};

TEST_F(ConnectionProbeTest, KeepsItsConnection) {
  openIt();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(probe(), "healthy");
  ASSERT_EQ(endpoint_->connections(), 1u);
  EXPECT_EQ(connection(0).received, "?!!");
}

TEST_F(ConnectionProbeTest, MakesANewOneEachTimeWhenItIsToldTo) {
  settings_.reuse_connection = false;
  openIt();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(endpoint_->connections(), 3u);
  EXPECT_EQ(endpoint_->open(), 0u);
  EXPECT_EQ(connection(2).received, "?");
}

TEST_F(ConnectionProbeTest, DoesNotKeepWhatIsNotToBeKept) {
  openIt();
  answer_ = [](EndpointConnection& connection) { connection.say(":"); };
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(endpoint_->open(), 0u);
  answer_ = [](EndpointConnection& connection) { connection.say("x"); };
  EXPECT_EQ(probe(), "unhealthy: bad answer");
  EXPECT_EQ(endpoint_->open(), 0u);
  EXPECT_EQ(endpoint_->connections(), 2u);
}

TEST_F(ConnectionProbeTest, AConnectionThatEndedWhileIdleIsMadeAnew) {
  openIt();
  EXPECT_EQ(probe(), "healthy");
  act([&] { connection(0).close(); });
  EXPECT_EQ(io_.connections(), 1u);  // the endpoint's own object
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(connection(1).received, "?");
  act([&] { connection(1).reset(); });
  EXPECT_EQ(probe(), "healthy");
  act([&] { connection(2).say("nobody asked"); });
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(endpoint_->connections(), 4u);
}

// The endpoint ends it at the very time when it is asked again.
TEST_F(ConnectionProbeTest, OneThatEndsUnansweredIsTriedOnceMore) {
  using End = void (EndpointConnection::*)();
  for (const End end : {End(&EndpointConnection::close), End(&EndpointConnection::reset)}) {
    openIt();
    EXPECT_EQ(probe(), "healthy");
    answer_ = [&, first = true](EndpointConnection& connection) mutable {
      if (std::exchange(first, false)) return (connection.*end)();
      connection.say(".");
    };
    EXPECT_EQ(probe(), "healthy");
    EXPECT_EQ(connection(endpoint_->connections() - 1).received, "?");
    probe_.reset();
    answer_ = [](EndpointConnection& connection) { connection.say("."); };
  }
  EXPECT_EQ(endpoint_->connections(), 4u);
}

TEST_F(ConnectionProbeTest, OnlyOnceMore) {
  openIt();
  EXPECT_EQ(probe(), "healthy");
  answer_ = [](EndpointConnection& connection) { connection.reset(); };
  EXPECT_EQ(probe(), "unhealthy: the connection was reset");
  EXPECT_EQ(endpoint_->connections(), 2u);
}

TEST_F(ConnectionProbeTest, AnAnswerThatIsNoGoodIsNotAskedForAgain) {
  openIt();
  EXPECT_EQ(probe(), "healthy");
  answer_ = [](EndpointConnection& connection) { connection.say("x"); };
  EXPECT_EQ(probe(), "unhealthy: bad answer");
  EXPECT_EQ(endpoint_->connections(), 1u);
}

TEST_F(ConnectionProbeTest, SaysWhyItCouldNotConnect) {
  const network::Address address = endpoint_->address();
  endpoint_->stopListening();
  settle();
  open(AskingFactory(), address);
  EXPECT_EQ(probe(), "unhealthy: connect: Connection refused");
  EXPECT_EQ(probe(), "unhealthy: connect: Connection refused");
  open(AskingFactory(), *network::Address::parse("unix:@weir-nobody-is-here"));
  EXPECT_EQ(probe(), "unhealthy: connect: Connection refused");
}

// What the kernel does when the port that it takes for the connection is the endpoint's own.
TEST_F(ConnectionProbeTest, IsNotItsOwnEndpoint) {
  const network::Address address = endpoint_->address();
  endpoint_->stopListening();
  cluster_.connections.source_ipv4 = address;
  open(AskingFactory(), address);
  EXPECT_EQ(probe(), "unhealthy: connect: nobody listens there");
  EXPECT_EQ(io_.connections(), 0u);
}

TEST_F(ConnectionProbeTest, SkipsWhenThereAreNoDescriptorsLeft) {
  openIt();
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  act([&] {
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
    probe_->start();
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  });
  ASSERT_EQ(listener_.results.size(), 1u);
  EXPECT_EQ(textOf(listener_.results[0]), "skipped: connect: Too many open files");
  EXPECT_EQ(probe(), "healthy");
}

TEST_F(ConnectionProbeTest, ItMayBeDestroyedOrStartedByItsListener) {
  openIt();
  listener_.on_done = [&] {
    if (listener_.results.size() < 3) probe_->start();
  };
  start();
  ASSERT_TRUE(until([&] { return listener_.results.size() == 3; }));
  EXPECT_EQ(endpoint_->connections(), 1u);
  listener_.on_done = [&] { probe_.reset(); };
  start();
  ASSERT_TRUE(until([&] { return listener_.results.size() == 4; }));
  settle();
  EXPECT_EQ(endpoint_->open(), 0u);
}

TEST_F(ConnectionProbeTest, CancellingKeepsAnIdleConnection) {
  openIt();
  EXPECT_EQ(probe(), "healthy");
  cancel();
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(endpoint_->connections(), 1u);
}

TEST_F(ConnectionProbeTest, CancellingDropsTheConnectionThatDidNotAnswer) {
  openIt();
  EXPECT_EQ(probe(), "healthy");
  answer_ = nullptr;
  start();
  ASSERT_TRUE(until([&] { return connection(0).received == "?!"; }));
  cancel();
  EXPECT_TRUE(until([&] { return endpoint_->open() == 0; }));
  answer_ = [](EndpointConnection& connection) { connection.say("."); };
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(listener_.results.size(), 2u);
}

// After each number of turns of the loop: nothing is told, nothing is left, and the next probe is
// as good as any.
TEST_F(ConnectionProbeTest, MayBeCancelledOrDestroyedAtAnyTime) {
  for (const bool destroy : {false, true}) {
    for (const bool kept : {false, true}) {
      for (int turns = 0; turns < 12; ++turns) {
        openIt();
        listener_.results.clear();
        if (kept) {
          ASSERT_EQ(probe(), "healthy");
        }
        const size_t told = listener_.results.size();
        dispatcher_.post([&] { probe_->start(); });
        dispatcher_.runUntilIdle(turns);
        const bool over = listener_.results.size() > told;
        dispatcher_.post([&] { destroy ? probe_.reset() : probe_->cancel(); });
        settle();
        EXPECT_EQ(listener_.results.size(), told + (over ? 1 : 0));
        probe_.reset();
        settle();
        ASSERT_TRUE(until([&] { return endpoint_->open() == 0; }));
      }
    }
  }
}

TEST_F(ConnectionProbeTest, TheCheckerMayGoWithConnectionsThatStillClose) {
  openIt();
  EXPECT_EQ(probe(), "healthy");
  probe_.reset();
  checker_.reset();
  EXPECT_TRUE(until([&] { return endpoint_->open() == 0; }));
}

TEST_F(ConnectionProbeTest, ConnectsFromTheAddressesOfTheCluster) {
  cluster_.connections.source_ipv4 = *network::Address::parse("127.0.0.9:0");
  openIt();
  EXPECT_EQ(probe(), "healthy");
  EXPECT_EQ(connection(0).network().remoteAddress().ip(), "127.0.0.9");
}

TEST_F(ConnectionProbeTest, TriesTheOtherAddressesOfTheEndpoint) {
  const network::Address good = endpoint_->address();
  TestEndpoint gone(io_);
  const network::Address bad = gone.address();
  gone.stopListening();
  checker_ = AskingFactory().create(services_, cluster_, settings_);
  auto endpoint = std::make_shared<upstream::Endpoint>();
  endpoint->address = bad;
  endpoint->more_addresses = {good};
  probe_ = checker_->createProbe({endpoint, bad}, listener_);
  EXPECT_EQ(probe(), "healthy");
  // With another port for the check, that counts for all of them.
  endpoint = std::make_shared<upstream::Endpoint>();
  endpoint->address = *network::Address::parse("127.0.0.3:1");
  endpoint->more_addresses = {*network::Address::parse("127.0.0.1:1")};
  probe_ = checker_->createProbe({endpoint, endpoint->address.withPort(good.port())}, listener_);
  EXPECT_EQ(probe(), "healthy");
}

}  // namespace
}  // namespace weir::extensions::health_checkers::test
