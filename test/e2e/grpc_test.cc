// gRPC calls of another make (grpcio) through Weir, on both sides of it, plain and over TLS.

#include <signal.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/e2e/programs.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::Command;
using ::testing::HasSubstr;

constexpr char kName[] = "grpc.weir.example";

// grpc_server.py, on a port of its own or on `port`.
class Server {
 public:
  explicit Server(const std::string& name, const Command& arguments = {})
      : process_(command(name, arguments)) {}
  uint16_t port() {
    EXPECT_TRUE(process_.waitForOutput("\n")) << process_.err();
    const std::string line = process_.out();
    return static_cast<uint16_t>(std::atoi(line.c_str() + line.find(' ') + 1));
  }
  std::string address() { return "127.0.0.1:" + std::to_string(port()); }
  void kill() {
    process_.signal(SIGKILL);
    process_.wait();
  }

 private:
  static Command command(const std::string& name, const Command& arguments) {
    Command all = {"python3", test::dataFile("test/e2e/grpc_server.py"), name};
    all.insert(all.end(), arguments.begin(), arguments.end());
    return all;
  }
  test::ChildProcess process_;
};

std::string listener(const std::string& name, const std::string& route,
                     const std::string& chain = {}) {
  return "listeners { name: \"" + name + "\" address: \"127.0.0.1:0\"\n" + "  filter_chains { " +
         chain +
         " filters { config { [network_filters/http_connection_manager] {\n"
         "    virtual_hosts { name: \"all\" domains: \"*\"\n"
         "      routes { match { prefix: \"/test.Echo/\" } route { timeout {} " +
         route + " } } }\n    access_logs { config { [access_loggers/stdout] { " +
         "format: \"%REQ(:PATH)% %PROTOCOL% %RESPONSE_CODE% %GRPC_STATUS% %RESPONSE_FLAGS%\"" +
         " } } }\n  } } } } }\n";
}

Command clientCommand(uint16_t port, const Command& scenarios, const Command& options = {}) {
  Command command = {"python3", test::dataFile("test/e2e/grpc_client.py"),
                     "127.0.0.1:" + std::to_string(port)};
  command.insert(command.end(), options.begin(), options.end());
  command.push_back("--scenarios");
  command.insert(command.end(), scenarios.begin(), scenarios.end());
  return command;
}

// Every scenario has to say OK.
void play(test::WeirProcess& weir, const std::string& listener, const Command& scenarios,
          const Command& options = {}) {
  ASSERT_NE(weir.port(listener), 0) << weir.process().err();
  const test::Finished client = test::runToEnd(
      clientCommand(weir.port(listener), scenarios, options), std::chrono::seconds(50));
  std::string expected;
  for (const std::string& scenario : scenarios) expected += "OK " + scenario + "\n";
  EXPECT_EQ(client.out, expected) << client.err << weir.process().err();
  EXPECT_EQ(client.code, 0);
}

// Its access log is written a little later.
bool logs(test::WeirProcess& weir, const std::string& line) {
  return weir.process().waitForOutput(line);
}

const std::string kHttp2 = "http_protocol: HTTP_PROTOCOL_HTTP2 ";
const Command kEverything = {"unary", "statuses", "metadata",         "streams", "chat",
                             "large", "deadline", "concurrent_calls", "cancel",  "no_route"};

TEST(GrpcTest, EverythingPassesOverPlainConnections) {
  Server server("good");
  test::WeirProcess weir(listener("edge", "cluster: \"origin\"") +
                         test::cluster("origin", {server.address()}, kHttp2) + test::runtime());
  play(weir, "edge", kEverything);
  const auto calls = [&](const char* side, const char* status) {
    return weir.stat(std::string(side) + "_grpc_responses_total",
                     "status=\"" + std::string(status) + "\"");
  };
  EXPECT_GT(calls("cluster", "OK"), 520);
  EXPECT_EQ(calls("cluster", "OK"), calls("http", "OK"));
  EXPECT_EQ(calls("cluster", "DATA_LOSS"), 1);
  EXPECT_EQ(calls("http", "DATA_LOSS"), 1);
  EXPECT_EQ(calls("http", "UNIMPLEMENTED"), 3);  // one was Weir's own
  EXPECT_EQ(calls("cluster", "UNIMPLEMENTED"), 2);
  EXPECT_EQ(weir.stat("cluster_retries_total"), 0);
  EXPECT_TRUE(logs(weir, "/test.Echo/Unary HTTP/2 200 DATA_LOSS -\n"));
  EXPECT_TRUE(logs(weir, "/nowhere/at.all HTTP/2 200 UNIMPLEMENTED NR\n"));
  EXPECT_TRUE(test::eventually([&] { return weir.stat("cluster_active_requests") == 0; }));
  EXPECT_TRUE(test::eventually([&] { return weir.stat("http_active_streams") <= 1; }));
}

