// What happens when clients or origins break, stall or overrun limits.

#include <atomic>
#include <chrono>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

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

std::string configFor(const std::string& address, std::string_view manager = {},
                      std::string_view cluster = {},
                      std::string_view routes = R"(routes { route { cluster: "origin" } })") {
  return test::edgeListener(manager, routes) + test::cluster("origin", {address}, cluster) +
         test::runtime();
}

RawMessage get(test::InProcessProxy& proxy, const std::string& target = "/") {
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  client.send("GET " + target + " HTTP/1.1\r\nHost: a\r\n\r\n");
  return client.readMessage();
}

// Requests that could be read in two ways never reach the origin.
TEST(Failure, AmbiguousRequestsAreRefusedAndTheConnectionCloses) {
  std::atomic<int> reached{0};
  ScriptedOrigin origin([&](RawConnection& connection, int) {
    while (connection.readMessage().complete) ++reached;
  });
  test::InProcessProxy proxy(configFor(origin.address()));
  const std::pair<const char*, int> cases[] = {
      {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: "
       "chunked\r\n\r\n0\r\n\r\n",
       400},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n", 400},
      {"POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"GET / HTTP/1.1\nHost: a\n\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: 1\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r2\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: 1\r\n folded\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nX : 1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: \x01\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nX: 1\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400},
      {"GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET /\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\nHost: a\r\nConnection: Content-Length\r\nContent-Length: 0\r\n\r\n", 400},
      {"CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 400},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n+3\r\nabc\r\n0\r\n\r\n",
       400},
      {"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400},
  };
  for (const auto& [request, status] : cases) {
    RawConnection client = RawConnection::connectTo(proxy.port("edge"));
    client.send(request);
    client.shutdownWrite();
    const RawMessage response = client.readMessage();
    EXPECT_EQ(response.status(), status) << request;
    EXPECT_EQ(response.header("connection"), "close") << request;
    EXPECT_TRUE(client.closedByPeer()) << request;
  }
  EXPECT_EQ(reached, 0);
}

TEST(Failure, LimitsHaveTheirStatus) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  test::InProcessProxy proxy(configFor(origin.address(),
                                       "limits { max_request_line_bytes: 100 max_head_bytes: 1000 "
                                       "max_header_fields: 10 max_request_body_bytes: 50 }"));
  std::string many;
  for (int i = 0; i < 11; ++i) many += "X: 1\r\n";
  const std::pair<std::string, int> cases[] = {
      {"GET /" + std::string(200, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
      {"GET / HTTP/1.1\r\nHost: a\r\nX: " + std::string(1000, 'a') + "\r\n\r\n", 431},
      {"GET / HTTP/1.1\r\nHost: a\r\n" + many + "\r\n", 431},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 51\r\n\r\n", 413},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n33\r\n" +
           std::string(0x33, 'a') + "\r\n0\r\n\r\n",
       413},
  };
  for (const auto& [request, status] : cases) {
    RawConnection client = RawConnection::connectTo(proxy.port("edge"));
    client.send(request);
    EXPECT_EQ(client.readMessage().status(), status) << request.substr(0, 40);
    EXPECT_TRUE(client.closedByPeer());
  }
}

TEST(Failure, ASlowHeadIsEndedWith408) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  test::InProcessProxy proxy(
      configFor(origin.address(), "timeouts { request_head { nanos: 200000000 } }"));
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  client.send("GET / HTTP/1.1\r\nHos");
  EXPECT_EQ(client.readMessage().status(), 408);
  EXPECT_TRUE(client.closedByPeer());
}

TEST(Failure, AnIdleConnectionIsClosed) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  test::InProcessProxy proxy(configFor(origin.address(), "timeouts { idle { nanos: 200000000 } }"));
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  EXPECT_TRUE(client.closedByPeer());
}

TEST(Failure, AnOriginThatIsNotThereGives503) {
  uint16_t port;
  {
    ScriptedOrigin gone(ScriptedOrigin::echoing());
    port = gone.port();
  }
  test::InProcessProxy proxy(configFor("127.0.0.1:" + std::to_string(port)));
  EXPECT_EQ(get(proxy).status(), 503);
}

TEST(Failure, AnOriginThatNeverAnswersGives504) {
  ScriptedOrigin origin([](RawConnection& connection, int) { connection.readAll(); });
  test::InProcessProxy proxy(
      configFor(origin.address(), {}, {},
                R"(routes { route { cluster: "origin" timeout { nanos: 200000000 } } })"));
  EXPECT_EQ(get(proxy).status(), 504);
}

