// However the bytes of a connection are split, the same is told.
#include <string>

#include "gtest/gtest.h"

#include "test/http/http2/codec_pair.h"

namespace weir::http::http2 {
namespace {

// Both directions of one connection with every form of exchange on it.
struct Conversation {
  std::string to_server;
  std::string to_client;
};

void answer(ServerSideStream& stream) {
  if (stream.head.path == "/early-hints") {
    ResponseHead hints;
    hints.status = 103;
    hints.headers.add("link", "</style.css>");
    stream.encoder->encodeInformational(hints);
    stream.encoder->encodeInformational(hints);
  }
  if (stream.head.path == "/trailers") {
    stream.sendHead(200);
    stream.sendBody("with trailers");
    base::Arena arena;
    HeaderMap trailers(arena);
    trailers.add("sum", "17");
    return stream.encoder->encodeTrailers(trailers);
  }
  stream.respond(200, "the body of " + std::string(stream.head.path));
}

void ask(TestClient& client) {
  client.request("/plain");
  client.request("/early-hints");
  client.request("/trailers");
  client.request("/head", "HEAD");
  ClientSideStream& post = client.post("/post", BodyFraming::kContentLength, 10);
  ASSERT_TRUE(post.sendBody("0123456789", true));
  ClientSideStream& chunked = client.post("/chunked");
  ASSERT_TRUE(chunked.sendBody("some"));
  ASSERT_TRUE(chunked.sendBody("thing"));
  base::Arena arena;
  HeaderMap trailers(arena);
  trailers.add("request-sum", "18");
  ASSERT_TRUE(chunked.encoder->encodeTrailers(trailers));
}

Conversation record() {
  CodecPair pair;
  pair.record = true;
  pair.server.on_ended = answer;
  pair.start();
  ask(pair.client);
  pair.run();
  EXPECT_EQ(pair.server.completed, 6u);
  return {pair.to_server, pair.to_client};
}

// What a server tells of `bytes`, fed in the pieces that `cuts` say.
std::vector<Recorded> serve(const std::string& bytes, const std::vector<size_t>& cuts) {
  CodecPair pair;
  pair.server.on_ended = answer;
  pair.server.start();
  size_t at = 0;
  for (const size_t cut : cuts) {
    EXPECT_EQ(pair.server.feed(std::string_view(bytes).substr(at, cut - at)).detail(), "");
    at = cut;
  }
  EXPECT_EQ(pair.server.feed(std::string_view(bytes).substr(at)).detail(), "");
  pair.dispatcher.runUntilIdle();
  std::vector<Recorded> all;
  for (const ServerSideStream& stream : pair.server.streams) {
    EXPECT_TRUE(stream.complete);
    all.push_back(stream.seen);
  }
  return all;
}

// The same for a client that has asked as ask() does.
std::vector<Recorded> receive(const std::string& bytes, const std::vector<size_t>& cuts) {
  CodecPair pair;
  pair.client.start();
  ask(pair.client);
  pair.dispatcher.runUntilIdle();
  pair.client.output.take();
  size_t at = 0;
  for (const size_t cut : cuts) {
    EXPECT_EQ(pair.client.feed(std::string_view(bytes).substr(at, cut - at)).detail(), "");
    at = cut;
  }
  EXPECT_EQ(pair.client.feed(std::string_view(bytes).substr(at)).detail(), "");
  std::vector<Recorded> all;
  for (const ClientSideStream& stream : pair.client.streams) {
    EXPECT_EQ(stream.seen.misuse, "");
    all.push_back(stream.seen);
  }
  return all;
}

TEST(SplitTest, RequestsAtEveryByte) {
  const Conversation conversation = record();
  const std::vector<Recorded> whole = serve(conversation.to_server, {});
  ASSERT_EQ(whole.size(), 6u);
  EXPECT_EQ(whole[5].trailers, "request-sum=18\n");
  for (size_t cut = 1; cut < conversation.to_server.size(); ++cut) {
    ASSERT_EQ(serve(conversation.to_server, {cut}), whole) << cut;
  }
  std::vector<size_t> every;
  for (size_t cut = 1; cut < conversation.to_server.size(); ++cut) every.push_back(cut);
  EXPECT_EQ(serve(conversation.to_server, every), whole);
}

TEST(SplitTest, ResponsesAtEveryByte) {
  const Conversation conversation = record();
  const std::vector<Recorded> whole = receive(conversation.to_client, {});
  ASSERT_EQ(whole.size(), 6u);
  EXPECT_EQ(whole[1].interim.size(), 2u);
  EXPECT_EQ(whole[2].trailers, "sum=17\n");
  for (const Recorded& each : whole) EXPECT_TRUE(each.ended);
  for (size_t cut = 1; cut < conversation.to_client.size(); ++cut) {
    ASSERT_EQ(receive(conversation.to_client, {cut}), whole) << cut;
  }
  std::vector<size_t> every;
  for (size_t cut = 1; cut < conversation.to_client.size(); ++cut) every.push_back(cut);
  EXPECT_EQ(receive(conversation.to_client, every), whole);
}

}  // namespace
}  // namespace weir::http::http2
