// Calls of filters to clusters, with real workers and origins.

#include <unistd.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/wrappers.pb.h"
#include "gtest/gtest.h"

#include "test/integration/call_out_filter.h"
#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir {
namespace {

using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;
using ::testing::HasSubstr;

// The filter's message is known by its name only when somebody has it linked.
const google::protobuf::StringValue kLinked;

constexpr std::string_view kManager = "http_filters { config { [http_filters/call_out] {} } }";
constexpr char kOk[] = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\norigin";

class HttpCallsIntegrationTest : public testing::Test {
 protected:
  void run(const std::string& clusters, int workers = 2, std::string_view runtime = {}) {
    origin_ = std::make_unique<ScriptedOrigin>(ScriptedOrigin::answering(kOk));
    config_ = test::edgeListener(kManager) + test::cluster("origin", {origin_->address()}) +
              test::runtime(workers, runtime);
    proxy_ =
        std::make_unique<test::InProcessProxy>(config_ + clusters, test::CallOutExtension::add);
  }
  // Header lines that ask for a call.
  RawMessage ask(const std::string& lines) {
    RawConnection client = RawConnection::connectTo(proxy_->port("edge"));
    EXPECT_TRUE(client.send("GET / HTTP/1.1\r\nHost: a\r\n" + lines + "\r\n"));
    return client.readMessage();
  }
  int64_t failures(const std::string& reason) {
    return proxy_->stat("http_calls_failed_total", {{"reason", reason}});
  }
  void TearDown() override {
    if (proxy_ == nullptr) return;
    EXPECT_TRUE(proxy_->waitForStat("http_calls_active", 0));
    EXPECT_EQ(proxy_->shutdown(), 0);
  }

