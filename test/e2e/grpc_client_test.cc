// Weir's own gRPC client with a real gRPC server (python3-grpcio), on a real loop, as the main
// thread has one.

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

#include "extensions/transport_sockets/upstream_tls/client_side.h"
#include "extensions/transport_sockets/upstream_tls/client_transport.h"
#include "source/event/uv_dispatcher.h"
#include "source/grpc/health_probe.h"
#include "source/grpc/health_watch.h"
#include "source/grpc/unary.h"
#include "source/network/io_context.h"
#include "source/stats/stats.h"
#include "test/e2e/programs.h"
#include "test/support/child_process.h"
#include "test/support/configs.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using grpc::CallOptions;
using grpc::Channel;
using grpc::ChannelConfig;
using grpc::Code;
using grpc::Health;
using grpc::HealthResult;
using grpc::Metadata;
using grpc::Status;
using grpc::UnaryResult;
using std::chrono::milliseconds;
namespace sockets = extensions::transport_sockets;

class PythonServer {
 public:
  explicit PythonServer(const std::vector<std::string>& arguments = {})
      : process_(commandWith(arguments)) {
    EXPECT_TRUE(process_.waitForOutput("\n")) << process_.err();
    const std::string line = process_.out();
    address_ =
        *network::Address::parse("127.0.0.1:" + line.substr(line.find(' ') + 1, line.size() - 6));
  }
  const network::Address& address() const { return address_; }
  test::ChildProcess& process() { return process_; }

 private:
  static test::Command commandWith(const std::vector<std::string>& arguments) {
    test::Command command = {"/usr/bin/python3", test::dataFile("test/e2e/grpc_health_server.py")};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return command;
  }
  test::ChildProcess process_;
  network::Address address_;
};

// Remembers what a stream tells.
struct Recorder final : grpc::CallHandler {
  void onHeaders(const Metadata& metadata) override { headers = metadata; }
  void onMessage(std::string_view message) override { messages.emplace_back(message); }
  void onWritable() override {
    if (on_writable) on_writable();
  }
  void onClosed(const Status& closed_status, const Metadata&) override { status = closed_status; }
  Metadata headers;
  std::vector<std::string> messages;
  std::function<void()> on_writable;
  std::optional<Status> status;
};

// A thread's loop, run by the test.
class GrpcClientTest : public ::testing::Test {
 protected:
  GrpcClientTest() {
    services_.put<event::Dispatcher>(*dispatcher_);
    services_.put(io_);
    services_.put(store_);
    services_.put(store_.block(0));
    context_ = std::make_unique<grpc::ChannelContext>(services_, stats::Labels{{"client", "e2e"}});
  }
  ~GrpcClientTest() override {
    channel_.reset();
    dispatcher_->stop();
    dispatcher_->run();  // what is destroyed a little later
  }
  // Runs the loop until `done()`.
  bool until(const std::function<bool()>& done) {
    const auto end = dispatcher_->preciseNow() + std::chrono::seconds(20);
    std::unique_ptr<event::Timer> look = dispatcher_->createTimer([&] {
      if (done() || dispatcher_->preciseNow() > end) return dispatcher_->stop();
      look->start(milliseconds(1));
    });
    look->start(milliseconds(0));
    dispatcher_->run();
    return done();
  }
  void connect(const PythonServer& server) { connect(server.address()); }
  void connect(const network::Address& address) {
    ChannelConfig config;
    config.addresses = {address};
    channel_ = Channel::create(*context_, std::move(config));
  }
  UnaryResult ask(std::string_view method, std::string_view request, CallOptions options = {}) {
    std::optional<UnaryResult> result;
    const grpc::UnaryCall call(*channel_, "/test.Echo/" + std::string(method), request,
                               std::move(options),
                               [&](UnaryResult answer) { result = std::move(answer); });
    EXPECT_TRUE(until([&] { return result.has_value(); }));
    return result.value_or(UnaryResult{});
  }

