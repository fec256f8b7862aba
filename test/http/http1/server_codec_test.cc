#include <string>

#include "gtest/gtest.h"

#include "test/http/http1/recording.h"

namespace weir::http::http1 {
namespace {

constexpr std::string_view kGet = "GET /x HTTP/1.1\r\nHost: a\r\n\r\n";

bool ok(const StreamError& error) {
  return error.reason == ErrorReason::kNone;
}

TEST(ServerCodecTest, ReadsARequestAndWritesTheAnswer) {
  RecordingServer server;
  ASSERT_TRUE(ok(server.feed(kGet)));
  EXPECT_EQ(server.last().head, "GET a /x HTTP/1.1 framing 0:0 upgrade \nHost=a\n");
  EXPECT_TRUE(server.last().head_ended);
  EXPECT_FALSE(server.codec->idle());
  server.respond(200, "hello", BodyFraming::kContentLength);
  EXPECT_EQ(server.output.take(), "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
  EXPECT_EQ(server.completed, 1u);
  EXPECT_TRUE(server.codec->idle());
  EXPECT_FALSE(server.codec->closing());
}

TEST(ServerCodecTest, CustomMethodsPass) {
  RecordingServer server;
  server.answer = true;
  for (const char* method : {"PURGE", "QUERY", "X-Y!", "get", "PRI"}) {
    ASSERT_TRUE(ok(server.feed(std::string(method) + " / HTTP/1.1\r\nHost: a\r\n\r\n"))) << method;
    EXPECT_EQ(server.last().head.substr(0, server.last().head.find(' ')), method);
  }
}

TEST(ServerCodecTest, PipelinedRequestsWaitForTheirTurn) {
  RecordingServer server;
  ASSERT_TRUE(ok(server.feed(std::string(kGet) + "GET /y HTTP/1.1\r\nHost: a\r\n\r\n")));
  EXPECT_EQ(server.messages.size(), 1u);
  EXPECT_FALSE(server.input.empty());
  server.respond(200, "1", BodyFraming::kContentLength);
  ASSERT_TRUE(ok(server.feed("")));
  EXPECT_EQ(server.messages.size(), 2u);
  server.respond(200, "2", BodyFraming::kContentLength);
  EXPECT_EQ(server.output.take(),
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n1"
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n2");
}

TEST(ServerCodecTest, AnswersWithinTheCallGoOnWithTheNextRequest) {
  RecordingServer server;
  server.answer = true;
  std::string many;
  for (int i = 0; i < 50; ++i) many += kGet;
  ASSERT_TRUE(ok(server.feed(many)));
  EXPECT_EQ(server.completed, 50u);
  EXPECT_TRUE(server.input.empty());
}

TEST(ServerCodecTest, ReadingStopsWhenTooMuchIsPipelined) {
  RecordingServer server;
  std::string many;
  while (many.size() < 20000) many += kGet;
  ASSERT_TRUE(ok(server.feed(many)));
  EXPECT_FALSE(server.output.reading);
  server.respond(200, "", BodyFraming::kNone);
  EXPECT_TRUE(server.output.reading);
}

TEST(ServerCodecTest, EmptyLinesBeforeARequestAreIgnored) {
  RecordingServer server;
  server.answer = true;
  ASSERT_TRUE(ok(server.feed("\r\n\r\n" + std::string(kGet) + "\r\n" + std::string(kGet))));
  EXPECT_EQ(server.completed, 2u);
}

TEST(ServerCodecTest, ChunkedBodyWithTrailers) {
  RecordingServer server;
  ASSERT_TRUE(
      ok(server.feed("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                     "3;x=\"y z\"\r\nabc\r\n00A\r\n0123456789\r\n0\r\nDigest: q\r\n\r\n")));
  EXPECT_EQ(server.last().body, "abc0123456789");
  EXPECT_EQ(server.last().trailers, "Digest=q\n");
  EXPECT_TRUE(server.last().ended);
}

TEST(ServerCodecTest, LargeBodiesPassByReference) {
  RecordingServer server;
  buffer::Buffer seen(server.output.pool);
  const std::string body(30000, 'b');
  ASSERT_TRUE(ok(server.feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 30000\r\n\r\n")));
  const size_t before = server.output.pool.bytesInUse();
  ASSERT_TRUE(ok(server.feed(body)));
  EXPECT_EQ(server.last().body, body);
  EXPECT_EQ(server.output.pool.bytesInUse(), before);
}

struct AnswerRow {
  const char* what;
  std::string request;
  uint16_t status;
  BodyFraming framing;
  std::string body;
  std::string expected;
  bool closing;
};

TEST(ServerCodecTest, FramingOfAnswers) {
  using enum BodyFraming;
  const std::string get(kGet);
  const std::string close = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  const std::string old = "GET / HTTP/1.0\r\n\r\n";
  const std::string old_keeps = "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n";
  const AnswerRow rows[] = {
      {"empty", get, 200, kNone, "", "200 OK\r\nContent-Length: 0\r\n\r\n", false},
      {"chunked", get, 200, kChunked, "ab",
       "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", false},
      {"until close becomes chunked", get, 200, kUntilClose, "ab",
       "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", false},
      {"asked to close", close, 200, kContentLength, "a",
       "200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\na", true},
      {"1.0", old, 200, kContentLength, "a",
       "200 OK\r\nContent-Length: 1\r\nConnection: close\r\n\r\na", true},
      {"1.0 keeps", old_keeps, 200, kContentLength, "a",
       "200 OK\r\nContent-Length: 1\r\nConnection: keep-alive\r\n\r\na", false},
      {"1.0 has no chunks", old_keeps, 200, kChunked, "a", "200 OK\r\nConnection: close\r\n\r\na",
       true},
      {"204", get, 204, kNone, "", "204 No Content\r\n\r\n", false},
      {"204 has no body", get, 204, kContentLength, "x", "204 No Content\r\n\r\n", false},
      {"304 announces", get, 304, kContentLength, "xyz",
       "304 Not Modified\r\nContent-Length: 3\r\n\r\n", false},
      {"HEAD", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 200, kContentLength, "xyz",
       "200 OK\r\nContent-Length: 3\r\n\r\n", false},
      {"HEAD chunked", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", 200, kChunked, "xyz",
       "200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", false},
      {"unknown status", get, 299, kNone, "", "299 \r\nContent-Length: 0\r\n\r\n", false},
  };
  for (const AnswerRow& row : rows) {
    RecordingServer server;
    ASSERT_TRUE(ok(server.feed(row.request))) << row.what;
    server.respond(row.status, row.body, row.framing);
    EXPECT_EQ(server.output.take(), "HTTP/1.1 " + row.expected) << row.what;
    EXPECT_EQ(server.completed, 1u) << row.what;
    EXPECT_EQ(server.codec->closing(), row.closing) << row.what;
  }
}

TEST(ServerCodecTest, FramingFieldsAreTheCodecsOwn) {
  RecordingServer server;
  server.feed(kGet);
  ResponseHead head;
  head.status = 200;
  head.framing = BodyFraming::kContentLength;
  head.content_length = 0;
  for (const char* name : {"Content-Length", "Transfer-Encoding", "Connection", "Keep-Alive"}) {
    head.headers.add(name, "chunked");
  }
  head.headers.add("X", "y");
  server.encoder->encodeHead(head, true);
  EXPECT_EQ(server.output.take(), "HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 0\r\n\r\n");
}

TEST(ServerCodecTest, InterimResponses) {
  RecordingServer server;
  server.feed("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
  EXPECT_TRUE(server.head.expects_continue);
  ResponseHead interim;
  interim.status = 100;
  server.encoder->encodeInformational(interim);
  interim.status = 103;
  interim.headers.add("Link", "</x>");
  server.encoder->encodeInformational(interim);
  EXPECT_EQ(server.output.take(),
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n");
  server.feed("hi");
  EXPECT_EQ(server.last().body, "hi");

  RecordingServer old;
  old.feed("GET / HTTP/1.0\r\n\r\n");
  old.encoder->encodeInformational(interim);
  EXPECT_EQ(old.output.take(), "");
}

TEST(ServerCodecTest, TrailersOfAnswers) {
  RecordingServer server;
  server.feed(kGet);
  ResponseHead head;
  head.status = 200;
  head.framing = BodyFraming::kChunked;
  server.encoder->encodeHead(head, false);
  buffer::Buffer data(server.output.pool);
  data.append("abc");
  server.encoder->encodeBody(data, false);
  base::Arena arena;
  HeaderMap trailers(arena);
  trailers.add("Digest", "q");
  server.encoder->encodeTrailers(trailers);
  EXPECT_EQ(server.output.take(),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            "3\r\nabc\r\n0\r\nDigest: q\r\n\r\n");
  EXPECT_EQ(server.completed, 1u);
}

TEST(ServerCodecTest, EarlyAnswerClosesUnlessTheRestIsAtHand) {
  RecordingServer server;
  server.answer_on_head = true;
  ASSERT_TRUE(ok(server.feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab")));
  EXPECT_EQ(server.completed, 1u);
  EXPECT_TRUE(server.codec->closing());
  EXPECT_NE(server.output.take().find("Connection: close"), std::string::npos);
  ASSERT_TRUE(ok(server.feed("cdeGET / HTTP/1.1\r\n")));
  EXPECT_EQ(server.messages.size(), 1u);
  EXPECT_TRUE(server.input.empty()) << "what still comes is dropped";

  RecordingServer whole;
  whole.answer_on_head = true;
  ASSERT_TRUE(ok(whole.feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nabcde" +
                            std::string(kGet))));
  EXPECT_EQ(whole.completed, 2u);
  EXPECT_EQ(whole.last().head.substr(0, 8), "GET a /x");
  EXPECT_FALSE(whole.codec->closing());
}

TEST(ServerCodecTest, EarlyAnswerThatEndsLaterClosesToo) {
  RecordingServer server;
  server.feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nab");
  server.respond(200, "done", BodyFraming::kContentLength);
  EXPECT_EQ(server.completed, 1u);
  EXPECT_TRUE(server.codec->closing());
}

TEST(ServerCodecTest, UpgradeTunnelsBothWays) {
  RecordingServer server;
  ASSERT_TRUE(
      ok(server.feed("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                     "Upgrade: websocket\r\n\r\nearly")));
  EXPECT_FALSE(server.last().head_ended);
  EXPECT_EQ(server.last().body, "") << "waits for the answer";
  EXPECT_FALSE(server.output.reading);
  ResponseHead head;
  head.status = 101;
  head.framing = BodyFraming::kTunnel;
  head.headers.add("Upgrade", "websocket");
  head.headers.add("Connection", "Upgrade");
  server.encoder->encodeHead(head, false);
  EXPECT_EQ(
      server.output.take(),
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n");
  EXPECT_TRUE(server.output.reading);
  server.feed("");
  EXPECT_EQ(server.last().body, "early");
  server.feed("GET / HTTP/1.1\r\n");
  EXPECT_EQ(server.last().body, "earlyGET / HTTP/1.1\r\n");
  buffer::Buffer data(server.output.pool);
  data.append("frames");
  server.encoder->encodeBody(data, false);
  EXPECT_EQ(server.output.take(), "frames");
  server.feed("", true);
  EXPECT_TRUE(server.last().ended);
  EXPECT_EQ(server.completed, 0u);
  data.append("bye");
  server.encoder->encodeBody(data, true);
  EXPECT_TRUE(server.output.ended);
  EXPECT_EQ(server.completed, 1u);
  EXPECT_TRUE(server.codec->closing());
}

TEST(ServerCodecTest, TunnelEndsWhenTheServerSideEndedFirst) {
  RecordingServer server;
  server.feed("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  ResponseHead head;
  head.status = 101;
  server.encoder->encodeHead(head, false);
  buffer::Buffer data(server.output.pool);
  server.encoder->encodeBody(data, true);
  EXPECT_EQ(server.completed, 0u);
  server.feed("last", true);
  EXPECT_EQ(server.last().body, "last");
  EXPECT_EQ(server.completed, 1u);
}

TEST(ServerCodecTest, RefusedUpgradeGoesOnAsHttp) {
  RecordingServer server;
  server.feed("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  server.respond(403, "no", BodyFraming::kContentLength);
  EXPECT_EQ(server.completed, 1u);
  EXPECT_FALSE(server.codec->closing());
  server.feed(kGet);
  EXPECT_EQ(server.messages.size(), 2u);
}

TEST(ServerCodecTest, ConnectTunnelsOn2xx) {
  CodecLimits limits;
  limits.allow_connect = true;
  RecordingServer server(limits);
  ASSERT_TRUE(ok(server.feed("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n")));
  EXPECT_FALSE(server.last().head_ended);
  ResponseHead head;
  head.status = 200;
  server.encoder->encodeHead(head, false);
  EXPECT_EQ(server.output.take(), "HTTP/1.1 200 OK\r\n\r\n");
  server.feed("\x16\x03");
  EXPECT_EQ(server.last().body, "\x16\x03");
}

TEST(ServerCodecTest, BackpressureHoldsTheBody) {
  RecordingServer server;
  server.feed("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nab");
  server.encoder->setReadEnabled(false);
  EXPECT_FALSE(server.output.reading);
  server.feed("cd");
  EXPECT_EQ(server.last().body, "ab");
  server.encoder->setReadEnabled(true);
  EXPECT_TRUE(server.output.reading);
  server.feed("ef");
  EXPECT_EQ(server.last().body, "abcdef");
}

TEST(ServerCodecTest, ClientThatLeavesEarlyIsToldAsSuch) {
  struct Row {
    const char* bytes;
    const char* body;
  };
  for (const Row& row :
       {Row{"GET / HT", ""}, Row{"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 6\r\n\r\nab", "ab"},
        Row{"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
            "2\r\nab\r\n",
            "ab"}}) {
    RecordingServer server;
    const StreamError error = server.feed(row.bytes, true);
    EXPECT_EQ(error.reason, ErrorReason::kConnectionClosed) << row.bytes;
    ASSERT_TRUE(server.last().reset.has_value());
    EXPECT_EQ(server.last().body, row.body);
  }
}

TEST(ServerCodecTest, HalfClosedClientStillGetsItsAnswers) {
  RecordingServer server;
  server.answer = true;
  ASSERT_TRUE(ok(server.feed(std::string(kGet) + std::string(kGet), true)));
  EXPECT_EQ(server.completed, 2u);
}

TEST(ServerCodecTest, DrainAndCloseAfterResponseSayClose) {
  RecordingServer server;
  server.feed(kGet);
  server.codec->drain();
  server.respond(200, "", BodyFraming::kNone);
  EXPECT_NE(server.output.take().find("Connection: close\r\n"), std::string::npos);
  EXPECT_TRUE(server.codec->closing());

  RecordingServer other;
  other.feed(kGet);
  other.encoder->closeAfterResponse();
  other.respond(200, "", BodyFraming::kNone);
  EXPECT_TRUE(other.codec->closing());
}

TEST(ServerCodecTest, ResetAborts) {
  RecordingServer server;
  server.feed(kGet);
  server.encoder->reset({});
  EXPECT_TRUE(server.output.aborted);
  EXPECT_EQ(server.completed, 0u);
  EXPECT_FALSE(server.last().reset.has_value());
}

TEST(ServerCodecTest, BodyOfTheWrongLengthClosesAndNeverSpills) {
  RecordingServer longer;
  longer.feed(kGet);
  ResponseHead head;
  head.status = 200;
  head.framing = BodyFraming::kContentLength;
  head.content_length = 3;
  buffer::Buffer data(longer.output.pool);
  longer.encoder->encodeHead(head, false);
  data.append("abcdef");
  longer.encoder->encodeBody(data, true);
  EXPECT_EQ(longer.output.take(), "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc");

  RecordingServer shorter;
  shorter.feed(kGet);
  shorter.encoder->encodeHead(head, false);
  data.append("a");
  shorter.encoder->encodeBody(data, true);
  EXPECT_TRUE(shorter.codec->closing());
}

TEST(ServerCodecTest, ServesAnotherConnectionAfterAttach) {
  RecordingServer server;
  server.feed("POST / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 6\r\n\r\nab");
  server.codec->detach();
  server.codec->attach(server.output, server);
  server.input.clear();
  server.answer = true;
  ASSERT_TRUE(ok(server.feed(kGet)));
  EXPECT_EQ(server.completed, 1u);
  EXPECT_FALSE(server.codec->closing());
}

// Puts the codec away as soon as the exchange is over, as a connection manager may.
class PutsAway final : public ServerCodecCallbacks {
 public:
  explicit PutsAway(RecordingServer& server) : server_(server) {}
  RequestDecoder& newStream(ResponseEncoder& encoder) override {
    return server_.newStream(encoder);
  }
  void onConnectionError(const StreamError&) override {}
  void onDrained() override {}
  void onStreamComplete(RequestDecoder& decoder) override {
    server_.onStreamComplete(decoder);
    server_.codec->detach();
  }

 private:
  RecordingServer& server_;
};

TEST(ServerCodecTest, DetachedWithinACallItTakesNothingMore) {
  RecordingServer server;
  PutsAway callbacks(server);
  server.codec->attach(server.output, callbacks);
  server.answer = true;
  server.input.append(kGet);
  server.input.append(kGet);
  ASSERT_TRUE(ok(server.codec->dispatch(server.input, false)));
  EXPECT_EQ(server.messages.size(), 1u);
  EXPECT_EQ(server.input.size(), kGet.size());
}

TEST(ServerCodecTest, RawBodyNeedsAConnection) {
  RecordingServer server;
  server.feed(kGet);
  ResponseHead head;
  head.status = 200;
  head.framing = BodyFraming::kContentLength;
  head.content_length = 3;
  server.encoder->encodeHead(head, false);
  EXPECT_EQ(server.encoder->beginRawBody(3), nullptr);
}

}  // namespace
}  // namespace weir::http::http1
