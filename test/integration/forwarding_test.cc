// What passes through the proxy unchanged, and what it adds and takes away.

#include <string>
#include <thread>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir {
namespace {

using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;

std::string configFor(const ScriptedOrigin& origin, std::string_view manager = {}) {
  return test::edgeListener(manager) + test::cluster("origin", {origin.address()}) +
         test::runtime();
}

// A proxy before an origin that echoes requests.
class EchoTest : public ::testing::Test {
 protected:
  RawMessage exchange(const std::string& request) {
    RawConnection client = RawConnection::connectTo(proxy_.port("edge"));
    EXPECT_TRUE(client.send(request));
    return client.readMessage(request.starts_with("HEAD "));
  }

  ScriptedOrigin origin_{ScriptedOrigin::echoing()};
  test::InProcessProxy proxy_{configFor(origin_)};
};

TEST_F(EchoTest, ForwardsMethodTargetHeadersAndBody) {
  const RawMessage response = exchange(
      "POST /a/b?c=d%20e HTTP/1.1\r\nHost: shop.example\r\nX-One: 1\r\nContent-Length: "
      "5\r\n\r\nhello");
  EXPECT_EQ(response.status(), 200);
  EXPECT_THAT(response.body, HasSubstr("POST /a/b?c=d%20e HTTP/1.1\n"));
  EXPECT_THAT(response.body, HasSubstr("host: shop.example\n"));
  EXPECT_THAT(response.body, HasSubstr("x-one: 1\n"));
  EXPECT_THAT(response.body, HasSubstr("content-length: 5\n"));
  EXPECT_THAT(response.body, HasSubstr("\nhello"));
}

TEST_F(EchoTest, AddsForwardedFieldsAndRequestId) {
  const RawMessage response = exchange(
      "GET / HTTP/1.1\r\nHost: shop.example\r\nX-Forwarded-For: 9.9.9.9\r\nX-Request-Id: "
      "forged\r\n\r\n");
  EXPECT_THAT(response.body, HasSubstr("x-forwarded-for: 127.0.0.1\n"));
  EXPECT_THAT(response.body, HasSubstr("x-forwarded-proto: http\n"));
  EXPECT_THAT(response.body, HasSubstr("x-forwarded-host: shop.example\n"));
  EXPECT_THAT(response.body, HasSubstr("x-request-id: "));
  EXPECT_THAT(response.body, Not(HasSubstr("forged")));
}

TEST_F(EchoTest, RemovesHopByHopFields) {
  const RawMessage response = exchange(
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, x-mine\r\nX-Mine: 1\r\nKeep-Alive: "
      "timeout=5\r\nProxy-Connection: x\r\nTE: gzip\r\nX-Kept: 1\r\n\r\n");
  EXPECT_EQ(response.status(), 200);
  EXPECT_THAT(response.body, Not(HasSubstr("x-mine")));
  EXPECT_THAT(response.body, Not(HasSubstr("keep-alive:")));
  EXPECT_THAT(response.body, Not(HasSubstr("proxy-connection")));
  EXPECT_THAT(response.body, HasSubstr("x-kept: 1"));
}

TEST_F(EchoTest, ForwardsChunkedBodiesWithTrailers) {
  const RawMessage response = exchange(
      "PUT /x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
      "chunked\r\n\r\n3\r\nabc\r\n4;ext=1\r\ndefg\r\n0\r\n"
      "X-Sum: 7\r\n\r\n");
  EXPECT_EQ(response.status(), 200);
  EXPECT_THAT(response.body, HasSubstr("transfer-encoding: chunked"));
  EXPECT_THAT(response.body, HasSubstr("\nabcdefg"));
  EXPECT_THAT(response.body, HasSubstr("trailer x-sum: 7"));
}

TEST_F(EchoTest, ForwardsCustomMethods) {
  const RawMessage response =
      exchange("X-FROBNICATE /x HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_EQ(response.status(), 200);
  EXPECT_THAT(response.body, HasSubstr("X-FROBNICATE /x HTTP/1.1\n"));
}

TEST_F(EchoTest, AnswersHeadWithoutBody) {
  RawConnection client = RawConnection::connectTo(proxy_.port("edge"));
  client.send("HEAD /x HTTP/1.1\r\nHost: a\r\n\r\n");
  const RawMessage head = client.readMessage(true);
  EXPECT_EQ(head.status(), 200);
  EXPECT_NE(head.header("content-length"), "");
  // The connection is in step: the next answer is a whole message.
  client.send("GET /y HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_THAT(client.readMessage().body, HasSubstr("GET /y HTTP/1.1"));
}

TEST_F(EchoTest, AnswersPipelinedRequestsInOrder) {
  RawConnection client = RawConnection::connectTo(proxy_.port("edge"));
  std::string requests;
  constexpr int kRequests = 200;
  for (int i = 0; i < kRequests; ++i) {
    requests += "GET /" + std::to_string(i) + " HTTP/1.1\r\nHost: a\r\n\r\n";
  }
  std::thread sender([&] { client.send(requests); });
  for (int i = 0; i < kRequests; ++i) {
    const RawMessage response = client.readMessage();
    ASSERT_TRUE(response.complete) << i;
    EXPECT_THAT(response.body, HasSubstr("GET /" + std::to_string(i) + " HTTP/1.1\n"));
  }
  sender.join();
}

TEST_F(EchoTest, Http10ClosesUnlessAskedToKeep) {
  RawConnection closing = RawConnection::connectTo(proxy_.port("edge"));
  closing.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
  EXPECT_EQ(closing.readMessage().status(), 200);
  EXPECT_TRUE(closing.closedByPeer());
  RawConnection keeping = RawConnection::connectTo(proxy_.port("edge"));
  for (int i = 0; i < 2; ++i) {
    keeping.send("GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n");
    const RawMessage response = keeping.readMessage();
    EXPECT_EQ(response.status(), 200);
    EXPECT_EQ(response.header("connection"), "keep-alive");
  }
}

TEST_F(EchoTest, ReusesUpstreamConnections) {
  RawConnection client = RawConnection::connectTo(proxy_.port("edge"));
  for (int i = 0; i < 20; ++i) {
    client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    ASSERT_TRUE(client.readMessage().complete);
  }
  EXPECT_EQ(origin_.connections(), 1);
}

TEST_F(EchoTest, NormalisesThePathItRoutesAndForwards) {
  EXPECT_THAT(exchange("GET /a/./b/../%63//d HTTP/1.1\r\nHost: a\r\n\r\n").body,
              HasSubstr("GET /a/c/d HTTP/1.1\n"));
  EXPECT_EQ(exchange("GET /a%2Fb HTTP/1.1\r\nHost: a\r\n\r\n").status(), 400);
  EXPECT_EQ(exchange("GET /a/../../b HTTP/1.1\r\nHost: a\r\n\r\n").status(), 400);
}

TEST(Forwarding, TrustedHopsKeepWhatTheProxyInFrontSaid) {
  ScriptedOrigin origin(ScriptedOrigin::echoing());
  test::InProcessProxy proxy(configFor(
      origin, R"(forwarded { trusted_hops: 1 via: "weir" } request_id { add_to_response: true })"));
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  client.send(
      "GET / HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 9.9.9.9\r\nX-Forwarded-Proto: https\r\n"
      "X-Request-Id: mine\r\n\r\n");
  const RawMessage response = client.readMessage();
  EXPECT_THAT(response.body, HasSubstr("x-forwarded-for: 9.9.9.9"));
  EXPECT_THAT(response.body, HasSubstr("x-forwarded-proto: https\n"));
  EXPECT_THAT(response.body, HasSubstr("x-request-id: mine\n"));
  EXPECT_THAT(response.body, HasSubstr("via: 1.1 weir\n"));
  EXPECT_EQ(response.header("x-request-id"), "mine");
  EXPECT_EQ(response.header("via"), "1.1 weir");
}

// Each response that an origin may send, as the client gets it.
TEST(Forwarding, ResponsesKeepTheirMeaning) {
  struct Case {
    const char* response;
    int status;
    const char* body;
  };
  const Case cases[] = {
      {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", 200, "abc"},
      {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n", 200, "abc"},
      {"HTTP/1.1 204 No Content\r\n\r\n", 204, ""},
      {"HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\nContent-Length: 10\r\n\r\n", 304, ""},
      {"HTTP/1.1 404 Gone Fishing\r\nContent-Length: 0\r\n\r\n", 404, ""},
      {"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: "
       "1\r\n\r\nx",
       103, ""},
  };
  for (const Case& expected : cases) {
    ScriptedOrigin origin(ScriptedOrigin::answering(expected.response));
    test::InProcessProxy proxy(configFor(origin));
    RawConnection client = RawConnection::connectTo(proxy.port("edge"));
    for (int i = 0; i < 2; ++i) {
      client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      RawMessage response = client.readMessage();
      EXPECT_EQ(response.status(), expected.status) << expected.response;
      if (response.status() == 103) response = client.readMessage();
      EXPECT_TRUE(response.complete) << expected.response;
      if (expected.status != 103) {
        EXPECT_EQ(response.body, expected.body);
      }
    }
  }
}

TEST(Forwarding, ResponseDelimitedByCloseIsPassedOnWhole) {
  const std::string body(300'000, 'x');
  ScriptedOrigin origin([&](RawConnection& connection, int) {
    connection.readMessage();
    connection.send("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n" + body);
  });
  test::InProcessProxy proxy(configFor(origin));
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.readMessage().body, body);
  RawConnection old = RawConnection::connectTo(proxy.port("edge"));
  old.send("GET / HTTP/1.0\r\nHost: a\r\n\r\n");
  EXPECT_EQ(old.readMessage().body, body);
}

TEST(Forwarding, ContinueGoesEndToEnd) {
  ScriptedOrigin origin([](RawConnection& connection, int) {
    const RawMessage head = connection.readMessage(false, false);
    EXPECT_EQ(head.header("expect"), "100-continue");
    connection.send("HTTP/1.1 100 Continue\r\n\r\n");
    const std::string body = connection.readExactly(4);
    connection.send("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n" + body);
  });
  test::InProcessProxy proxy(configFor(origin));
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 4\r\n\r\n");
  EXPECT_EQ(client.readMessage().status(), 100);
  client.send("data");
  EXPECT_EQ(client.readMessage().body, "data");
}

TEST(Forwarding, AnEarlyAnswerReachesTheClient) {
  ScriptedOrigin origin([](RawConnection& connection, int) {
    connection.readMessage(false, false);
    connection.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno");
    connection.readAll();
  });
  test::InProcessProxy proxy(configFor(origin));
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nfirst bytes");
  const RawMessage response = client.readMessage();
  EXPECT_EQ(response.status(), 403);
  EXPECT_EQ(response.body, "no");
}

TEST(Forwarding, UpgradeTunnelsBothWays) {
  ScriptedOrigin origin([](RawConnection& connection, int) {
    const RawMessage request = connection.readMessage();
    EXPECT_EQ(request.header("upgrade"), "websocket");
    connection.send(
        "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
        "websocket\r\n\r\nhello");
    std::string got;
    while (!(got = connection.readSome()).empty()) connection.send("<" + got + ">");
  });
  test::InProcessProxy proxy(configFor(origin));
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  client.send("GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  const RawMessage response = client.readMessage();
  EXPECT_EQ(response.status(), 101);
  EXPECT_EQ(response.header("upgrade"), "websocket");
  EXPECT_EQ(client.readExactly(5), "hello");
  client.send("ping");
  EXPECT_EQ(client.readExactly(6), "<ping>");
  client.shutdownWrite();
  EXPECT_TRUE(client.closedByPeer());
}

// Bodies of every size pass whole, both ways; the large ones go through splice(2).
TEST(Forwarding, BodiesOfAnySizeAreWhole) {
  ScriptedOrigin origin([](RawConnection& connection, int) {
    while (true) {
      const RawMessage request = connection.readMessage();
      if (!request.complete) return;
      connection.send("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(request.body.size()) +
                      "\r\n\r\n");
      connection.send(request.body);
    }
  });
  test::InProcessProxy proxy(configFor(origin));
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  for (const size_t size :
       {0ul, 1ul, 2047ul, 2048ul, 65'535ul, 65'536ul, 65'537ul, 300'000ul, 5'000'000ul}) {
    std::string body(size, '\0');
    for (size_t i = 0; i < size; ++i) body[i] = static_cast<char>(i * 31 + (i >> 8));
    std::thread sender([&] {
      client.send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: " + std::to_string(size) +
                  "\r\n\r\n");
      client.send(body);
    });
    const RawMessage response = client.readMessage();
    sender.join();
    ASSERT_TRUE(response.complete) << size;
    EXPECT_TRUE(response.body == body) << size;
  }
  client.close();
  EXPECT_TRUE(proxy.waitForStat("buffer_bytes", 0));
}

}  // namespace
}  // namespace weir
