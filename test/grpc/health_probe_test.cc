#include "source/grpc/health_probe.h"

#include "source/grpc/health.pb.h"
#include "source/grpc/health_watch.h"
#include "test/grpc/fixture.h"

namespace weir::grpc::test {
namespace {

using ::grpc::health::v1::HealthCheckRequest;
using ::grpc::health::v1::HealthCheckResponse;
using std::chrono::milliseconds;
using std::chrono::seconds;

std::string response(int status) {
  HealthCheckResponse message;
  message.set_status(static_cast<HealthCheckResponse::ServingStatus>(status));
  return message.SerializeAsString();
}

class HealthTest : public ChannelTest {
 protected:
  HealthProbeConfig probeConfig() const {
    HealthProbeConfig config;
    config.channel = ChannelTest::config();
    config.service = "shop";
    config.timeout = milliseconds(500);
    return config;
  }
  HealthResult probe() {
    if (probe_ == nullptr) {
      probe_ = std::make_unique<HealthProbe>(worker_.context(), probeConfig());
    }
    std::optional<HealthResult> result;
    probe_->start([&](HealthResult answer) { result = std::move(answer); });
    EXPECT_TRUE(worker_.until([&] { return result.has_value(); }));
    EXPECT_FALSE(probe_->running());
    return result.value_or(HealthResult{});
  }

