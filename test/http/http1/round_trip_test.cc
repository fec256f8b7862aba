// What one half writes the other half reads back, for random messages.
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "test/http/http1/recording.h"

namespace weir::http::http1 {
namespace {

// One random message's content, apart from its direction.
struct Content {
  std::vector<std::pair<std::string, std::string>> fields;
  std::vector<std::string> pieces;
  std::vector<std::pair<std::string, std::string>> trailers;
  BodyFraming framing = BodyFraming::kNone;

  std::string body() const {
    std::string all;
    for (const std::string& piece : pieces) all += piece;
    return all;
  }
};

std::string randomText(std::mt19937& random, std::string_view alphabet, size_t least, size_t most) {
  std::string text;
  const size_t size = least + random() % (most - least + 1);
  for (size_t i = 0; i < size; ++i) text += alphabet[random() % alphabet.size()];
  return text;
}

constexpr std::string_view kTokenChars = "abcXYZ019!#$%&'*+-.^_`|~";
constexpr std::string_view kValueChars = "abc XYZ\t019,;=\"\\()/\x80\xff";

std::vector<std::pair<std::string, std::string>> randomFields(std::mt19937& random) {
  std::vector<std::pair<std::string, std::string>> fields;
  const size_t count = random() % 8;
  for (size_t i = 0; i < count; ++i) {
    // Field values have no space at either end.
    fields.emplace_back(
        "X" + randomText(random, kTokenChars, 0, 20),
        random() % 6 == 0 ? "" : "v" + randomText(random, kValueChars, 0, 60) + "v");
  }
  return fields;
}

Content randomContent(std::mt19937& random) {
  Content content;
  content.fields = randomFields(random);
  switch (random() % 3) {
    case 0:
      break;
    case 1:
      content.framing = BodyFraming::kContentLength;
      break;
    case 2:
      content.framing = BodyFraming::kChunked;
      break;
  }
  if (content.framing != BodyFraming::kNone) {
    const size_t pieces = random() % 5;
    for (size_t i = 0; i < pieces; ++i) {
      const size_t size = random() % 4 == 0 ? random() % 9000 : random() % 50;
      content.pieces.push_back(std::string(size, static_cast<char>('a' + random() % 26)));
    }
  }
  if (content.framing == BodyFraming::kChunked && random() % 2 == 0) {
    content.trailers = randomFields(random);
  }
  return content;
}

template <class Head>
void fill(Head& head, const Content& content) {
  for (const auto& [name, value] : content.fields) head.headers.add(name, value);
  head.framing = content.framing;
  head.content_length = content.body().size();
}

template <class Encoder, class Head>
void encode(Encoder& encoder, const Head& head, const Content& content, buffer::BlockPool& pool) {
  const bool no_body = content.framing == BodyFraming::kNone || content.body().empty();
  if (no_body && content.trailers.empty()) return static_cast<void>(encoder.encodeHead(head, true));
  encoder.encodeHead(head, false);
  for (size_t i = 0; i < content.pieces.size(); ++i) {
    buffer::Buffer data(pool);
    data.append(content.pieces[i]);
    encoder.encodeBody(data, i + 1 == content.pieces.size() && content.trailers.empty());
  }
  if (content.trailers.empty()) return;
  base::Arena arena;
  HeaderMap trailers(arena);
  for (const auto& [name, value] : content.trailers) trailers.add(name, value);
  encoder.encodeTrailers(trailers);
}

std::string textOf(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string text;
  for (const auto& [name, value] : fields) text += name + "=" + value + "\n";
  return text;
}

template <class Feed>
void feedInPieces(const std::string& wire, std::mt19937& random, Feed&& feed) {
  for (size_t at = 0; at < wire.size();) {
    const size_t count = 1 + random() % (random() % 2 == 0 ? 10 : 4000);
    feed(wire.substr(at, count));
    at += count;
  }
}

TEST(RoundTripTest, RequestsFromClientToServer) {
  std::mt19937 random(21);
  RecordingClient client;
  RecordingServer server;
  server.answer = true;
  for (int i = 0; i < 1500; ++i) {
    const Content content = randomContent(random);
    RequestHead head;
    const std::string method = randomText(random, kTokenChars, 1, 12);
    head.method = method;
    head.authority = "host.example:8080";
    head.path = "/p?q";
    fill(head, content);
    client.encoder = &client.codec->newStream(client);
    client.message = {};
    encode(*client.encoder, head, content, client.output.pool);
    feedInPieces(client.output.take(), random,
                 [&](const std::string& piece) { ASSERT_EQ(server.feed(piece).detail(), ""); });
    const RecordedMessage& seen = server.last();
    ASSERT_TRUE(seen.ended) << i;
    ASSERT_EQ(seen.misuse, "");
    ASSERT_EQ(seen.body, content.body());
    ASSERT_EQ(seen.trailers, textOf(content.trailers));
    ASSERT_EQ(server.head.method, method);
    ASSERT_EQ(server.head.path, "/p?q");
    ASSERT_EQ(server.head.authority, "host.example:8080");
    const std::string fields = seen.head.substr(seen.head.find('\n') + 1);
    ASSERT_EQ(fields.find("Host=host.example:8080\n" + textOf(content.fields)), 0u) << fields;
    ASSERT_EQ(client.feed(server.output.take()).detail(), "");
    ASSERT_EQ(client.message.body, "ok");
    ASSERT_TRUE(client.codec->reusable());
    server.messages.clear();
  }
}

TEST(RoundTripTest, ResponsesFromServerToClient) {
  std::mt19937 random(22);
  RecordingClient client;
  RecordingServer server;
  for (int i = 0; i < 1500; ++i) {
    const Content content = randomContent(random);
    client.request("GET");
    ASSERT_EQ(server.feed(client.output.take()).detail(), "");
    ResponseHead head;
    head.status = static_cast<uint16_t>(200 + random() % 400);
    if (head.status == 204 || head.status == 304) head.status = 200;
    fill(head, content);
    encode(*server.encoder, head, content, server.output.pool);
    feedInPieces(server.output.take(), random,
                 [&](const std::string& piece) { ASSERT_EQ(client.feed(piece).detail(), ""); });
    ASSERT_TRUE(client.message.ended) << i;
    ASSERT_EQ(client.message.misuse, "");
    ASSERT_EQ(client.message.body, content.body());
    ASSERT_EQ(client.message.trailers, textOf(content.trailers));
    ASSERT_EQ(client.message.head.substr(0, 3), std::to_string(head.status));
    ASSERT_NE(client.message.head.find("\n" + textOf(content.fields)), std::string::npos);
    ASSERT_TRUE(client.codec->reusable());
  }
  EXPECT_EQ(client.completed, 1500u);
}

}  // namespace
}  // namespace weir::http::http1
