// Two connections and what passes between them.

#include "extensions/network_filters/tcp_proxy/session.h"

#include <sys/socket.h>

#include <string>

#include "gtest/gtest.h"

#include "test/extensions/network_filters/tcp_proxy/proxy_host.h"

namespace weir::extensions::network_filters::tcp_proxy {
namespace {

using http::ResponseFlag;
using network::test::drainSocket;
using network::test::fillSocket;
using network::test::FilterHost;
using network::test::pattern;
using std::chrono::milliseconds;
using std::chrono::seconds;

class SessionTest : public testing::Test {
 protected:
  SessionTest() { host_.cluster({server_.address()}); }

  // A connection of which both ends are the test's.
  FilterHost::Client& open(size_t number = 0) {
    FilterHost::Client& client = host_.connect();
    EXPECT_GE(server_.fd(host_, number), 0);
    EXPECT_TRUE(host_.until([&] {
      host_.run();
      return host_.clusterStat("cluster_active_connections") > static_cast<int64_t>(number);
    }));
    return client;
  }
  void serverSends(std::string_view bytes, size_t number = 0) {
    EXPECT_EQ(fillSocket(server_.fd(host_, number), bytes), bytes.size());
    host_.run();
  }
  // Whether so many bytes come to the server in all.
  bool serverReceives(size_t bytes, size_t number = 0) {
    return host_.until([&] {
      host_.run();
      got_ += drainSocket(server_.fd(host_, number), &server_ended_, &server_error_);
      return got_.size() >= bytes;
    });
  }
  bool serverEnded(size_t number = 0) {
    return host_.until([&] {
      serverReceives(0, number);
      return server_ended_;
    });
  }
  bool serverBroken(size_t number = 0) {
    return host_.until([&] {
      serverReceives(0, number);
      return server_error_ != 0;
    });
  }

