#include <string>

#include "gtest/gtest.h"

#include "test/http/http1/recording.h"

namespace weir::http::http1 {
namespace {

bool ok(const StreamError& error) {
  return error.reason == ErrorReason::kNone;
}

TEST(ClientCodecTest, WritesRequests) {
  RecordingClient client;
  client.request("GET");
  EXPECT_EQ(client.output.take(), "GET / HTTP/1.1\r\nHost: origin:1\r\n\r\n");
  client.feed("HTTP/1.1 204 No\r\n\r\n");
  client.requestWithBody(BodyFraming::kContentLength, 3);
  buffer::Buffer data(client.output.pool);
  data.append("abc");
  client.encoder->encodeBody(data, true);
  EXPECT_EQ(client.output.take(),
            "POST / HTTP/1.1\r\nHost: origin\r\nContent-Length: 3\r\n\r\nabc");
  client.feed("HTTP/1.1 204 No\r\n\r\n");
  client.requestWithBody(BodyFraming::kChunked, 0);
  data.append("abc");
  client.encoder->encodeBody(data, false);
  base::Arena arena;
  HeaderMap trailers(arena);
  trailers.add("Digest", "q");
  client.encoder->encodeTrailers(trailers);
  EXPECT_EQ(client.output.take(),
            "POST / HTTP/1.1\r\nHost: origin\r\nTransfer-Encoding: chunked\r\n\r\n"
            "3\r\nabc\r\n0\r\nDigest: q\r\n\r\n");
}

TEST(ClientCodecTest, HostAndFramingComeFromTheHeadNotItsFields) {
  RecordingClient client;
  client.encoder = &client.codec->newStream(client);
  RequestHead head;
  head.method = "PUT";
  head.authority = "right";
  head.path = "/p?q";
  head.framing = BodyFraming::kContentLength;
  head.content_length = 0;
  head.headers.add("Host", "wrong");
  head.headers.add("Content-Length", "77");
  head.headers.add("Transfer-Encoding", "chunked");
  head.headers.add("Connection", "close");
  head.headers.add("TE", "trailers");
  client.encoder->encodeHead(head, true);
  EXPECT_EQ(client.output.take(),
            "PUT /p?q HTTP/1.1\r\nHost: right\r\nTE: trailers\r\nContent-Length: 0\r\n"
            "Connection: TE\r\n\r\n");
}

struct Row {
  const char* what;
  std::string method;
  std::string bytes;
  bool eof;
  std::string body;
  bool complete;
  bool reusable;
};

TEST(ClientCodecTest, ReadsResponses) {
  const Row rows[] = {
      {"length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false, "hi", true, true},
      {"no reason", "GET", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", false, "", true, true},
      {"chunked", "GET",
       "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", false, "hi",
       true, true},
      {"until close", "GET", "HTTP/1.1 200 OK\r\n\r\nhi", true, "hi", true, false},
      {"until close, more to come", "GET", "HTTP/1.1 200 OK\r\n\r\nhi", false, "hi", false, false},
      {"HEAD", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n", false, "", true, true},
      {"HEAD chunked", "HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false, "",
       true, true},
      {"304", "GET", "HTTP/1.1 304 Not\r\nContent-Length: 20\r\n\r\n", false, "", true, true},
      {"204", "GET", "HTTP/1.1 204 No\r\n\r\n", false, "", true, true},
      {"close", "GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", false,
       "", true, false},
      {"1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", false, "hi", true, false},
      {"1.0 keeps", "GET",
       "HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nhi", false, "hi",
       true, true},
      {"bytes behind", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi!", false, "hi", true,
       false},
      {"bytes behind 204", "GET", "HTTP/1.1 204 No\r\n\r\nx", false, "", true, false},
      {"end behind", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", true, "hi", true,
       false},
  };
  for (const Row& row : rows) {
    RecordingClient client;
    client.request(row.method);
    ASSERT_TRUE(ok(client.feed(row.bytes, row.eof))) << row.what;
    EXPECT_EQ(client.message.body, row.body) << row.what;
    EXPECT_EQ(client.message.ended, row.complete) << row.what;
    EXPECT_EQ(client.completed, row.complete ? 1u : 0u) << row.what;
    EXPECT_EQ(client.codec->reusable(), row.reusable) << row.what;
    EXPECT_EQ(client.message.misuse, "") << row.what;
  }
}

TEST(ClientCodecTest, InterimHeadsComeBeforeTheFinalOne) {
  RecordingClient client;
  client.requestWithBody(BodyFraming::kContentLength, 1);
  ASSERT_TRUE(
      ok(client.feed("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n")));
  ASSERT_EQ(client.message.interim.size(), 2u);
  EXPECT_EQ(client.message.interim[1].substr(0, 9), "103 Early");
  buffer::Buffer data(client.output.pool);
  data.append("x");
  client.encoder->encodeBody(data, true);
  ASSERT_TRUE(ok(client.feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")));
  EXPECT_TRUE(client.codec->reusable());
}

TEST(ClientCodecTest, EarlyAnswerIsDeliveredButTheConnectionIsNotReused) {
  RecordingClient client;
  client.requestWithBody(BodyFraming::kContentLength, 10);
  ASSERT_TRUE(ok(client.feed("HTTP/1.1 413 Large\r\nContent-Length: 2\r\n\r\nno")));
  EXPECT_EQ(client.message.body, "no");
  EXPECT_EQ(client.completed, 1u);
  EXPECT_FALSE(client.codec->reusable());
}

TEST(ClientCodecTest, UpgradeTunnelsBothWays) {
  RecordingClient client;
  client.request("GET", "websocket");
  EXPECT_EQ(
      client.output.take(),
      "GET / HTTP/1.1\r\nHost: origin:1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
  ASSERT_TRUE(ok(client.feed("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\nframe")));
  EXPECT_EQ(client.message.body, "frame");
  buffer::Buffer data(client.output.pool);
  data.append("back");
  client.encoder->encodeBody(data, true);
  EXPECT_EQ(client.output.take(), "back");
  EXPECT_TRUE(client.output.ended);
  EXPECT_EQ(client.completed, 0u);
  ASSERT_TRUE(ok(client.feed("bye", true)));
  EXPECT_EQ(client.message.body, "framebye");
  EXPECT_EQ(client.completed, 1u);
  EXPECT_FALSE(client.codec->reusable());
}

TEST(ClientCodecTest, NothingIsSentIntoATunnelThatIsNotOpen) {
  RecordingClient client;
  client.request("GET", "websocket");
  client.output.take();
  buffer::Buffer data(client.output.pool);
  data.append("GET /smuggled HTTP/1.1\r\n\r\n");
  client.encoder->encodeBody(data, false);
  EXPECT_EQ(client.output.take(), "");
  EXPECT_TRUE(client.output.aborted);

  RecordingClient ended;
  ended.request("GET", "websocket");
  ended.encoder->encodeBody(data, true);
  EXPECT_FALSE(ended.output.ended);
  ended.feed("HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\n");
  EXPECT_TRUE(ended.output.ended);
}

TEST(ClientCodecTest, RefusedUpgradeIsAnOrdinaryAnswer) {
  RecordingClient client;
  client.request("GET", "websocket");
  ASSERT_TRUE(ok(client.feed("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")));
  EXPECT_EQ(client.message.body, "no");
  EXPECT_TRUE(client.codec->reusable());
}

TEST(ClientCodecTest, ConnectTunnels) {
  RecordingClient client;
  client.request("CONNECT");
  EXPECT_EQ(client.output.take(), "CONNECT origin:1 HTTP/1.1\r\nHost: origin:1\r\n\r\n");
  ASSERT_TRUE(ok(client.feed("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nraw bytes")));
  EXPECT_EQ(client.message.body, "raw bytes");
}

TEST(ClientCodecTest, ClosedConnections) {
  struct Closed {
    const char* bytes;
    ErrorReason reason;
  };
  for (const Closed& row :
       {Closed{"", ErrorReason::kConnectionClosed}, Closed{"HTTP/1.1 2", ErrorReason::kProtocol},
        Closed{"HTTP/1.1 100 Continue\r\n\r\n", ErrorReason::kConnectionClosed},
        Closed{"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab", ErrorReason::kConnectionClosed},
        Closed{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n",
               ErrorReason::kConnectionClosed}}) {
    RecordingClient client;
    client.request("GET");
    EXPECT_EQ(client.feed(row.bytes, true).reason, row.reason) << row.bytes;
    ASSERT_TRUE(client.message.reset.has_value()) << row.bytes;
    EXPECT_EQ(client.message.reset->origin, ErrorOrigin::kUpstream);
    EXPECT_FALSE(client.codec->reusable());
  }
}

TEST(ClientCodecTest, BytesOrEndOnAnIdleConnection) {
  RecordingClient client;
  EXPECT_TRUE(client.codec->reusable());
  EXPECT_EQ(client.feed("HTTP/1.1 200 OK\r\n\r\n").reason, ErrorReason::kProtocol);
  EXPECT_FALSE(client.codec->reusable());
  RecordingClient ended;
  EXPECT_EQ(ended.feed("", true).reason, ErrorReason::kConnectionClosed);
  EXPECT_FALSE(ended.codec->reusable());
}

TEST(ClientCodecTest, ResetAbortsAndIsSilent) {
  RecordingClient client;
  client.request("GET");
  client.encoder->reset();
  EXPECT_TRUE(client.output.aborted);
  EXPECT_TRUE(ok(client.feed("HTTP/1.1 200 OK\r\n\r\n")));
  EXPECT_EQ(client.message.head, "");
  EXPECT_FALSE(client.message.reset.has_value());
}

TEST(ClientCodecTest, BackpressureHoldsTheBody) {
  RecordingClient client;
  client.request("GET");
  client.feed("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
  client.encoder->setReadEnabled(false);
  EXPECT_FALSE(client.output.reading);
  client.feed("cd");
  EXPECT_EQ(client.message.body, "ab");
  client.encoder->setReadEnabled(true);
  client.feed("");
  EXPECT_EQ(client.message.body, "abcd");
  EXPECT_EQ(client.completed, 1u);
}

TEST(ClientCodecTest, WatermarksReachTheDecoder) {
  RecordingClient client;
  client.codec->onAboveHighWatermark();
  EXPECT_FALSE(client.blocked);
  client.request("GET");
  client.codec->onAboveHighWatermark();
  EXPECT_TRUE(client.blocked);
  client.codec->onBelowLowWatermark();
  EXPECT_FALSE(client.blocked);
}

TEST(ClientCodecTest, RawBodyTakesOverWhenNothingIsBuffered) {
  RecordingClient client;
  client.request("GET");
  client.feed("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n0123456789");
  EXPECT_EQ(client.encoder->rawBodyRemaining(), 90u);
  client.encoder->rawBodyConsumed(40);
  EXPECT_EQ(client.encoder->rawBodyRemaining(), 50u);
  EXPECT_EQ(client.completed, 0u);
  client.encoder->rawBodyConsumed(50);
  EXPECT_EQ(client.completed, 1u);
  EXPECT_TRUE(client.codec->reusable());
  client.request("GET");
  client.feed("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(client.encoder->rawBodyRemaining(), 0u);
}

TEST(ClientCodecTest, ShortRequestBodyAborts) {
  RecordingClient client;
  client.requestWithBody(BodyFraming::kContentLength, 5);
  buffer::Buffer data(client.output.pool);
  data.append("ab");
  client.encoder->encodeBody(data, true);
  EXPECT_TRUE(client.output.aborted);
}

}  // namespace
}  // namespace weir::http::http1