  std::unique_ptr<HealthProbe> probe_;
};

TEST_F(HealthTest, HasAWordForEachStatus) {
  const std::vector<std::pair<int, Health>> cases = {{0, Health::kUnknown},
                                                     {1, Health::kServing},
                                                     {2, Health::kNotServing},
                                                     {3, Health::kServiceUnknown},
                                                     {77, Health::kUnknown}};
  for (const auto& [wire, health] : cases) {
    server_.on_request = [wire = wire](ServerStream& stream) { stream.reply(response(wire)); };
    const HealthResult result = probe();
    EXPECT_EQ(result.health, health) << wire;
    EXPECT_EQ(result.reason.empty(), health == Health::kServing) << result.reason;
  }
  EXPECT_EQ(server_.connections(), 1u) << "one connection for all";
  const ServerStream& stream = server_.stream(0);
  EXPECT_EQ(stream.header(":path"), "/grpc.health.v1.Health/Check");
  EXPECT_EQ(stream.header("grpc-timeout"), "500000u");
  HealthCheckRequest request;
  ASSERT_TRUE(request.ParseFromString(stream.messages().at(0)));
  EXPECT_EQ(request.service(), "shop");
}

TEST_F(HealthTest, TellsFailuresApart) {
  server_.on_request = [](ServerStream& stream) { stream.status(12, "no such method"); };
  HealthResult result = probe();
  EXPECT_EQ(result.health, Health::kUnimplemented);
  EXPECT_EQ(result.reason, "UNIMPLEMENTED: no such method");
  server_.on_request = [](ServerStream& stream) { stream.status(5, "unknown service"); };
  EXPECT_EQ(probe().health, Health::kServiceUnknown);
  server_.on_request = [](ServerStream& stream) { stream.status(14, "overloaded"); };
  result = probe();
  EXPECT_EQ(result.health, Health::kFailed);
  EXPECT_EQ(result.reason, "UNAVAILABLE: overloaded");
  server_.on_request = [](ServerStream& stream) { stream.reply("\xff"); };
  result = probe();
  EXPECT_EQ(result.health, Health::kFailed);
  EXPECT_NE(result.reason.find("HealthCheckResponse"), std::string::npos);
}

TEST_F(HealthTest, DoesNotWaitOutThePausesOfTheChannel) {
  server_.stopListening();
  for (int i = 0; i < 3; ++i) {
    const HealthResult result = probe();
    EXPECT_EQ(result.health, Health::kFailed);
    EXPECT_NE(result.reason.find("Connection refused"), std::string::npos) << result.reason;
  }
  EXPECT_EQ(worker_.counter("grpc_client_connect_failures_total"), 3);
  server_.listenAgain();
  server_.on_request = [](ServerStream& stream) { stream.reply(response(1)); };
  EXPECT_EQ(probe().health, Health::kServing) << "at once";
}

TEST_F(HealthTest, IsTooSlowAtEachStage) {
  probe_ = std::make_unique<HealthProbe>(worker_.context(), probeConfig());
  for (const bool accepting : {false, true}) {
    server_.setAccepting(accepting);
    std::optional<HealthResult> result;
    probe_->start([&](HealthResult answer) { result = std::move(answer); });
    worker_.settle();
    advance(milliseconds(530));
    ASSERT_TRUE(worker_.until([&] { return result.has_value(); }));
    EXPECT_EQ(result->health, Health::kFailed);
    EXPECT_NE(result->reason.find("DEADLINE_EXCEEDED"), std::string::npos) << result->reason;
  }
}

TEST_F(HealthTest, ConnectsAnewForEachProbeWhenTold) {
  HealthProbeConfig config = probeConfig();
  config.reuse_connection = false;
  probe_ = std::make_unique<HealthProbe>(worker_.context(), std::move(config));
  server_.on_request = [](ServerStream& stream) { stream.reply(response(1)); };
  EXPECT_EQ(probe().health, Health::kServing);
  EXPECT_EQ(probe().health, Health::kServing);
  EXPECT_EQ(server_.connections(), 2u);
  EXPECT_TRUE(worker_.until([&] { return server_.connection(1).closed(); }));
}

TEST_F(HealthTest, MayBeGivenUpAndDestroyed) {
  int answers = 0;
  probe_ = std::make_unique<HealthProbe>(worker_.context(), probeConfig());
  probe_->start([&](HealthResult) { ++answers; });
  ASSERT_TRUE(worker_.until([&] { return !server_.streams().empty(); }));
  probe_->cancel();
  ASSERT_TRUE(worker_.until([&] { return server_.stream(0).reset_received; }));
  EXPECT_EQ(answers, 0);
  server_.on_request = [](ServerStream& stream) { stream.reply(response(1)); };
  probe_->start([&](HealthResult) {
    ++answers;
    probe_.reset();
  });
  ASSERT_TRUE(worker_.until([&] { return probe_ == nullptr; }));
  EXPECT_EQ(answers, 1);
}

TEST_F(HealthTest, Watches) {
  open();
  std::vector<HealthResult> results;
  HealthWatch watch(worker_.context(), *channel_, "shop",
                    [&](const HealthResult& result) { results.push_back(result); });
  ASSERT_TRUE(worker_.until([&] { return !server_.streams().empty() && server_.stream(0).ended; }));
  EXPECT_EQ(server_.stream(0).header(":path"), "/grpc.health.v1.Health/Watch");
  server_.stream(0).head();
  server_.stream(0).message(response(1));
  server_.stream(0).message(response(2));
  ASSERT_TRUE(worker_.until([&] { return results.size() == 2; }));
  EXPECT_EQ(results[0].health, Health::kServing);
  EXPECT_EQ(results[1].health, Health::kNotServing);
  server_.connection(0).close();
  ASSERT_TRUE(worker_.until([&] { return results.size() == 3; }));
  EXPECT_EQ(results[2].health, Health::kFailed);
  advance(seconds(2));
  ASSERT_TRUE(worker_.until([&] { return server_.streams().size() == 2; }));
  server_.stream(1).status(12, "no health service");
  ASSERT_TRUE(worker_.until([&] { return results.size() == 4; }));
  EXPECT_EQ(results[3].health, Health::kUnimplemented);
  advance(seconds(300));
  worker_.settle();
  EXPECT_EQ(server_.streams().size(), 2u) << "that was the end";
}

TEST_F(HealthTest, WatchMayBeDestroyedByItsListener) {
  open();
  std::unique_ptr<HealthWatch> watch;
  server_.on_request = [](ServerStream& stream) {
    stream.head();
    stream.message(response(1));
  };
  watch = std::make_unique<HealthWatch>(worker_.context(), *channel_, "",
                                        [&](const HealthResult&) { watch.reset(); });
  ASSERT_TRUE(worker_.until([&] { return watch == nullptr; }));
  ASSERT_TRUE(worker_.until([&] { return server_.stream(0).reset_received; }));
}

TEST(HealthNameTest, IsForPeople) {
  EXPECT_EQ(healthName(Health::kServing), "serving");
  EXPECT_EQ(healthName(Health::kServiceUnknown), "service_unknown");
}

}  // namespace
}  // namespace weir::grpc::test
