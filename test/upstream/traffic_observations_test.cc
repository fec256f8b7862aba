#include "source/upstream/traffic_observations.h"

#include <cerrno>
#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/upstream/endpoint_connection.h"
#include "test/upstream/test_cluster.h"
#include "test/upstream/test_request.h"

namespace weir::upstream {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;

// Notes what it is told.
class FakeSink final : public TroubleSink {
 public:
  void report(std::string_view cluster, std::string_view endpoint, Trouble trouble) override {
    EXPECT_EQ(cluster, "c");
    last_endpoint = endpoint;
    told.push_back(trouble);
  }
  std::vector<Trouble> told;
  std::string last_endpoint;
};

// One endpoint, seen from two workers.
class TrafficObservationsTest : public testing::Test {
 protected:
  TrafficObservationsTest() {
    for (TestWorker* each : {&worker, &other}) each->services.put<TroubleSink>(sink);
  }
  enum class Watch { kOutliers, kChecks, kBoth, kNothing };
  void apply(Watch watch, const network::Address& address, const ClusterOptions& options = {}) {
    auto config = std::make_shared<ClusterConfig>(*process.config({address}, options));
    if (watch == Watch::kOutliers || watch == Watch::kBoth) config->outliers = policy;
    if (watch == Watch::kChecks || watch == Watch::kBoth) {
      config->health_checks.push_back(std::make_shared<HealthCheckConfig>());
    }
    for (TestWorker* each : {&worker, &other}) each->clusters.apply({config});
  }
  void apply(Watch watch = Watch::kOutliers) {
    apply(watch, *network::Address::parse("127.0.0.1:1"));
  }
  WorkerEndpoint& endpoint(TestWorker& at) { return at.cluster().host(0); }
  WorkerEndpoint& endpoint() { return endpoint(worker); }
  EndpointUsage& usage() { return endpoint().usage(); }
  void answer(uint16_t status) { observeAnswer(endpoint(), status, std::nullopt); }
  // As the main thread does.
  std::vector<Trouble> take() {
    usage().troubles = 0;
    return std::exchange(sink.told, {});
  }

