#include "extensions/health_checkers/grpc/grpc.h"

#include <optional>
#include <set>
#include <vector>

#include "source/grpc/health.pb.h"
#include "source/upstream/cluster.h"
#include "test/grpc/fixture.h"

namespace weir::extensions::health_checkers::grpc {
namespace {

using std::chrono::hours;
using upstream::ProbeResult;
using Verdict = upstream::ProbeResult::Verdict;
using weir::grpc::test::GrpcWorker;
using weir::grpc::test::ScriptedServer;
using weir::grpc::test::ServerOptions;
using weir::grpc::test::ServerStream;
using WireRequest = ::grpc::health::v1::HealthCheckRequest;
using WireResponse = ::grpc::health::v1::HealthCheckResponse;

std::string answer(int status) {
  WireResponse message;
  message.set_status(static_cast<WireResponse::ServingStatus>(status));
  return message.SerializeAsString();
}

// Plain, and counts how often it is bound.
class CountedTransport final : public network::TransportSocketFactory {
 public:
  std::unique_ptr<network::WorkerTransportSocketFactory> bind(base::ServiceMap&) const override {
    struct Plain final : network::WorkerTransportSocketFactory {
      std::unique_ptr<network::TransportSocket> create(const network::TransportTarget&) override {
        return nullptr;
      }
    };
    ++bound;
    return std::make_unique<Plain>();
  }
  mutable int bound = 0;
};

class GrpcCheckTest : public ::testing::Test, protected upstream::ProbeListener {
 protected:
  ~GrpcCheckTest() override {
    probe_.reset();
    checker_.reset();
    worker_.settle();
  }
  void onProbeDone(const ProbeResult& result) override {
    ++results_;
    last_ = result;
    if (then_) then_();
  }
  void open(GrpcOptions options = {}, upstream::CheckSettings settings = {}) {
    probe_.reset();
    const GrpcCheck factory(std::move(options));
    EXPECT_EQ(factory.name(), "grpc");
    checker_ = factory.create(worker_.services(), upstream::ClusterConfig{}, settings);
    upstream::ProbeTarget target;
    target.address = server_.address();
    probe_ = checker_->createProbe(target, *this);
  }
  ProbeResult probe() {
    if (probe_ == nullptr) open();
    const int before = results_;
    probe_->start();
    EXPECT_TRUE(probe_->begun());
    EXPECT_EQ(results_, before) << "not from inside";
    EXPECT_TRUE(worker_.until([&] { return results_ > before; }));
    return last_;
  }
  void serve(int status) {
    server_.on_request = [status](ServerStream& stream) { stream.reply(answer(status)); };
  }
  bool arrived(size_t streams) {
    return worker_.until([this, streams] { return server_.streams().size() == streams; });
  }