  std::string config_;
  std::unique_ptr<ScriptedOrigin> origin_;
  std::unique_ptr<test::InProcessProxy> proxy_;
};

TEST_F(HttpCallsIntegrationTest, TheAnswerComesBack) {
  ScriptedOrigin callee(ScriptedOrigin::echoing());
  run(test::cluster("callee", {callee.address()}));
  const RawMessage answer =
      ask("x-call-cluster: callee\r\nx-call-method: POST\r\nx-call-path: /p?q=1\r\n"
          "x-call-body: hello\r\n");
  EXPECT_EQ(answer.status(), 200);
  EXPECT_TRUE(answer.body.starts_with("POST /p?q=1 HTTP/1.1\n")) << answer.body;
  EXPECT_THAT(answer.body, HasSubstr("host: callee.example"));
  EXPECT_THAT(answer.body, HasSubstr("x-caller: test"));
  EXPECT_THAT(answer.body, HasSubstr("x-forwarded-for: 127.0.0.1"));
  EXPECT_TRUE(answer.body.ends_with("hello")) << answer.body;
}

TEST_F(HttpCallsIntegrationTest, TrailersComeBack) {
  ScriptedOrigin callee(ScriptedOrigin::answering(
      "HTTP/1.1 207 Multi\r\nTransfer-Encoding: chunked\r\n\r\n3\r\none\r\n0\r\nx-sum: 9\r\n\r\n"));
  run(test::cluster("callee", {callee.address()}));
  const RawMessage answer = ask("x-call-cluster: callee\r\n");
  EXPECT_EQ(answer.status(), 207);
  EXPECT_EQ(answer.body, "one\nx-sum: 9");
}

TEST_F(HttpCallsIntegrationTest, FailuresHaveTheirStatus) {
  ScriptedOrigin silent([](RawConnection& connection, int) { connection.readAll(); });
  ScriptedOrigin rude([](RawConnection& connection, int) { connection.readMessage(); });
  ScriptedOrigin large(ScriptedOrigin::answering("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n" +
                                                 std::string(5000, 'l')));
  ScriptedOrigin dead(ScriptedOrigin::answering(kOk));
  dead.kill();
  run(test::cluster("silent", {silent.address()}) + test::cluster("rude", {rude.address()}) +
      test::cluster("large", {large.address()}) + test::cluster("dead", {dead.address()}));
  EXPECT_EQ(ask("x-call-cluster: silent\r\nx-call-timeout: 200\r\n").status(), 504);
  EXPECT_EQ(failures("timeout"), 1);
  EXPECT_EQ(ask("x-call-cluster: rude\r\n").status(), 502);
  EXPECT_EQ(failures("reset"), 1);
  EXPECT_EQ(ask("x-call-cluster: large\r\nx-call-max: 4999\r\n").status(), 502);
  EXPECT_EQ(failures("too_large"), 1);
  EXPECT_EQ(ask("x-call-cluster: large\r\nx-call-max: 5000\r\n").status(), 200);
  EXPECT_EQ(ask("x-call-cluster: dead\r\n").status(), 503);
  EXPECT_EQ(failures("connect"), 1);
  EXPECT_EQ(ask("x-call-cluster: nobody\r\n").status(), 503);
  EXPECT_EQ(failures("no_cluster"), 1);
  EXPECT_EQ(ask("x-call-cluster: large\r\nx-call-path: bad path\r\n").status(), 400);
  EXPECT_EQ(failures("bad_request"), 1);
}

// Over HTTP/2 and TLS-less to the proxy's own second listener, which passes it on.
TEST_F(HttpCallsIntegrationTest, OverHttp2) {
  ScriptedOrigin callee(ScriptedOrigin::echoing());
  const std::string inner = "unix:@weir-http-calls-test-" + std::to_string(::getpid());
  run("listeners { name: \"inner\" address: \"" + inner +
      "\" filter_chains { filters { config { [network_filters/http_connection_manager] { "
      "virtual_hosts { name: \"all\" domains: \"*\" routes { route { cluster: \"second\" } } } } } "
      "} } }\n" +
      test::cluster("callee", {inner}, "http_protocol: HTTP_PROTOCOL_HTTP2") +
      test::cluster("second", {callee.address()}));
  for (int i = 0; i < 20; ++i) {
    const RawMessage answer =
        ask("x-call-cluster: callee\r\nx-call-method: POST\r\nx-call-body: hello\r\n");
    EXPECT_EQ(answer.status(), 200);
    EXPECT_TRUE(answer.body.starts_with("POST /call HTTP/1.1\n")) << answer.body;
    EXPECT_TRUE(answer.body.ends_with("hello")) << answer.body;
  }
}

TEST_F(HttpCallsIntegrationTest, AClientThatGoesTakesItsCallAlong) {
  std::atomic<int> asked{0};
  std::atomic<int> closed{0};
  ScriptedOrigin callee([&](RawConnection& connection, int) {
    connection.readMessage();
    ++asked;
    if (connection.closedByPeer()) ++closed;
  });
  run(test::cluster("callee", {callee.address()}));
  {
    std::vector<RawConnection> clients;
    for (int i = 0; i < 8; ++i) {
      clients.push_back(RawConnection::connectTo(proxy_->port("edge")));
      clients.back().send("GET / HTTP/1.1\r\nHost: a\r\nx-call-cluster: callee\r\n\r\n");
    }
    EXPECT_TRUE(test::eventually([&] { return asked == 8; }));
    EXPECT_EQ(proxy_->stat("http_calls_active"), 8);
  }
  EXPECT_TRUE(test::eventually([&] { return closed == 8; }));
  EXPECT_TRUE(proxy_->waitForStat("http_calls_cancelled_total", 8));
}

TEST_F(HttpCallsIntegrationTest, NobodyWaitsForSomeAndThereAreNotTooMany) {
  std::atomic<int> asked{0};
  ScriptedOrigin callee([&](RawConnection& connection, int) {
    connection.readMessage();
    ++asked;
    connection.closedByPeer();
  });
  run(test::cluster("callee", {callee.address()}), 1, "max_unawaited_calls: 3");
  const std::string lines = "x-call-cluster: callee\r\nx-call-mode: forget\r\n";
  for (int i = 0; i < 3; ++i) {
    const RawMessage answer = ask(lines);
    EXPECT_EQ(answer.status(), 200);
    EXPECT_EQ(answer.body, "origin");
  }
  EXPECT_TRUE(test::eventually([&] { return asked == 3; }));
  EXPECT_EQ(ask(lines).status(), 429);
  EXPECT_EQ(proxy_->stat("http_calls_refused_total"), 1);
  // What is still under way does not keep the proxy from stopping.
  EXPECT_EQ(proxy_->stat("http_calls_active"), 3);
  EXPECT_EQ(proxy_->shutdown(), 0);
  proxy_.reset();
}

TEST_F(HttpCallsIntegrationTest, GoesOnWhileTheConfigurationChanges) {
  std::atomic<bool> asked{false};
  std::atomic<bool> go{false};
  ScriptedOrigin callee([&](RawConnection& connection, int) {
    connection.readMessage();
    asked = true;
    test::eventually([&] { return go.load(); });
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nlate");
  });
  run(test::cluster("callee", {callee.address()}));
  RawConnection client = RawConnection::connectTo(proxy_->port("edge"));
  client.send("GET / HTTP/1.1\r\nHost: a\r\nx-call-cluster: callee\r\n\r\n");
  EXPECT_TRUE(test::eventually([&] { return asked.load(); }));
  EXPECT_EQ(proxy_->reload(config_), "");
  go = true;
  EXPECT_EQ(client.readMessage().body, "late");
  EXPECT_EQ(ask("x-call-cluster: callee\r\n").status(), 503);
  EXPECT_EQ(failures("no_cluster"), 1);
}

// Clients that come and go while calls fail and succeed on several workers.
TEST_F(HttpCallsIntegrationTest, ManyOfAllKindsAtOnce) {
  std::atomic<uint32_t> count{0};
  ScriptedOrigin callee([&](RawConnection& connection, int) {
    while (connection.readMessage().complete) {
      const uint32_t number = count++;
      if (number % 7 == 3) return;
      if (!connection.send(number % 5 == 2 ? "HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"
                                           : kOk)) {
        return;
      }
    }
  });
  run(test::cluster("callee", {callee.address()}, "max_connections: 8"));
  const uint16_t port = proxy_->port("edge");
  std::vector<std::thread> clients;
  for (int i = 0; i < 4; ++i) {
    clients.emplace_back([port, i] {
      for (int round = 0; round < 60; ++round) {
        RawConnection client = RawConnection::connectTo(port);
        client.send("GET / HTTP/1.1\r\nHost: a\r\nx-call-cluster: callee\r\n\r\n");
        if ((round + i) % 4 == 0) continue;  // gone at once
        const int status = client.readMessage().status();
        EXPECT_TRUE(status == 200 || status == 502 || status == 503) << status;
      }
    });
  }
  for (std::thread& client : clients) client.join();
}

}  // namespace
}  // namespace weir