  std::unique_ptr<event::UvDispatcher> dispatcher_ = *event::UvDispatcher::create();
  network::IoContext io_{*dispatcher_, 0};
  stats::Store store_;
  base::ServiceMap services_;
  std::unique_ptr<grpc::ChannelContext> context_;
  std::unique_ptr<Channel> channel_;
};

TEST_F(GrpcClientTest, AsksAndIsAnswered) {
  PythonServer server;
  connect(server);
  for (const size_t size : {0, 1, 100, 100'000, 3'000'000}) {
    const UnaryResult result = ask("Ask", std::string(size, 'a') + "b",
                                   {.timeout = milliseconds(10'000), .metadata = {{"x-id", "7"}}});
    ASSERT_TRUE(result.status.ok()) << size << " " << result.status.toString();
    EXPECT_EQ(result.message, "b" + std::string(size, 'a'));
    EXPECT_EQ(grpc::valueOf(result.headers, "x-id"), "7");
    EXPECT_EQ(grpc::valueOf(result.trailers, "x-length"), std::to_string(size + 1));
    EXPECT_EQ(grpc::valueOf(result.trailers, "x-raw-bin").size(), 256u);
  }
}

TEST_F(GrpcClientTest, GetsStatuses) {
  PythonServer server;
  connect(server);
  EXPECT_EQ(ask("Fail", "no such \xc3\xa4pfel: 100%").status.toString(),
            "NOT_FOUND: no such \xc3\xa4pfel: 100%");
  EXPECT_EQ(ask("Absent", "").status.code, Code::kUnimplemented);
  const UnaryResult huge = ask("Ask", std::string(5 * 1024 * 1024, 'x'));
  EXPECT_EQ(huge.status.code, Code::kResourceExhausted) << huge.status.toString();
  EXPECT_TRUE(ask("Ask", "still there").status.ok());
}

TEST_F(GrpcClientTest, KeepsToItsDeadline) {
  PythonServer server;
  connect(server);
  const UnaryResult result = ask("Hang", "", {.timeout = milliseconds(200)});
  EXPECT_EQ(result.status.code, Code::kDeadlineExceeded) << result.status.toString();
  EXPECT_TRUE(ask("Ask", "ab").status.ok());
}

TEST_F(GrpcClientTest, TalksBothWays) {
  PythonServer server;
  connect(server);
  Recorder recorder;
  auto call = channel_->start("/test.Echo/Talk", {.timeout = milliseconds(20'000)}, recorder);
  for (size_t i = 0; i < 20; ++i) {
    ASSERT_TRUE(call->send("message " + std::to_string(i)));
    ASSERT_TRUE(until([&] { return recorder.messages.size() == i + 1 || recorder.status; }));
  }
  EXPECT_EQ(recorder.messages.back(), "message 19");
  EXPECT_EQ(grpc::valueOf(recorder.headers, "x-hello"), "there");
  call->closeSend();
  ASSERT_TRUE(until([&] { return recorder.status.has_value(); }));
  EXPECT_TRUE(recorder.status->ok()) << recorder.status->toString();
}

TEST_F(GrpcClientTest, SendsMuchAsTheServerTakesIt) {
  PythonServer server;
  connect(server);
  constexpr size_t kMessages = 500;
  Recorder recorder;
  size_t sent = 0;
  auto call = channel_->start("/test.Echo/Talk", {}, recorder);
  const auto send = [&] {
    while (sent < kMessages && call->send(std::string(50'000, 'm'))) ++sent;
    if (sent == kMessages) call->closeSend();
  };
  recorder.on_writable = send;
  send();
  EXPECT_LT(sent, kMessages);
  ASSERT_TRUE(until([&] { return recorder.status.has_value(); }));
  EXPECT_TRUE(recorder.status->ok()) << recorder.status->toString();
  EXPECT_EQ(recorder.messages.size(), kMessages);
}

TEST_F(GrpcClientTest, ReadsAStreamAtItsOwnPace) {
  PythonServer server;
  connect(server);
  Recorder recorder;
  auto call = channel_->start("/test.Echo/Count", {}, recorder);
  call->setReadEnabled(false);
  ASSERT_TRUE(call->send("5000"));
  call->closeSend();
  ASSERT_TRUE(until([&] { return !recorder.headers.empty() || io_.bytesInUse() > 200'000; }));
  EXPECT_TRUE(recorder.messages.empty());
  EXPECT_LT(io_.bytesInUse(), 2'000'000u);
  call->setReadEnabled(true);
  ASSERT_TRUE(until([&] { return recorder.status.has_value(); }));
  EXPECT_TRUE(recorder.status->ok()) << recorder.status->toString();
  ASSERT_EQ(recorder.messages.size(), 5'000u);
  EXPECT_EQ(recorder.messages[4'999].substr(0, 5), "4999 ");
}

TEST_F(GrpcClientTest, NoticesThatTheServerDies) {
  PythonServer server;
  connect(server);
  Recorder recorder;
  auto call = channel_->start("/test.Echo/Talk", {}, recorder);
  ASSERT_TRUE(call->send("x"));
  ASSERT_TRUE(until([&] { return !recorder.messages.empty() || recorder.status; }));
  server.process().signal(SIGKILL);
  ASSERT_TRUE(until([&] { return recorder.status.has_value(); }));
  EXPECT_EQ(recorder.status->code, Code::kUnavailable) << recorder.status->toString();
  PythonServer another;
  connect(another);
  EXPECT_TRUE(ask("Ask", "ab").status.ok());
}

TEST_F(GrpcClientTest, SpeaksTlsWithARealServer) {
  const test::TemporaryFolder folder;
  test::CertificateAuthority authority(folder);
  const auto pair = authority.issue("server", "DNS:grpc.example");
  PythonServer server({pair.certificate, pair.key});

  sockets::MaterialFiles files;
  files.context = "cluster grpc";
  files.trust = sockets::TrustFiles{.ca_files = {authority.file()}};
  std::vector<sockets::MaterialProblem> problems;
  std::vector<std::string> warnings;
  auto options = std::make_shared<sockets::upstream_tls::ClientOptions>();
  options->cluster = "grpc";
  options->server_name_from_host = true;
  options->alpn = {"h2"};
  options->material =
      sockets::MaterialStore::load(files, dispatcher_->systemNow(), problems, warnings);
  ASSERT_TRUE(problems.empty());
  ChannelConfig config;
  config.addresses = {server.address()};
  config.authority = "grpc.example";
  config.transport = std::make_shared<sockets::upstream_tls::ClientTransportFactory>(options);
  channel_ = Channel::create(*context_, config);
  const UnaryResult result = ask("Ask", "ab");
  EXPECT_TRUE(result.status.ok()) << result.status.toString();
  EXPECT_EQ(result.message, "ba");

  connect(server);  // plain: what comes back is not HTTP/2
  const UnaryResult plain = ask("Ask", "ab", {.timeout = milliseconds(10'000)});
  EXPECT_EQ(plain.status.code, Code::kUnavailable) << plain.status.toString();
}

// Both of Weir's codecs are in between, each with the other's kind of peer.
TEST_F(GrpcClientTest, TalksThroughWeir) {
  PythonServer server;
  test::WeirProcess weir(test::edgeListener() +
                         test::cluster("origin", {server.address().toString()},
                                       "http_protocol: HTTP_PROTOCOL_HTTP2 ") +
                         test::runtime());
  const uint16_t port = weir.port("edge");
  ASSERT_NE(port, 0) << weir.process().err();
  connect(*network::Address::parse("127.0.0.1:" + std::to_string(port)));
  const UnaryResult result = ask("Ask", std::string(2'000'000, 'a') + "b");
  ASSERT_TRUE(result.status.ok()) << result.status.toString();
  EXPECT_EQ(result.message, "b" + std::string(2'000'000, 'a'));
  EXPECT_EQ(grpc::valueOf(result.trailers, "x-raw-bin").size(), 256u);
  EXPECT_EQ(ask("Fail", "no such thing").status.toString(), "NOT_FOUND: no such thing");
  EXPECT_EQ(ask("Hang", "", {.timeout = milliseconds(200)}).status.code, Code::kDeadlineExceeded);

  Recorder recorder;
  auto call = channel_->start("/test.Echo/Talk", {.timeout = milliseconds(20'000)}, recorder);
  ASSERT_TRUE(call->send("before"));
  ASSERT_TRUE(until([&] { return recorder.messages.size() == 1 || recorder.status; }));
  weir.process().signal(SIGTERM);
  ASSERT_TRUE(until([&] { return channel_->state() != grpc::ChannelState::kReady; }));
  ASSERT_TRUE(call->send("while it drains"));
  ASSERT_TRUE(until([&] { return recorder.messages.size() == 2 || recorder.status; }));
  call->closeSend();
  ASSERT_TRUE(until([&] { return recorder.status.has_value(); }));
  EXPECT_TRUE(recorder.status->ok()) << recorder.status->toString();
  EXPECT_EQ(weir.process().wait(), 0);
}

TEST_F(GrpcClientTest, GetsAStatusFromWeirWhenTheServerIsGone) {
  PythonServer server;
  test::WeirProcess weir(test::edgeListener() +
                         test::cluster("origin", {server.address().toString()},
                                       "http_protocol: HTTP_PROTOCOL_HTTP2 ") +
                         test::runtime());
  ASSERT_NE(weir.port("edge"), 0) << weir.process().err();
  connect(*network::Address::parse("127.0.0.1:" + std::to_string(weir.port("edge"))));
  ASSERT_TRUE(ask("Ask", "ab").status.ok());
  server.process().signal(SIGKILL);
  server.process().wait();
  EXPECT_EQ(ask("Ask", "ab").status.code, Code::kUnavailable);
}

TEST_F(GrpcClientTest, ProbesHealth) {
  PythonServer server;
  connect(server);
  grpc::HealthProbeConfig config;
  config.channel.addresses = {server.address()};
  const auto probe = [&](const std::string& service) {
    config.service = service;
    grpc::HealthProbe prober(*context_, config);
    std::optional<HealthResult> result;
    prober.start([&](HealthResult answer) { result = std::move(answer); });
    EXPECT_TRUE(until([&] { return result.has_value(); }));
    return result.value_or(HealthResult{});
  };
  EXPECT_EQ(probe("").health, Health::kServing);
  EXPECT_EQ(probe("shop").health, Health::kServiceUnknown);
  ASSERT_TRUE(ask("SetHealth", "shop=2").status.ok());
  EXPECT_EQ(probe("shop").health, Health::kNotServing);
  ASSERT_TRUE(ask("SetHealth", "shop=1").status.ok());
  EXPECT_EQ(probe("shop").health, Health::kServing);
  server.process().signal(SIGKILL);
  server.process().wait();
  const HealthResult dead = probe("shop");
  EXPECT_EQ(dead.health, Health::kFailed);
  EXPECT_NE(dead.reason.find("refused"), std::string::npos) << dead.reason;
}

TEST_F(GrpcClientTest, WatchesHealth) {
  PythonServer server;
  connect(server);
  std::vector<Health> seen;
  const grpc::HealthWatch watch(*context_, *channel_, "shop",
                                [&](const HealthResult& result) { seen.push_back(result.health); });
  const auto next = [&](const std::string& state) {
    const size_t before = seen.size();
    if (!state.empty()) {
      ASSERT_TRUE(ask("SetHealth", "shop=" + state).status.ok());
    }
    ASSERT_TRUE(until([&] { return seen.size() > before; }));
  };
  next("");
  next("1");
  next("2");
  EXPECT_EQ(seen,
            (std::vector<Health>{Health::kServiceUnknown, Health::kServing, Health::kNotServing}));
}

}  // namespace
}  // namespace weir