  GrpcWorker worker_;
  ScriptedServer server_{worker_.io};
  std::unique_ptr<upstream::HealthChecker> checker_;
  std::unique_ptr<upstream::HealthProbe> probe_;
  std::function<void()> then_;
  int results_ = 0;
  ProbeResult last_;
};

TEST_F(GrpcCheckTest, OnlyServingIsHealthy) {
  serve(WireResponse::SERVING);
  ProbeResult result = probe();
  EXPECT_EQ(result.verdict, Verdict::kHealthy);
  EXPECT_EQ(result.reason, "");
  const std::vector<std::pair<int, std::string>> cases = {
      {WireResponse::UNKNOWN, "the server says UNKNOWN"},
      {WireResponse::NOT_SERVING, "the server says NOT_SERVING"},
      {WireResponse::SERVICE_UNKNOWN, "the server does not know the service"},
      {7, "the server says 7, which is no status of grpc.health.v1"}};
  for (const auto& [status, reason] : cases) {
    serve(status);
    result = probe();
    EXPECT_EQ(result.verdict, Verdict::kUnhealthy) << status;
    EXPECT_EQ(result.reason, reason);
  }
  EXPECT_EQ(server_.connections(), 1u) << "kept";
}

TEST_F(GrpcCheckTest, AsksWhatItIsTold) {
  serve(WireResponse::SERVING);
  open({.service = "shop.Orders",
        .authority = "shop.example:50051",
        .metadata = {{"x-token", "secret"}, {"x-bytes-bin", std::string("\0\1", 2)}}});
  EXPECT_EQ(probe().verdict, Verdict::kHealthy);
  const ServerStream& stream = server_.stream(0);
  EXPECT_EQ(stream.header(":path"), "/grpc.health.v1.Health/Check");
  EXPECT_EQ(stream.header(":authority"), "shop.example:50051");
  EXPECT_EQ(stream.header("x-token"), "secret");
  EXPECT_EQ(stream.header("x-bytes-bin"), "AAE");
  EXPECT_EQ(stream.header("user-agent"), "weir-health-check");
  EXPECT_EQ(stream.header("grpc-timeout"), "") << "whoever started the probe keeps its time";
  WireRequest request;
  ASSERT_TRUE(request.ParseFromString(stream.messages().at(0)));
  EXPECT_EQ(request.service(), "shop.Orders");
}

TEST_F(GrpcCheckTest, AServerWithoutTheServiceIsAsConfigured) {
  server_.on_request = [](ServerStream& stream) { stream.status(12, "unknown service"); };
  ProbeResult result = probe();
  EXPECT_EQ(result.verdict, Verdict::kUnhealthy);
  EXPECT_EQ(result.reason, "it has no grpc.health.v1: UNIMPLEMENTED: unknown service");
  open({.unimplemented_is_healthy = true});
  result = probe();
  EXPECT_EQ(result.verdict, Verdict::kHealthy);
  EXPECT_EQ(result.reason, "");
  serve(WireResponse::NOT_SERVING);
  EXPECT_EQ(probe().verdict, Verdict::kUnhealthy) << "nothing but that";
}

TEST_F(GrpcCheckTest, FailuresSayWhatFailed) {
  const std::vector<std::pair<std::function<void(ServerStream&)>, std::string>> cases = {
      {[](ServerStream& stream) { stream.status(5, "which?"); }, "NOT_FOUND: which?"},
      {[](ServerStream& stream) { stream.status(14, "overloaded"); }, "UNAVAILABLE: overloaded"},
      {[](ServerStream& stream) { stream.reply("\xff"); }, "HealthCheckResponse"},
      {[](ServerStream& stream) { stream.reply(std::string(100'000, 'x')); }, "RESOURCE_EXHAUSTED"},
      {[](ServerStream& stream) { stream.reset(2); }, "INTERNAL"},
      {[](ServerStream& stream) {
         stream.rawHead({{":status", "503"}}, true);
       },
       "503"},
      {[](ServerStream& stream) {
         stream.rawHead({{":status", "200"}, {"content-type", "text/html"}}, false);
       },
       "text/html"}};
  for (const auto& [reply, reason] : cases) {
    server_.on_request = reply;
    const ProbeResult result = probe();
    EXPECT_EQ(result.verdict, Verdict::kUnhealthy) << reason;
    EXPECT_NE(result.reason.find(reason), std::string::npos) << result.reason;
  }
}

TEST_F(GrpcCheckTest, NoServerIsToldAtOnceEachTime) {
  server_.stopListening();
  for (int i = 0; i < 3; ++i) {
    const ProbeResult result = probe();
    EXPECT_EQ(result.verdict, Verdict::kUnhealthy);
    EXPECT_NE(result.reason.find("Connection refused"), std::string::npos) << result.reason;
  }
  server_.listenAgain();
  serve(WireResponse::SERVING);
  EXPECT_EQ(probe().verdict, Verdict::kHealthy);
  EXPECT_EQ(
      worker_.store.valueOf("grpc_client_connect_failures_total", {{"client", "health_check"}}), 3);
}

TEST_F(GrpcCheckTest, KeepsNoTimeOfItsOwn) {
  server_.setAccepting(false);
  open();
  probe_->start();
  worker_.settle();
  worker_.dispatcher.advance(hours(24));
  EXPECT_EQ(results_, 0) << "connecting";
  probe_->cancel();
  server_.setAccepting(true);
  probe_->start();
  ASSERT_TRUE(arrived(1));
  worker_.dispatcher.advance(hours(23));
  EXPECT_EQ(results_, 0) << "asking";
}

TEST_F(GrpcCheckTest, GivingUpClosesTheConnection) {
  open();
  probe_->start();
  ASSERT_TRUE(arrived(1));
  probe_->cancel();
  ASSERT_TRUE(worker_.until([&] { return server_.connection(0).closed(); }));
  EXPECT_EQ(results_, 0);
  probe_->cancel();  // nothing is under way
  serve(WireResponse::SERVING);
  EXPECT_EQ(probe().verdict, Verdict::kHealthy);
  EXPECT_EQ(server_.connections(), 2u);
  probe_->cancel();
  EXPECT_EQ(probe().verdict, Verdict::kHealthy);
}

TEST_F(GrpcCheckTest, ConnectsForEachProbeWhenTold) {
  open({}, {.transport = nullptr, .reuse_connection = false});
  serve(WireResponse::SERVING);
  EXPECT_EQ(probe().verdict, Verdict::kHealthy);
  EXPECT_EQ(probe().verdict, Verdict::kHealthy);
  EXPECT_EQ(server_.connections(), 2u);
  EXPECT_TRUE(worker_.until([&] { return server_.connection(1).closed(); }));
}

TEST_F(GrpcCheckTest, TheTransportIsBoundOnce) {
  const auto transport = std::make_shared<CountedTransport>();
  open({}, {.transport = transport, .reuse_connection = false});
  serve(WireResponse::SERVING);
  EXPECT_EQ(probe().verdict, Verdict::kHealthy);
  EXPECT_EQ(probe().verdict, Verdict::kHealthy);
  probe_->cancel();
  EXPECT_EQ(probe().verdict, Verdict::kHealthy);
  EXPECT_EQ(server_.connections(), 3u);
  EXPECT_EQ(transport->bound, 1) << "what it costs is paid once for all endpoints";
}

TEST_F(GrpcCheckTest, AConnectionThatTheServerEndedIsMadeAnew) {
  serve(WireResponse::SERVING);
  EXPECT_EQ(probe().verdict, Verdict::kHealthy);
  server_.connection(0).goAway(1);
  server_.connection(0).endOrderly();
  worker_.settle();
  EXPECT_EQ(probe().verdict, Verdict::kHealthy);
  server_.connection(1).close();
  worker_.settle();
  EXPECT_EQ(probe().verdict, Verdict::kHealthy);
  EXPECT_EQ(server_.connections(), 3u);
}

TEST_F(GrpcCheckTest, TheListenerMayDestroyTheProbeOrStartTheNext) {
  serve(WireResponse::SERVING);
  then_ = [this] {
    if (results_ < 3) return probe_->start();
    probe_.reset();
  };
  open();
  probe_->start();
  ASSERT_TRUE(worker_.until([this] { return probe_ == nullptr; }));
  EXPECT_EQ(results_, 3);
  EXPECT_TRUE(worker_.until([&] { return server_.connection(0).closed(); }));
}

TEST_F(GrpcCheckTest, MayBeDestroyedAtAnyStage) {
  server_.on_request = [](ServerStream& stream) { stream.head(); };
  for (int stage = 0; stage < 3; ++stage) {
    open();
    probe_->start();
    if (stage > 0) worker_.settle();
    if (stage > 1) {
      ASSERT_TRUE(arrived(server_.streams().size() + (server_.streams().empty() ? 1 : 0)));
    }
    probe_.reset();
    checker_.reset();
    worker_.settle();
  }
  EXPECT_EQ(results_, 0);
}

TEST_F(GrpcCheckTest, ASilentServerIsNotFloodedByProbes) {
  ServerOptions mute;
  mute.send_settings = false;
  server_.options = mute;
  open();
  for (int i = 0; i < 5; ++i) {
    probe_->start();
    worker_.settle();
    probe_->cancel();
    worker_.settle();
  }
  EXPECT_EQ(results_, 0);
  for (size_t i = 0; i < server_.connections(); ++i) {
    EXPECT_TRUE(worker_.until([&] { return server_.connection(i).closed(); })) << i;
  }
}

}  // namespace
}  // namespace weir::extensions::health_checkers::grpc