  OutlierPolicy policy;
  FakeSink sink;
  TestProcess process;
  TestWorker worker{process};
  TestWorker other{process, 1};
};

// --- Answers ---

TEST_F(TrafficObservationsTest, FiveErrorsInARowAreTold) {
  apply();
  for (int i = 0; i < 4; ++i) answer(500);
  EXPECT_THAT(take(), IsEmpty());
  answer(200);
  for (int i = 0; i < 4; ++i) answer(505);
  EXPECT_THAT(take(), IsEmpty());
  answer(500);
  EXPECT_THAT(take(), ElementsAre(Trouble::kRunOf5xx));
  EXPECT_EQ(sink.last_endpoint, "127.0.0.1:1");
  // Once more when as many have come again, since it may not have been ejected.
  for (int i = 0; i < 4; ++i) answer(500);
  EXPECT_THAT(take(), IsEmpty());
  answer(500);
  EXPECT_THAT(take(), ElementsAre(Trouble::kRunOf5xx));
  EXPECT_EQ(usage().totals().good, 1u);
  EXPECT_EQ(usage().totals().bad, 14u);
}

TEST_F(TrafficObservationsTest, WhatTheClientDidWrongIsAGoodAnswer) {
  apply();
  for (int i = 0; i < 4; ++i) answer(503);
  for (const uint16_t status : {100, 101, 200, 301, 404, 429, 499}) {
    usage().runs.server_errors = 4;
    usage().runs.gateway_errors = 4;
    answer(status);
    EXPECT_EQ(usage().runs.server_errors, 0u) << status;
    EXPECT_EQ(usage().runs.gateway_errors, 0u) << status;
  }
  EXPECT_THAT(take(), IsEmpty());
}

TEST_F(TrafficObservationsTest, GatewayErrorsAreARunOfTheirOwn) {
  policy.consecutive_5xx = 0;
  policy.consecutive_gateway_errors = 3;
  apply();
  answer(502);
  answer(503);
  answer(500);
  answer(502);
  answer(503);
  EXPECT_THAT(take(), IsEmpty());
  EXPECT_EQ(usage().runs.server_errors, 5u);
  answer(504);
  EXPECT_THAT(take(), ElementsAre(Trouble::kRunOfGatewayErrors));
}

TEST_F(TrafficObservationsTest, NoAnswerIsBothKindsOfError) {
  policy.consecutive_5xx = 4;
  policy.consecutive_gateway_errors = 2;
  apply();
  answer(500);
  answer(500);
  observeNoAnswer(endpoint());
  EXPECT_THAT(take(), IsEmpty());
  observeNoAnswer(endpoint());
  EXPECT_THAT(take(), ElementsAre(Trouble::kRunOf5xx, Trouble::kRunOfGatewayErrors));
  EXPECT_EQ(usage().totals().bad, 4u);
}

TEST_F(TrafficObservationsTest, ARefusalIsInNoRun) {
  apply();
  answer(503);
  for (int i = 0; i < 10; ++i) observeRefusal(endpoint());
  EXPECT_EQ(usage().totals().bad, 11u);
  EXPECT_EQ(usage().runs.server_errors, 1u);
  EXPECT_THAT(take(), IsEmpty());
}

TEST_F(TrafficObservationsTest, RunsAreOverAllWorkers) {
  apply();
  for (int i = 0; i < 4; ++i) {
    observeNoAnswer(endpoint(i % 2 == 0 ? worker : other));
  }
  observeAnswer(endpoint(other), 200, std::nullopt);
  EXPECT_EQ(usage().runs.server_errors, 0u);
  for (int i = 0; i < 5; ++i) {
    observeAnswer(endpoint(i % 2 == 0 ? worker : other), 503, std::nullopt);
  }
  EXPECT_THAT(take(), ElementsAre(Trouble::kRunOf5xx, Trouble::kRunOfGatewayErrors));
}

TEST_F(TrafficObservationsTest, NothingIsToldAgainUntilItIsTaken) {
  policy.consecutive_5xx = 2;
  policy.consecutive_gateway_errors = 0;
  apply();
  for (int i = 0; i < 20; ++i) {
    observeAnswer(endpoint(i % 2 == 0 ? worker : other), 500, std::nullopt);
  }
  EXPECT_THAT(sink.told, ElementsAre(Trouble::kRunOf5xx));
  take();
  answer(500);
  answer(500);
  EXPECT_THAT(take(), ElementsAre(Trouble::kRunOf5xx));
}

TEST_F(TrafficObservationsTest, TimesOfGoodAnswersAreSummedUp) {
  apply();
  observeAnswer(endpoint(), 200, milliseconds(3));
  observeAnswer(endpoint(other), 404, microseconds(500));
  observeAnswer(endpoint(), 200, std::nullopt);
  observeAnswer(endpoint(), 500, seconds(9));
  const EndpointUsage::Totals totals = usage().totals();
  EXPECT_EQ(totals.good, 3u);
  EXPECT_EQ(totals.bad, 1u);
  EXPECT_EQ(totals.timed, 2u);
  EXPECT_EQ(totals.waited_us, 3500u);
}

TEST_F(TrafficObservationsTest, WithoutDetectionNothingIsCounted) {
  for (const Watch watch : {Watch::kNothing, Watch::kChecks}) {
    apply(watch);
    EXPECT_FALSE(requestsObserved(worker.cluster()));
    for (int i = 0; i < 10; ++i) answer(503);
    observeNoAnswer(endpoint());
    answer(200);
    observeSession(endpoint());
    EXPECT_EQ(usage().runs.server_errors + usage().runs.gateway_errors, 0u);
    EXPECT_EQ(usage().totals().good + usage().totals().bad, 0u);
    EXPECT_THAT(take(), IsEmpty());
  }
  apply(Watch::kBoth);
  EXPECT_TRUE(requestsObserved(worker.cluster()));
}

// --- Connections ---

TEST_F(TrafficObservationsTest, ConnectFailuresAreToldWhereThereAreChecks) {
  apply(Watch::kChecks);
  observeConnectFailure(endpoint(), {.error = ECONNREFUSED});
  observeConnectFailure(endpoint(), {.error = ECONNREFUSED});
  observeConnectFailure(endpoint(), {.timed_out = true, .took = seconds(5)});
  EXPECT_THAT(take(), ElementsAre(Trouble::kConnectFailure, Trouble::kConnectTimeout));
  EXPECT_EQ(usage().totals().bad, 0u);
  apply(Watch::kOutliers);
  for (int i = 0; i < 5; ++i) observeConnectFailure(endpoint(), {.error = ENETUNREACH});
  EXPECT_THAT(take(), ElementsAre(Trouble::kRunOfConnectFailures));
  apply(Watch::kNothing);
  for (int i = 0; i < 5; ++i) observeConnectFailure(endpoint(), {.error = ECONNREFUSED});
  EXPECT_THAT(take(), IsEmpty());
}

TEST_F(TrafficObservationsTest, WhatIsThisHostsFaultSaysNothing) {
  apply(Watch::kBoth);
  for (const int error : {EMFILE, ENFILE, ENOBUFS, ENOMEM, EADDRNOTAVAIL, EADDRINUSE, ENETDOWN}) {
    observeConnectFailure(endpoint(), {.error = error});
  }
  // The worker was busy for longer than the connect timeout.
  observeConnectFailure(endpoint(), {.timed_out = true, .took = seconds(6)});
  EXPECT_THAT(take(), IsEmpty());
  EXPECT_EQ(usage().runs.connect_failures, 0u);
  EXPECT_EQ(usage().totals().bad, 0u);
}

TEST_F(TrafficObservationsTest, PooledConnectionsThatAreRefused) {
  policy.consecutive_connect_failures = 3;
  TestOrigin origin;
  apply(Watch::kBoth, origin.address());
  const auto ask = [&] {
    TestRequest request(worker.pool());
    request.start();
    EXPECT_TRUE(worker.until([&] { return request.told > 0; }));
    return request.failure.has_value();
  };
  EXPECT_FALSE(ask());
  EXPECT_THAT(take(), IsEmpty());
  origin.kill();
  EXPECT_TRUE(ask());
  EXPECT_THAT(take(), ElementsAre(Trouble::kConnectFailure));
  EXPECT_TRUE(ask());
  EXPECT_EQ(usage().runs.connect_failures, 2u);
  EXPECT_TRUE(ask());
  EXPECT_THAT(take(), ElementsAre(Trouble::kConnectFailure, Trouble::kRunOfConnectFailures));
  EXPECT_EQ(usage().totals().bad, 3u);
}

TEST_F(TrafficObservationsTest, APooledConnectionThatComesUpEndsTheRun) {
  TestOrigin origin;
  apply(Watch::kOutliers, origin.address());
  usage().runs.connect_failures = 4;
  TestRequest request(worker.pool());
  request.start();
  EXPECT_TRUE(worker.until([&] { return request.told > 0; }));
  EXPECT_EQ(usage().runs.connect_failures, 0u);
  EXPECT_EQ(usage().totals().good, 0u) << "it has not answered yet";
}

TEST_F(TrafficObservationsTest, PooledConnectionsThatDoNotComeUp) {
  policy.consecutive_connect_failures = 1;
  FullOrigin origin;
  apply(Watch::kBoth, origin.address(), {.connect_timeout = milliseconds(200)});
  TestRequest request(worker.pool());
  request.start();
  worker.run();
  EXPECT_THAT(take(), IsEmpty());
  worker.dispatcher.advance(milliseconds(250));
  EXPECT_TRUE(worker.until([&] { return request.failure.has_value(); }));
  worker.dispatcher.advance(milliseconds(50));
  EXPECT_THAT(take(), ElementsAre(Trouble::kConnectTimeout, Trouble::kRunOfConnectFailures));
}

// --- L4 ---

// Notes whether its connection came up.
class Session final : public EndpointConnection::Handler {
 public:
  explicit Session(TestWorker& worker) {
    WorkerCluster::Choice choice{.kind = Pick::Kind::kEndpoint,
                                 .cluster = worker.clusters.find("c")};
    choice.endpoint = base::LocalRef<WorkerEndpoint>(&worker.cluster().host(0));
    choice.slot = RequestSlot::take(*choice.endpoint, false, RequestSlot::Quota::kNone);
    connection = EndpointConnection::open(choice, {}, *this);
  }
  void onConnected() override { connected = true; }
  void onData(buffer::Buffer& data, bool) override { data.clear(); }
  void onClose(network::CloseReason) override { closed = true; }
  std::unique_ptr<EndpointConnection> connection;
  bool connected = false;
  bool closed = false;
};

TEST_F(TrafficObservationsTest, SessionsAreGoodWhenTheyConnect) {
  TestOrigin origin;
  apply(Watch::kBoth, origin.address());
  usage().runs.connect_failures = 2;
  {
    Session session(worker);
    EXPECT_TRUE(worker.until([&] { return session.connected; }));
    EXPECT_EQ(usage().totals().good, 1u);
    EXPECT_EQ(usage().runs.connect_failures, 0u);
    EXPECT_TRUE(worker.until([&] { return origin.accepted() == 1; }));
    origin.close(0, /*reset=*/true);
    EXPECT_TRUE(worker.until([&] { return session.closed; }));
  }
  EXPECT_EQ(usage().totals().bad, 0u) << "what becomes of it later, nobody can judge";
  origin.kill();
  for (int i = 0; i < 5; ++i) {
    Session session(worker);
    EXPECT_TRUE(worker.until([&] { return session.closed; }));
  }
  EXPECT_THAT(take(), ElementsAre(Trouble::kConnectFailure, Trouble::kRunOfConnectFailures));
  EXPECT_EQ(usage().totals().bad, 5u);
}

TEST_F(TrafficObservationsTest, ASessionThatGoesBeforeSaysNothing) {
  FullOrigin origin;
  apply(Watch::kBoth, origin.address());
  {
    Session session(worker);
    worker.run();
  }
  worker.run();
  EXPECT_THAT(take(), IsEmpty());
  EXPECT_EQ(usage().totals().bad, 0u);
}

TEST_F(TrafficObservationsTest, SpareConnectionsCountAsConnectionsOnly) {
  TestOrigin origin;
  apply(Watch::kOutliers, origin.address(), {.connections = {.preconnect = 2}});
  {
    Session session(worker);
    EXPECT_TRUE(worker.until([&] { return session.connected && origin.accepted() == 3; }));
    worker.run();
    EXPECT_EQ(usage().totals().good, 1u);
    Session second(worker);
    EXPECT_TRUE(worker.until([&] { return second.connected; }));
    EXPECT_EQ(usage().totals().good, 2u);
    EXPECT_TRUE(worker.until([&] { return origin.accepted() == 4; }));
    worker.run();
  }
  origin.kill();
  worker.run();
  usage().runs.clear();
  Session session(worker);  // takes a spare or is refused; others are made beside it
  EXPECT_TRUE(worker.until([&] { return usage().runs.connect_failures > 0; }));
}

}  // namespace
}  // namespace weir::upstream
