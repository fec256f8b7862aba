// Every form of exchange, client codec against server codec.
#include <string>

#include "gtest/gtest.h"

#include "test/http/http2/codec_pair.h"

namespace weir::http::http2 {
namespace {

class ExchangeTest : public ::testing::Test {
 protected:
  void begin() { pair_.start(); }
  // The client's only stream, and the server's, have seen a whole exchange.
  void expectComplete() {
    const ClientSideStream& asked = pair_.client.streams.back();
    const ServerSideStream& answered = pair_.server.streams.back();
    EXPECT_TRUE(asked.seen.ended);
    EXPECT_FALSE(asked.seen.reset) << asked.seen.reset->detail();
    EXPECT_EQ(asked.seen.misuse, "");
    EXPECT_TRUE(answered.complete);
    EXPECT_FALSE(answered.seen.reset) << answered.seen.reset->detail();
    EXPECT_EQ(answered.seen.misuse, "");
    EXPECT_EQ(pair_.client.ended, pair_.client.streams.size());
    EXPECT_EQ(pair_.client.codec->openStreams(), 0u);
    EXPECT_TRUE(pair_.server.codec->idle());
    EXPECT_EQ(pair_.server_error.detail(), "");
    EXPECT_EQ(pair_.client_error.detail(), "");
  }