  Server server_;
  ProxyHost host_;
  std::string got_;  // by the server
  bool server_ended_ = false;
  int server_error_ = 0;
};

TEST_F(SessionTest, BytesGoBothWays) {
  FilterHost::Client& client = open();
  client.send("question");
  EXPECT_TRUE(serverReceives(8));
  EXPECT_EQ(got_, "question");
  serverSends("answer");
  EXPECT_TRUE(client.receives(6));
  EXPECT_EQ(client.received(), "answer");
  EXPECT_EQ(host_.stat("tcp_connections_active"), 1);
  EXPECT_EQ(host_.stat("tcp_bytes_received_total"), 8);
  EXPECT_EQ(host_.stat("tcp_bytes_sent_total"), 6);
}

TEST_F(SessionTest, TheServerMaySpeakFirst) {
  FilterHost::Client& client = open();
  serverSends("220 ready");
  EXPECT_TRUE(client.receives(9));
}

TEST_F(SessionTest, TheClientEndsFirst) {
  FilterHost::Client& client = open();
  client.send("all of it");
  client.end();
  EXPECT_TRUE(serverEnded());
  EXPECT_EQ(got_, "all of it");
  EXPECT_FALSE(client.closed());
  serverSends("late answer");
  EXPECT_TRUE(client.receives(11));
  server_.close(0);
  EXPECT_TRUE(client.ended());
  EXPECT_TRUE(host_.closes(client));
  EXPECT_EQ(host_.stat("tcp_half_closed_total"), 1);
  EXPECT_EQ(host_.stat("tcp_connections_active"), 0);
}

TEST_F(SessionTest, TheServerEndsFirst) {
  FilterHost::Client& client = open();
  serverSends("banner");
  ::shutdown(server_.fd(host_), SHUT_WR);
  EXPECT_TRUE(client.ended());
  EXPECT_EQ(client.received(), "banner");
  client.send("still ");
  client.send("here");
  EXPECT_TRUE(serverReceives(10));
  EXPECT_EQ(got_, "still here");
  client.end();
  EXPECT_TRUE(serverEnded());
  EXPECT_TRUE(host_.closes(client));
  EXPECT_EQ(host_.lines.at(0).flags, 0u);
  EXPECT_EQ(host_.lines.at(0).detail, "");
}

TEST_F(SessionTest, NoByteAtAll) {
  FilterHost::Client& client = open();
  client.end();
  EXPECT_TRUE(serverEnded());
  server_.close(0);
  EXPECT_TRUE(client.ended());
  EXPECT_TRUE(host_.closes(client));
}

TEST_F(SessionTest, AServerThatClosesAtOnce) {
  FilterHost::Client& client = open();
  server_.close(0);
  EXPECT_TRUE(client.ended());
  client.end();
  EXPECT_TRUE(host_.closes(client));
}

TEST_F(SessionTest, TheClientResets) {
  FilterHost::Client& client = open();
  client.send("x");
  EXPECT_TRUE(serverReceives(1));
  client.reset();
  EXPECT_TRUE(serverBroken());
  EXPECT_TRUE(host_.closes(client));
  EXPECT_EQ(host_.lines.at(0).detail, "downstream_reset");
  EXPECT_EQ(host_.lines.at(0).flags,
            static_cast<uint32_t>(ResponseFlag::kDownstreamConnectionTermination));
}

TEST_F(SessionTest, TheServerResets) {
  FilterHost::Client& client = open();
  serverSends("last words");
  server_.reset(0);
  EXPECT_TRUE(client.broken());
  EXPECT_EQ(client.received(), "last words");
  EXPECT_TRUE(host_.closes(client));
  EXPECT_EQ(host_.lines.at(0).detail, "upstream_reset");
  EXPECT_EQ(host_.lines.at(0).flags,
            static_cast<uint32_t>(ResponseFlag::kUpstreamConnectionTermination));
}

// Between two reads of one callback there is no write: what was read before the reset still goes.
TEST_F(SessionTest, WhatCameBeforeAResetIsDelivered) {
  FilterHost::Client& client = open();
  const std::string bytes = pattern(150'000);
  size_t sent = 0;
  while (sent < bytes.size()) {
    const size_t count = fillSocket(server_.fd(host_), std::string_view(bytes).substr(sent));
    if (count == 0) host_.run();
    sent += count;
  }
  server_.reset(0);
  EXPECT_TRUE(client.broken());
  EXPECT_TRUE(host_.closes(client));
  EXPECT_TRUE(bytes.starts_with(client.received()));
}

// Both sides have ended, and the client knows of it, while the server has yet to read.
TEST_F(SessionTest, TheLastBytesArriveThoughBothHaveEnded) {
  FilterHost::Client& client = open();
  ::shutdown(server_.fd(host_), SHUT_WR);
  EXPECT_TRUE(client.ended());
  const std::string bytes = pattern(24 << 20);
  size_t sent = 0;
  // Until the server's socket is full, and the session's output as well.
  for (int idle = 0; idle < 20 && sent < bytes.size();) {
    const size_t count = fillSocket(client.fd(), std::string_view(bytes).substr(sent, 100'000));
    host_.run();
    idle = count == 0 ? idle + 1 : 0;
    sent += count;
  }
  client.end();
  EXPECT_FALSE(client.closed());
  EXPECT_TRUE(serverReceives(sent));
  EXPECT_TRUE(serverEnded());
  EXPECT_TRUE(std::string_view(bytes).substr(0, sent) == got_);
  EXPECT_TRUE(host_.closes(client));
}

TEST_F(SessionTest, LargeTransfersBothWaysAtOnce) {
  FilterHost::Client& client = open();
  const std::string up = pattern(5 << 20, 1);
  const std::string down = pattern(6 << 20, 2);
  size_t sent_up = 0;
  size_t sent_down = 0;
  EXPECT_TRUE(host_.until([&] {
    sent_up += fillSocket(client.fd(), std::string_view(up).substr(sent_up));
    sent_down += fillSocket(server_.fd(host_), std::string_view(down).substr(sent_down));
    serverReceives(0);
    return got_.size() == up.size() && client.received().size() == down.size();
  }));
  EXPECT_TRUE(got_ == up);
  EXPECT_TRUE(client.received() == down);
  // Then a conversation.
  for (int i = 0; i < 20; ++i) {
    client.send("ping");
    EXPECT_TRUE(serverReceives(up.size() + 4 * (i + 1)));
    serverSends("pong");
    EXPECT_TRUE(client.receives(down.size() + 4 * (i + 1)));
  }
  client.end();
  EXPECT_TRUE(serverEnded());
  server_.close(0);
  EXPECT_TRUE(host_.closes(client));
  EXPECT_EQ(host_.stat("tcp_bytes_received_total"), static_cast<int64_t>(up.size()) + 80);
  EXPECT_EQ(host_.stat("tcp_bytes_sent_total"), static_cast<int64_t>(down.size()) + 80);
  EXPECT_EQ(host_.clusterStat("cluster_bytes_received_total"),
            static_cast<int64_t>(down.size()) + 80);
  ASSERT_EQ(host_.lines.size(), 1u);
  EXPECT_EQ(host_.lines[0].received, up.size() + 80);
  EXPECT_EQ(host_.lines[0].sent, down.size() + 80);
}

// A filter in front of the proxy that looks at the bytes, so that nothing is spliced.
class LookingFactory final : public network::NetworkFilterFactory {
 public:
  std::unique_ptr<network::WorkerNetworkFilterFactory> bind(base::ServiceMap&) const override {
    class Filter final : public network::NetworkFilter {
     public:
      network::Verdict onData(buffer::Buffer&, bool) override {
        return network::Verdict::kContinue;
      }
      network::Verdict onWrite(buffer::Buffer&, bool) override {
        return network::Verdict::kContinue;
      }
      bool wantsWrites() const override { return true; }
      void onClose(network::CloseReason) override {}
    };
    class Worker final : public network::WorkerNetworkFilterFactory {
     public:
      std::unique_ptr<network::NetworkFilter> create() override {
        return std::make_unique<Filter>();
      }
    };
    return std::make_unique<Worker>();
  }
};

// With and without a filter that keeps the bytes out of the kernel's hands.
class BackpressureTest : public SessionTest, public testing::WithParamInterface<bool> {
 protected:
  BackpressureTest() {
    if (!GetParam()) return;
    host_.use(
        {std::make_shared<LookingFactory>(), std::make_shared<TcpProxyFactory>(host_.config())});
  }
};
INSTANTIATE_TEST_SUITE_P(Copied, BackpressureTest, testing::Bool());

TEST_P(BackpressureTest, ASlowClientStopsTheServer) {
  FilterHost::Client& client = open();
  const std::string bytes = pattern(40 << 20);
  size_t sent = 0;
  size_t most = 0;
  for (int idle = 0; idle < 50;) {
    const size_t count =
        fillSocket(server_.fd(host_), std::string_view(bytes).substr(sent, 200'000));
    host_.run();
    most = std::max(most, host_.io.bytesInUse());
    idle = count == 0 ? idle + 1 : 0;
    sent += count;
  }
  EXPECT_LT(sent, bytes.size());
  EXPECT_LT(most, 1u << 20);
  EXPECT_TRUE(client.receives(sent));
  EXPECT_TRUE(client.received() == std::string_view(bytes).substr(0, sent));
}

TEST_P(BackpressureTest, ASlowServerStopsTheClient) {
  FilterHost::Client& client = open();
  const std::string bytes = pattern(40 << 20);
  size_t sent = 0;
  size_t most = 0;
  for (int idle = 0; idle < 50;) {
    const size_t count = fillSocket(client.fd(), std::string_view(bytes).substr(sent, 200'000));
    host_.run();
    most = std::max(most, host_.io.bytesInUse());
    idle = count == 0 ? idle + 1 : 0;
    sent += count;
  }
  EXPECT_LT(sent, bytes.size());
  EXPECT_LT(most, 1u << 20);
  EXPECT_TRUE(serverReceives(sent));
  EXPECT_TRUE(got_ == std::string_view(bytes).substr(0, sent));
}

TEST_P(BackpressureTest, AResetFreesWhatWaits) {
  FilterHost::Client& client = open();
  const std::string bytes = pattern(20 << 20);
  size_t sent = 0;
  for (int idle = 0; idle < 20;) {
    const size_t count =
        fillSocket(server_.fd(host_), std::string_view(bytes).substr(sent, 200'000));
    host_.run();
    idle = count == 0 ? idle + 1 : 0;
    sent += count;
  }
  client.reset();
  EXPECT_TRUE(host_.closes(client));
  EXPECT_TRUE(serverBroken());
  host_.run();
  EXPECT_EQ(host_.io.bytesInUse(), 0u);
}

// --- Time ---

TEST_F(SessionTest, IdleConnectionsClose) {
  auto config = host_.config();
  config->idle_timeout = seconds(10);
  host_.proxy(config);
  FilterHost::Client& client = open();
  host_.dispatcher.advance(seconds(9));
  client.send("a");  // starts anew
  EXPECT_TRUE(serverReceives(1));
  host_.dispatcher.advance(seconds(9));
  serverSends("b");
  EXPECT_TRUE(client.receives(1));
  host_.dispatcher.advance(seconds(9));
  EXPECT_FALSE(client.closed());
  host_.dispatcher.advance(milliseconds(1100));
  EXPECT_TRUE(client.ended());
  EXPECT_TRUE(serverEnded());
  client.end();
  EXPECT_TRUE(host_.closes(client));
  EXPECT_EQ(host_.stat("tcp_idle_timeouts_total"), 1);
  EXPECT_EQ(host_.lines.at(0).detail, "idle_timeout");
}

TEST_F(SessionTest, SplicedBytesAreNoIdleness) {
  auto config = host_.config();
  config->idle_timeout = seconds(10);
  host_.proxy(config);
  FilterHost::Client& client = open();
  const std::string bytes = pattern(1 << 20);
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(host_.carry(server_.fd(host_), client.fd(), bytes).size(), bytes.size());
    host_.dispatcher.advance(seconds(8));
    EXPECT_FALSE(client.closed());
  }
  host_.dispatcher.advance(seconds(3));
  EXPECT_TRUE(client.ended());
}

// A client that reads a little now and then is slow, not idle; one that stops is.
TEST_F(SessionTest, ASlowReaderIsNotIdle) {
  auto config = host_.config();
  config->idle_timeout = seconds(10);
  host_.use({std::make_shared<LookingFactory>(), std::make_shared<TcpProxyFactory>(config)});
  FilterHost::Client& client = open();
  network::test::setReceiveBuffer(client.fd(), 4096);
  const std::string bytes = pattern(20 << 20);
  for (size_t sent = 0, idle = 0; idle < 20;) {
    const size_t count =
        fillSocket(server_.fd(host_), std::string_view(bytes).substr(sent, 200'000));
    host_.run();
    idle = count == 0 ? idle + 1 : 0;
    sent += count;
  }
  ASSERT_FALSE(client.closed());
  host_.dispatcher.advance(seconds(11));
  EXPECT_FALSE(client.closed());  // it was busy when the timeout was looked at last
  host_.dispatcher.advance(seconds(11));
  EXPECT_EQ(host_.stat("tcp_idle_timeouts_total"), 1);
}

TEST_F(SessionTest, WithoutIdleTimeoutItStays) {
  auto config = host_.config();
  config->idle_timeout = milliseconds(0);
  host_.proxy(config);
  FilterHost::Client& client = open();
  host_.dispatcher.advance(std::chrono::hours(48));
  EXPECT_FALSE(client.closed());
  client.send("x");
  EXPECT_TRUE(serverReceives(1));
}

TEST_F(SessionTest, ConnectionsLastSoLongAtMost) {
  auto config = host_.config();
  config->max_duration = seconds(60);
  host_.proxy(config);
  FilterHost::Client& client = open();
  for (int i = 0; i < 59; ++i) {
    client.send("x");
    host_.dispatcher.advance(seconds(1));
  }
  EXPECT_FALSE(client.closed());
  host_.dispatcher.advance(seconds(2));
  EXPECT_TRUE(client.ended());
  EXPECT_TRUE(serverEnded());
  EXPECT_EQ(host_.stat("tcp_max_durations_total"), 1);
}

// --- Life around it ---

TEST_F(SessionTest, OutlivesItsCluster) {
  FilterHost::Client& client = open();
  host_.act([&] { host_.dropClusters(); });
  client.send("still there?");
  EXPECT_TRUE(serverReceives(12));
  client.end();
  server_.close(0);
  EXPECT_TRUE(host_.closes(client));
}

TEST_F(SessionTest, AWorkerThatEndsClosesBoth) {
  FilterHost::Client& client = open();
  client.send("x");
  host_.closeAll();
  host_.act([] {});
  EXPECT_TRUE(serverEnded() || serverBroken());
  EXPECT_EQ(host_.stat("tcp_connections_active"), 0);
  EXPECT_EQ(host_.clusterStat("cluster_active_connections"), 0);
}

TEST_F(SessionTest, LogsAtConnectAndAtTheEnd) {
  auto config = host_.config();
  config->log_at_connect = true;
  host_.proxy(config);
  FilterHost::Client& client = open();
  ASSERT_EQ(host_.lines.size(), 1u);
  EXPECT_FALSE(host_.lines[0].at_end);
  client.send("hello");
  EXPECT_TRUE(serverReceives(5));
  client.end();
  server_.close(0);
  EXPECT_TRUE(host_.closes(client));
  ASSERT_EQ(host_.lines.size(), 2u);
  const Logged& line = host_.lines[1];
  EXPECT_TRUE(line.at_end);
  EXPECT_EQ(line.received, 5u);
  EXPECT_EQ(line.sent, 0u);
  EXPECT_EQ(line.attempts, 1u);
  EXPECT_EQ(line.cluster, "c");
  EXPECT_EQ(line.upstream, server_.address().toString());
  EXPECT_TRUE(line.client.starts_with("127.0.0.1:")) << line.client;
  EXPECT_TRUE(line.local.starts_with("127.0.0.1:")) << line.local;
}

}  // namespace
}  // namespace weir::extensions::network_filters::tcp_proxy