// Whatever an origin sends that is not HTTP is a 502 and never reaches the client.
TEST(Failure, MalformedResponsesGive502) {
  const char* responses[] = {
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nx",
      "HTTP/1.1 200 OK\nContent-Length: 0\n\n",
      "HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 0\r\n\r\n",
      "HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n",
      "HTTP/2.0 200 OK\r\nContent-Length: 0\r\n\r\n",
      "nonsense\r\n\r\n",
  };
  for (const char* text : responses) {
    ScriptedOrigin origin(ScriptedOrigin::answering(text));
    test::InProcessProxy proxy(configFor(origin.address()));
    const RawMessage response = get(proxy);
    EXPECT_EQ(response.status(), 502) << text;
    EXPECT_THAT(response.body, ::testing::Not(HasSubstr("nonsense")));
  }
}

TEST(Failure, AnOriginThatClosesBeforeItAnswersGives502) {
  ScriptedOrigin origin([](RawConnection& connection, int) { connection.readMessage(); });
  test::InProcessProxy proxy(configFor(origin.address()));
  EXPECT_EQ(get(proxy).status(), 502);
}

TEST(Failure, ABodyThatBreaksOffBreaksTheClientsMessage) {
  ScriptedOrigin origin([](RawConnection& connection, int) {
    connection.readMessage();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n" +
                    std::string(100'000, 'x'));
  });
  test::InProcessProxy proxy(configFor(origin.address()));
  const RawMessage response = get(proxy);
  EXPECT_EQ(response.status(), 200);
  EXPECT_FALSE(response.complete);
}

// An idle pooled connection that the origin closed costs no request: it is retried on a fresh one.
TEST(Failure, AReusedConnectionThatBrokeIsRetriedOnce) {
  ScriptedOrigin origin([](RawConnection& connection, int) {
    connection.readMessage();
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    // The second request on this connection finds it closing without an answer.
    connection.readMessage();
  });
  test::InProcessProxy proxy(configFor(origin.address(), {}, {}) + "");
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  for (int i = 0; i < 10; ++i) {
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const RawMessage response = client.readMessage();
    EXPECT_EQ(response.status(), 200) << i;
    EXPECT_EQ(response.body, "ok");
  }
}

TEST(Failure, ConnectionsOfAClusterAreLimited) {
  ScriptedOrigin origin([](RawConnection& connection, int) { connection.readAll(); });
  test::InProcessProxy proxy(
      configFor(origin.address(), {}, "max_connections: 2 max_pending_requests: 1"));
  std::vector<RawConnection> clients;
  for (int i = 0; i < 3; ++i) {
    clients.push_back(RawConnection::connectTo(proxy.port("edge")));
    clients.back().send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    const int connections = i < 2 ? i + 1 : 2;
    EXPECT_TRUE(
        proxy.waitForStat("cluster_active_connections", connections, {{"cluster", "origin"}}));
  }
  EXPECT_TRUE(proxy.waitForStat("cluster_pending_requests", 1, {{"cluster", "origin"}}));
  EXPECT_EQ(get(proxy).status(), 503);
  EXPECT_TRUE(test::eventually([&] { return origin.connections() == 2; }));
}

TEST(Failure, AClientThatGoesAwayFreesItsOrigin) {
  std::atomic<bool> asked{false};
  ScriptedOrigin origin([&](RawConnection& connection, int) {
    connection.readMessage();
    asked = true;
    EXPECT_TRUE(connection.closedByPeer());
  });
  test::InProcessProxy proxy(configFor(origin.address()));
  {
    RawConnection client = RawConnection::connectTo(proxy.port("edge"));
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(test::eventually([&] { return asked.load(); }));
    EXPECT_TRUE(proxy.waitForStat("cluster_active_connections", 1, {{"cluster", "origin"}}));
    client.abort();
  }
  EXPECT_TRUE(proxy.waitForStat("cluster_active_connections", 0, {{"cluster", "origin"}}));
  EXPECT_TRUE(proxy.waitForStat("buffer_bytes", 0));
}

// A client that does not read slows the origin instead of filling memory.
TEST(Failure, ASlowReaderCostsBoundedMemory) {
  const std::string piece(1 << 20, 'x');
  std::atomic<size_t> sent{0};
  ScriptedOrigin origin([&](RawConnection& connection, int) {
    connection.readMessage();
    connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 64; ++i) {
      if (!connection.send("100000\r\n" + piece + "\r\n")) return;
      sent += piece.size();
    }
    connection.send("0\r\n\r\n");
  });
  test::InProcessProxy proxy(configFor(origin.address()));
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  client.setReceiveBuffer(16 * 1024);
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  const std::string head = client.readExactly(100);
  EXPECT_TRUE(head.starts_with("HTTP/1.1 200"));
  EXPECT_LT(proxy.stat("buffer_bytes"), 2 << 20);
  const std::string rest = client.readExactly(64 << 20);
  EXPECT_LT(proxy.stat("buffer_bytes"), 2 << 20);
  EXPECT_EQ(rest.size(), size_t{64} << 20);
}

}  // namespace
}  // namespace weir