TEST(GrpcTest, EverythingPassesOverTls) {
  test::TemporaryFolder folder;
  test::CertificateAuthority ca(folder);
  const auto pair = ca.issue("server", std::string("DNS:") + kName);
  Server server("good", {"--tls", pair.certificate, pair.key});
  const std::string chain =
      "transport_socket { config { [transport_sockets/tls] { certificates { certificate_file: \"" +
      pair.certificate + "\" private_key_file: \"" + pair.key + "\" } } } }";
  const std::string tls =
      "transport_socket { config { [transport_sockets/upstream_tls] { "
      "ca_files: \"" +
      ca.file() + "\" server_name: \"" + kName + "\" } } }";
  test::WeirProcess weir(listener("edge", "cluster: \"origin\"", chain) +
                         test::cluster("origin", {server.address()}, kHttp2 + tls) +
                         test::runtime());
  play(weir, "edge", kEverything, {"--tls", ca.file(), kName});
}

TEST(GrpcTest, TheRouteCapsTheTimeOfCalls) {
  Server server("good");
  test::WeirProcess weir(
      listener("edge", "cluster: \"origin\" grpc_timeout { max { nanos: 500000000 } }") +
      test::cluster("origin", {server.address()}, kHttp2) + test::runtime());
  play(weir, "edge", {"capped"});
  EXPECT_EQ(weir.stat("http_grpc_responses_total", "status=\"DEADLINE_EXCEEDED\""), 1);
  // The server knows what is left, and may be faster in saying that it is over.
  EXPECT_TRUE(logs(weir, "/test.Echo/Hang HTTP/2 200 DEADLINE_EXCEEDED "));
}

TEST(GrpcTest, WithoutAServerItIsUnavailable) {
  test::WeirProcess weir(
      listener("edge", "cluster: \"origin\"") +
      test::cluster("origin", {"127.0.0.1:" + std::to_string(test::freePort())}, kHttp2) +
      test::runtime());
  play(weir, "edge", {"unavailable"});
  EXPECT_TRUE(logs(weir, "/test.Echo/Unary HTTP/2 200 UNAVAILABLE UF\n"));
}

TEST(GrpcTest, AServerThatRefusesIsLeftForAnother) {
  Server good("good");
  Server bad("bad");
  test::WeirProcess weir(
      listener("edge", "cluster: \"both\" retry { grpc_statuses: UNAVAILABLE }") +
      listener("plain", "cluster: \"both\"") +
      test::cluster("both", {good.address(), bad.address()}, kHttp2) + test::runtime(1));
  play(weir, "edge", {"refused"});
  EXPECT_GE(weir.stat("cluster_retries_total"), 5);
  const std::string seen = "status=\"UNAVAILABLE\"";
  EXPECT_EQ(weir.stat("http_grpc_responses_total", seen), 0);
  EXPECT_EQ(weir.stat("cluster_grpc_responses_total", seen), weir.stat("cluster_retries_total"));
  play(weir, "plain", {"refused_seen"});
}

TEST(GrpcTest, AStreamWhoseServerDiesEndsAsUnavailable) {
  Server server("good");
  test::WeirProcess weir(listener("edge", "cluster: \"origin\"") +
                         test::cluster("origin", {server.address()}, kHttp2) + test::runtime());
  ASSERT_NE(weir.port("edge"), 0) << weir.process().err();
  test::ChildProcess client(clientCommand(weir.port("edge"), {"broken_stream"}));
  ASSERT_TRUE(client.waitForOutput("streaming\n")) << client.err();
  server.kill();
  EXPECT_EQ(client.wait(), 0) << client.err() << weir.process().err();
}

TEST(GrpcTest, AServerIsRestartedUnderCalls) {
  test::TemporaryFolder folder;
  const uint16_t port = test::freePort();
  const Command on_port = {"--port", std::to_string(port)};
  auto server = std::make_unique<Server>("good", on_port);
  test::WeirProcess weir(listener("edge", "cluster: \"origin\"") +
                         test::cluster("origin", {server->address()}, kHttp2) + test::runtime());
  ASSERT_NE(weir.port("edge"), 0) << weir.process().err();
  const std::string stop = folder.file("stop");
  test::ChildProcess client(clientCommand(weir.port("edge"), {"restart"}, {"--until", stop}));
  const auto more = [&](const char* status) {
    const std::string label = "status=\"" + std::string(status) + "\"";
    const int64_t before = weir.stat("http_grpc_responses_total", label);
    return test::eventually(
        [&] { return weir.stat("http_grpc_responses_total", label) > before + 10; },
        std::chrono::seconds(20));
  };
  ASSERT_TRUE(more("OK")) << client.err();
  server->kill();
  ASSERT_TRUE(more("UNAVAILABLE")) << client.err();
  server = std::make_unique<Server>("good", on_port);
  EXPECT_EQ(server->port(), port);
  ASSERT_TRUE(more("OK")) << client.err();
  folder.write("stop", "");
  EXPECT_EQ(client.wait(), 0) << client.err() << weir.process().err();
  EXPECT_THAT(client.out(), HasSubstr("OK restart\n"));
}

}  // namespace
}  // namespace weir