  CodecPair pair_;
};

TEST_F(ExchangeTest, GetWithASmallBody) {
  begin();
  pair_.server.on_ended = [](ServerSideStream& stream) { stream.respond(200, "hello"); };
  ClientSideStream& get = pair_.client.request("/a?b");
  pair_.run();
  EXPECT_EQ(pair_.server.last().seen.head,
            "GET https origin.example /a?b framing 0:0 upgrade \nuser-agent=test\n"
            "host=origin.example\n");
  EXPECT_EQ(get.seen.head, "200 framing 1:5\nserver=test\ncontent-length=5\n");
  EXPECT_EQ(get.seen.body, "hello");
  expectComplete();
}

TEST_F(ExchangeTest, HeadAndDataOfASmallReplyLeaveInOneBlock) {
  begin();
  pair_.server.on_ended = [](ServerSideStream& stream) { stream.respond(200, "hello"); };
  pair_.client.request("/");
  pair_.dispatcher.runUntilIdle();
  pair_.server.output.readied = 0;
  pair_.server.feed(pair_.client.output.take());
  pair_.dispatcher.runUntilIdle();
  EXPECT_EQ(pair_.server.output.readied, 1u);
  EXPECT_EQ(pair_.server.output.bytes.front().size(), pair_.server.output.bytes.size());
}

TEST_F(ExchangeTest, PostWithABodyAndTrailersBothWays) {
  begin();
  pair_.server.on_ended = [](ServerSideStream& stream) {
    stream.sendHead(200);
    stream.sendBody("echo:" + stream.seen.body);
    base::Arena arena;
    HeaderMap trailers(arena);
    trailers.add("Checksum", "1");
    stream.encoder->encodeTrailers(trailers);
  };
  ClientSideStream& post = pair_.client.post("/up");
  pair_.run();
  ASSERT_TRUE(post.sendBody("one"));
  pair_.run();
  ASSERT_TRUE(post.sendBody("two"));
  base::Arena arena;
  HeaderMap trailers(arena);
  trailers.add("X-Sum", "2");
  ASSERT_TRUE(post.encoder->encodeTrailers(trailers));
  pair_.run();
  EXPECT_EQ(pair_.server.last().seen.body, "onetwo");
  EXPECT_EQ(pair_.server.last().seen.trailers, "x-sum=2\n");
  EXPECT_EQ(post.seen.body, "echo:onetwo");
  EXPECT_EQ(post.seen.trailers, "checksum=1\n");
  expectComplete();
}

TEST_F(ExchangeTest, TrailersAloneBehindTheHead) {
  begin();
  pair_.server.on_ended = [](ServerSideStream& stream) {
    stream.sendHead(200);
    base::Arena arena;
    HeaderMap trailers(arena);
    trailers.add("grpc-status", "0");
    stream.encoder->encodeTrailers(trailers);
  };
  pair_.record = true;
  ClientSideStream& get = pair_.client.request("/");
  pair_.run();
  EXPECT_EQ(get.seen.body, "");
  EXPECT_EQ(get.seen.trailers, "grpc-status=0\n");
  expectComplete();
}

TEST_F(ExchangeTest, LargeBodiesBothWays) {
  begin();
  std::string body;
  for (int i = 0; i < 300'000; ++i) body += std::to_string(i);
  pair_.server.on_ended = [&](ServerSideStream& stream) { stream.respond(200, body); };
  ClientSideStream& post = pair_.client.post("/", BodyFraming::kContentLength, body.size());
  ASSERT_TRUE(post.sendBody(body, true));
  pair_.run();
  EXPECT_TRUE(pair_.server.last().seen.body == body);
  EXPECT_TRUE(post.seen.body == body);
  expectComplete();
}

TEST_F(ExchangeTest, InterimResponsesComeInOrder) {
  begin();
  pair_.server.on_ended = [](ServerSideStream& stream) {
    ResponseHead hints;
    hints.status = 103;
    hints.headers.add("link", "</a.css>");
    stream.encoder->encodeInformational(hints);
    hints.clear();
    hints.status = 103;
    hints.headers.add("link", "</b.css>");
    stream.encoder->encodeInformational(hints);
    stream.respond(200, "x");
  };
  ClientSideStream& get = pair_.client.request("/");
  pair_.run();
  ASSERT_EQ(get.seen.interim.size(), 2u);
  EXPECT_NE(get.seen.interim[0].find("</a.css>"), std::string::npos);
  EXPECT_NE(get.seen.interim[1].find("</b.css>"), std::string::npos);
  expectComplete();
}

TEST_F(ExchangeTest, HeadAnnouncesAndSendsNothing) {
  begin();
  pair_.server.on_ended = [](ServerSideStream& stream) {
    stream.sendHead(200, BodyFraming::kContentLength, 1000);
    stream.sendBody("these are dropped", true);
  };
  ClientSideStream& head = pair_.client.request("/", "HEAD");
  pair_.run();
  EXPECT_NE(head.seen.head.find("content-length=1000"), std::string::npos);
  EXPECT_EQ(head.seen.body, "");
  expectComplete();
}

TEST_F(ExchangeTest, StatusesWithoutABody) {
  begin();
  for (const uint16_t status : {204, 304}) {
    pair_.server.on_ended = [&](ServerSideStream& stream) {
      stream.sendHead(status, BodyFraming::kNone, 0, true);
    };
    ClientSideStream& get = pair_.client.request("/");
    pair_.run();
    EXPECT_EQ(get.seen.head.substr(0, 3), std::to_string(status));
    expectComplete();
  }
}

TEST_F(ExchangeTest, AnAnswerBeforeTheRequestIsComplete) {
  begin();
  pair_.server.on_head = [](ServerSideStream& stream) { stream.respond(413, "no"); };
  ClientSideStream& post = pair_.client.post("/");
  ASSERT_TRUE(post.sendBody("some"));
  pair_.run();
  EXPECT_EQ(post.seen.body, "no");
  expectComplete();
}

// RFC 7541 7.1.3: an intermediary sends them on as they came.
TEST_F(ExchangeTest, SecretsStaySecrets) {
  begin();
  pair_.server.on_ended = [](ServerSideStream& stream) {
    bool secret = false;
    stream.head.headers.forEach([&](const HeaderMap::Field& field) {
      EXPECT_EQ(field.never_indexed, field.name == "x-token") << field.name;
      secret = secret || field.never_indexed;
    });
    EXPECT_TRUE(secret);
    stream.respond(200, "x");
  };
  ClientSideStream& stream = pair_.client.streams.emplace_back(pair_.client);
  RequestHead head;
  head.method = "GET";
  head.authority = "h";
  head.path = "/";
  head.headers.add("x-other", "open");
  head.headers.add("x-token", "secret");
  head.headers.markLastNeverIndexed();
  ASSERT_TRUE(stream.encoder->encodeHead(head, true));
  pair_.run();
  expectComplete();
}

TEST_F(ExchangeTest, ManyStreamsAtOnce) {
  begin();
  pair_.server.on_ended = [](ServerSideStream& stream) {
    stream.respond(200, std::string(stream.head.path));
  };
  for (int round = 0; round < 3; ++round) {
    pair_.client.streams.clear();
    for (int i = 0; i < 100; ++i) {
      ASSERT_GT(pair_.client.codec->freeStreams(), 0u);
      pair_.client.request("/" + std::to_string(i));
    }
    EXPECT_EQ(pair_.client.codec->freeStreams(), 0u);
    pair_.run();
    int i = 0;
    for (ClientSideStream& stream : pair_.client.streams) {
      EXPECT_EQ(stream.seen.body, "/" + std::to_string(i++));
      EXPECT_TRUE(stream.seen.ended);
    }
    EXPECT_EQ(pair_.client.codec->freeStreams(), 100u);
  }
}

TEST_F(ExchangeTest, ConnectMakesATunnel) {
  pair_.server.side.limits.allow_connect = true;
  begin();
  pair_.server.on_head = [](ServerSideStream& stream) {
    stream.sendHead(200, BodyFraming::kTunnel);
  };
  ClientSideStream& tunnel = pair_.client.request("", "CONNECT");
  pair_.run();
  ASSERT_EQ(pair_.server.streams.size(), 1u);
  ServerSideStream& far = pair_.server.last();
  ASSERT_EQ(tunnel.head.framing, BodyFraming::kTunnel);
  ASSERT_TRUE(tunnel.sendBody("ping"));
  pair_.run();
  EXPECT_EQ(far.seen.body, "ping");
  far.sendBody("pong", true);  // half closed
  pair_.run();
  EXPECT_EQ(tunnel.seen.body, "pong");
  EXPECT_TRUE(tunnel.seen.ended);
  EXPECT_FALSE(far.complete);
  ASSERT_TRUE(tunnel.sendBody("more", true));
  pair_.run();
  EXPECT_EQ(far.seen.body, "pingmore");
  expectComplete();
}

}  // namespace
}  // namespace weir::http::http2
