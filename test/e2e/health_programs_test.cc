// Health checks with real programs and a real gRPC server (python3-grpcio), with the real binary.

#include <signal.h>
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include <nlohmann/json.hpp>

#include "test/e2e/programs.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/own_processes.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"
#include "test/support/weir_process.h"

namespace weir {
namespace {

using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;

// One result is enough. A busy machine may take a while for a program.
constexpr const char* kCalm =
    "interval { seconds: 1 } confirm_interval { nanos: 50000000 } "
    "unhealthy_threshold: 1 healthy_threshold: 1 ";
// For those that are to be too slow.
constexpr const char* kFast =
    "interval { nanos: 100000000 } confirm_interval { nanos: 50000000 } "
    "unhealthy_threshold: 1 healthy_threshold: 1 ";

std::unique_ptr<ScriptedOrigin> originNamed(const std::string& name) {
  return std::make_unique<ScriptedOrigin>([name](RawConnection& connection, int) {
    while (connection.readMessage().complete) {
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n" + name);
    }
  });
}

class GrpcServer {
 public:
  explicit GrpcServer(const std::vector<std::string>& arguments = {})
      : process_(commandWith(arguments)) {
    EXPECT_TRUE(process_.waitForOutput("\n")) << process_.err();
    const std::string line = process_.out();
    address_ = "127.0.0.1:" + line.substr(line.find(' ') + 1, line.size() - 6);
  }
  const std::string& address() const { return address_; }
  test::ChildProcess& process() { return process_; }

 private:
  static test::Command commandWith(const std::vector<std::string>& arguments) {
    test::Command command = {"/usr/bin/python3", test::dataFile("test/e2e/grpc_health_server.py")};
    command.insert(command.end(), arguments.begin(), arguments.end());
    return command;
  }
  test::ChildProcess process_;
  std::string address_;
};

class HealthProgramsTest : public ::testing::Test {
 protected:
  void start(const std::string& clusters) {
    weir_ = std::make_unique<test::WeirProcess>(test::edgeListener() + clusters +
                                                "health { allow_exec: true max_exec: 2 }\n" +
                                                test::runtime(1));
    ASSERT_NE(weir_->port("edge"), 0) << weir_->process().err();
  }
  // What the admin listener says of an endpoint.
  std::string healthOf(const std::string& endpoint) {
    RawConnection admin = RawConnection::connectTo(weir_->adminPort());
    admin.send("GET /clusters HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
    const auto shown = nlohmann::json::parse(admin.readMessage().body);
    for (const auto& cluster : shown.at("clusters")) {
      for (const auto& one : cluster.at("endpoints")) {
        if (one.at("id") == endpoint) return one.at("health");
      }
    }
    return "not there";
  }
  bool becomes(const std::string& endpoint, const std::string& health) {
    return test::eventually([&] { return healthOf(endpoint) == health; });
  }
  std::string ask() {
    RawConnection client = RawConnection::connectTo(weir_->port("edge"));
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const RawMessage answer = client.readMessage();
    return answer.status() == 200 ? answer.body : std::to_string(answer.status());
  }
  std::string script(const std::string& content) {
    const std::string path = folder_.write("check.sh", "#!/bin/sh\n" + content + "\n");
    EXPECT_EQ(::chmod(path.c_str(), 0755), 0);
    return path;
  }
  int64_t programs(const std::string& result) {
    return weir_->stat("health_exec_programs_total", "result=\"" + result + "\"");
  }
  int64_t checks(const std::string& result) {
    return weir_->stat("cluster_health_checks_total", "result=\"" + result + "\"");
  }

  test::TemporaryFolder folder_;
  std::unique_ptr<test::WeirProcess> weir_;
};

TEST_F(HealthProgramsTest, AProgramDecidesWhoServes) {
  const auto a = originNamed("a");
  const auto b = originNamed("b");
  const std::string check = script("cd " + folder_.path() +
                                   "; [ -e down-$WEIR_ENDPOINT ] && echo told so && exit 1; "
                                   "[ -e degraded-$WEIR_META_NAME ] && exit 3; exit 0");
  start("clusters { name: \"origin\" endpoints { id: \"a\" address: \"" + a->address() +
        "\" metadata { key: \"name\" value: \"first\" } } endpoints { id: \"b\" address: \"" +
        b->address() + "\" } health_checks { " + kCalm + "config { [health_checkers/exec] { " +
        "command: \"" + check + "\" degraded_exit_code: 3 } } } }\n");
  ASSERT_TRUE(becomes("a", "healthy")) << weir_->process().err();
  ASSERT_TRUE(becomes("b", "healthy"));
  folder_.write("down-a", "");
  ASSERT_TRUE(becomes("a", "unhealthy"));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask(), "b");
  std::filesystem::remove(folder_.file("down-a"));
  ASSERT_TRUE(becomes("a", "healthy"));
  EXPECT_TRUE(test::eventually([&] { return ask() == "a"; }));
  folder_.write("degraded-first", "");
  EXPECT_TRUE(becomes("a", "degraded"));
  // The program goes: nothing is known any more, so nothing changes.
  std::filesystem::remove(check);
  EXPECT_TRUE(test::eventually([&] { return checks("skipped") > 2; }));
  EXPECT_GT(programs("not_started"), 2);
  EXPECT_EQ(healthOf("a"), "degraded");
  EXPECT_EQ(healthOf("b"), "healthy");
}

TEST_F(HealthProgramsTest, AProgramThatHangsIsKilledAtItsTimeout) {
  const auto a = originNamed("a");
  const std::string pids = folder_.file("pids");
  start("clusters { name: \"origin\" endpoints { id: \"a\" address: \"" + a->address() +
        "\" } health_checks { " + kFast + "timeout { nanos: 100000000 } config { " +
        "[health_checkers/exec] { command: \"" +
        script("trap '' TERM; sleep 1000 & echo $$ $! >> " + pids + "; wait") + "\" } } } }\n");
  ASSERT_TRUE(becomes("a", "unhealthy")) << weir_->process().err();
  EXPECT_TRUE(test::eventually([&] { return programs("killed") > 3; }));
  EXPECT_GT(checks("timeout"), 0);
  weir_->process().signal(SIGTERM);
  EXPECT_EQ(weir_->process().wait(), 0);
  std::istringstream all(test::readFile(pids));
  int count = 0;
  for (pid_t pid = 0; all >> pid; ++count) {
    EXPECT_TRUE(test::eventually([&] { return !test::runs(pid); })) << pid;
  }
  EXPECT_GT(count, 6);
}

TEST_F(HealthProgramsTest, NothingOutlivesWeir) {
  const auto a = originNamed("a");
  const std::string pid_file = folder_.file("pid");
  start("clusters { name: \"origin\" endpoints { id: \"a\" address: \"" + a->address() +
        "\" } health_checks { config { [health_checkers/exec] { command: \"" +
        script("echo $$ > " + pid_file + "; exec sleep 1000") + "\" } } } }\n");
  ASSERT_TRUE(test::eventually([&] { return test::readFile(pid_file).ends_with('\n'); }));
  const pid_t pid = std::atoi(test::readFile(pid_file).c_str());
  ASSERT_TRUE(test::runs(pid));
  weir_->process().signal(SIGTERM);
  EXPECT_EQ(weir_->process().wait(), 0);
  EXPECT_TRUE(test::eventually([&] { return !test::runs(pid); }));
}

TEST_F(HealthProgramsTest, ManyEndpointsTakeTurns) {
  constexpr int kEndpoints = 40;
  const std::string log = folder_.file("log");
  std::string endpoints;
  for (int i = 1; i <= kEndpoints; ++i) {
    endpoints += "endpoints { address: \"10.0.0." + std::to_string(i) + ":80\" } ";
  }
  // Waiting takes much longer than a program may.
  start("clusters { name: \"origin\" " + endpoints +
        " health_checks { interval { seconds: 2 } timeout { seconds: 2 } config { "
        "[health_checkers/exec] { "
        "command: \"" +
        script("echo + >> " + log + "; sleep 0.15; echo - >> " + log) + "\" } } } }\n");
  EXPECT_TRUE(
      test::eventually([&] { return checks("pass") >= 2 * kEndpoints; }, std::chrono::seconds(30)));
  EXPECT_EQ(checks("timeout"), 0) << "the time of a program begins with it";
  int now = 0;
  int most = 0;
  for (const char c : test::readFile(log)) {
    if (c == '+') most = std::max(most, ++now);
    if (c == '-') --now;
  }
  EXPECT_EQ(most, 2);
}

TEST_F(HealthProgramsTest, AGrpcServerSaysHowItIs) {
  GrpcServer a;
  GrpcServer b;
  start(
      "clusters { name: \"origin\" http_protocol: HTTP_PROTOCOL_HTTP2 endpoints { id: \"a\" "
      "address: \"" +
      a.address() + "\" } endpoints { id: \"b\" address: \"" + b.address() +
      "\" } health_checks { " + kCalm + "config { [health_checkers/grpc] {} } } }\n" +
      "clusters { name: \"other\" endpoints { id: \"c\" address: \"" + a.address() +
      "\" } health_checks { " + kCalm +
      "config { [health_checkers/grpc] { service: \"nobody.Knows\" } } } }\n");
  ASSERT_TRUE(becomes("a", "healthy")) << weir_->process().err();
  ASSERT_TRUE(becomes("b", "healthy"));
  EXPECT_TRUE(becomes("c", "unhealthy"));
  EXPECT_EQ(weir_->stat("grpc_client_connections_total", "client=\"health_check\""), 3) << "kept";
  b.process().signal(SIGSTOP);
  EXPECT_TRUE(becomes("b", "unhealthy")) << "it does not answer in time";
  b.process().signal(SIGCONT);
  EXPECT_TRUE(becomes("b", "healthy"));
  a.process().signal(SIGKILL);
  EXPECT_TRUE(becomes("a", "unhealthy"));
  EXPECT_TRUE(becomes("b", "healthy"));
}

TEST_F(HealthProgramsTest, AGrpcServerThatSpeaksTls) {
  test::CertificateAuthority ca(folder_);
  test::CertificateAuthority stranger(folder_, "stranger");
  const auto pair = ca.issue("server", "DNS:grpc.example");
  GrpcServer server({pair.certificate, pair.key});
  const auto tls = [](const std::string& file) {
    return " transport_socket { config { [transport_sockets/upstream_tls] { ca_files: \"" + file +
           "\" server_name: \"grpc.example\" } } } ";
  };
  const std::string check =
      std::string(" health_checks { ") + kCalm + "config { [health_checkers/grpc] {} } } }\n";
  const std::string endpoint = "\" address: \"" + server.address() + "\" } ";
  start("clusters { name: \"origin\" endpoints { id: \"trusted" + endpoint + tls(ca.file()) +
        check + "clusters { name: \"other\" endpoints { id: \"stranger" + endpoint +
        tls(stranger.file()) + check);
  EXPECT_TRUE(becomes("trusted", "healthy")) << weir_->process().err();
  EXPECT_TRUE(becomes("stranger", "unhealthy"));
}

}  // namespace
}  // namespace weir
