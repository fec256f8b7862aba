// What one half writes the other half reads back, for random messages on many streams at once, with
// readers that pause, writers that give up, and outputs that fill.
#include <deque>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "test/http/http2/codec_pair.h"

namespace weir::http::http2 {
namespace {

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

constexpr std::string_view kTokenChars = "abcxyz019!#$%&'*+-.^_`|~";
constexpr std::string_view kValueChars = "abc XYZ\t019,;=\"\\()/\x80\xff";

std::vector<std::pair<std::string, std::string>> randomFields(std::mt19937& random) {
  std::vector<std::pair<std::string, std::string>> fields;
  const size_t count = random() % 8;
  for (size_t i = 0; i < count; ++i) {
    fields.emplace_back(
        "x" + randomText(random, kTokenChars, 0, 20),
        random() % 6 == 0 ? "" : "v" + randomText(random, kValueChars, 0, 60) + "v");
  }
  return fields;
}

Content randomContent(std::mt19937& random) {
  Content content;
  content.fields = randomFields(random);
  const BodyFraming framings[] = {BodyFraming::kNone, BodyFraming::kContentLength,
                                  BodyFraming::kChunked};
  content.framing = framings[random() % 3];
  if (content.framing == BodyFraming::kNone) return content;
  const size_t pieces = random() % 5;
  for (size_t i = 0; i < pieces; ++i) {
    const size_t most[] = {50, 9'000, 100'000};
    const size_t size = random() % most[random() % 8 == 0 ? 2 : random() % 2];
    content.pieces.push_back(std::string(size, static_cast<char>('a' + random() % 26)));
  }
  if (random() % 2 == 0) content.trailers = randomFields(random);
  return content;
}

template <class Head>
void fill(Head& head, const Content& content) {
  for (const auto& [name, value] : content.fields) head.headers.add(name, value);
  head.framing = content.framing;
  head.content_length = content.body().size();
}

std::string textOf(const std::vector<std::pair<std::string, std::string>>& fields) {
  std::string text;
  for (const auto& [name, value] : fields) text += name + "=" + value + "\n";
  return text;
}

// One message that is being sent, piece by piece.
struct Sending {
  Content content;
  size_t next = 0;
  bool head_sent = false;
  bool done = false;

  bool lastPiece() const { return next + 1 >= content.pieces.size(); }
};

struct Asking {
  ClientSideStream* stream;
  Sending request;
  bool given_up = false;
};

struct Answering {
  ServerSideStream* stream;
  Sending response;
};

// What differs between the encoders: only a request may say that it was given up.
bool encode(RequestEncoder& encoder, buffer::Buffer& data, bool end) {
  return encoder.encodeBody(data, end);
}
bool encode(ResponseEncoder& encoder, buffer::Buffer& data, bool end) {
  encoder.encodeBody(data, end);
  return true;
}
bool encode(RequestEncoder& encoder, const HeaderMap& trailers) {
  return encoder.encodeTrailers(trailers);
}
bool encode(ResponseEncoder& encoder, const HeaderMap& trailers) {
  encoder.encodeTrailers(trailers);
  return true;
}

class RoundTripTest : public ::testing::TestWithParam<unsigned> {
 protected:
  template <class Encoder>
  void sendPiece(Sending& sending, Encoder& encoder) {
    const Content& content = sending.content;
    const bool last = sending.lastPiece();
    buffer::Buffer data(pair_.blocks);
    if (sending.next < content.pieces.size()) data.append(content.pieces[sending.next++]);
    sending.done = last;
    ASSERT_TRUE(encode(encoder, data, last && content.trailers.empty()));
    if (!last || content.trailers.empty()) return;
    base::Arena arena;
    HeaderMap trailers(arena);
    for (const auto& [name, value] : content.trailers) trailers.add(name, value);
    ASSERT_TRUE(encode(encoder, trailers));
  }

  void ask() {
    Asking& asking = asked_.emplace_back();
    asking.stream = &pair_.client.streams.emplace_back(pair_.client);
    asking.request.content = randomContent(random_);
    const std::string path = "/" + std::to_string(asked_.size() - 1);
    RequestHead head;
    head.method = "PUT";
    head.scheme = "http";
    head.authority = "h";
    head.path = path;
    fill(head, asking.request.content);
    asking.request.done = asking.request.content.framing == BodyFraming::kNone;
    ASSERT_TRUE(asking.stream->encoder->encodeHead(head, asking.request.done));
  }

  // A step of one exchange at the client; `calm`: nothing but sending.
  void stepClient(Asking& asking, bool calm) {
    if (asking.given_up || asking.stream->seen.ended) return;
    RequestEncoder& encoder = *asking.stream->encoder;
    if (!calm && random_() % 300 == 0) {
      encoder.reset();
      asking.given_up = true;
      return;
    }
    encoder.setReadEnabled(calm || random_() % 3 != 0);
    if (!asking.request.done) sendPiece(asking.request, encoder);
  }

  void stepServer(Answering& answering, bool calm) {
    ServerSideStream& stream = *answering.stream;
    if (stream.encoder == nullptr) return;
    stream.encoder->setReadEnabled(calm || random_() % 3 != 0);
    Sending& response = answering.response;
    if (!response.head_sent) {
      ResponseHead head;
      head.status = 200;
      fill(head, response.content);
      response.head_sent = true;
      response.done = response.content.framing == BodyFraming::kNone && stream.seen.ended;
      stream.encoder->encodeHead(head, response.done);
      return;
    }
    // The end only when the request has ended: the rest of it would be cut off.
    if (!response.done && (stream.seen.ended || !response.lastPiece())) {
      sendPiece(response, *stream.encoder);
    }
  }

  void step(bool calm) {
    for (Asking& asking : asked_) {
      if (calm || random_() % 3 == 0) stepClient(asking, calm);
    }
    for (Answering& answering : answered_) {
      if (calm || random_() % 3 == 0) stepServer(answering, calm);
    }
    pair_.runSlowly(1 + random_() % 50'000);
  }

  void expectSame() {
    for (Answering& answering : answered_) {
      const RecordedPath path(*answering.stream);
      const Asking& asking = asked_[path.index];
      if (asking.given_up) continue;
      const Recorded& request = answering.stream->seen;
      const Recorded& response = asking.stream->seen;
      EXPECT_TRUE(request.ended && response.ended) << path.index;
      EXPECT_FALSE(request.reset || response.reset) << path.index;
      EXPECT_EQ(request.misuse + response.misuse, "");
      EXPECT_TRUE(request.body == asking.request.content.body()) << path.index;
      EXPECT_TRUE(response.body == answering.response.content.body()) << path.index;
      EXPECT_EQ(request.trailers, textOf(asking.request.content.trailers));
      EXPECT_EQ(response.trailers, textOf(answering.response.content.trailers));
      EXPECT_NE(request.head.find(textOf(asking.request.content.fields)), std::string::npos);
      EXPECT_NE(response.head.find(textOf(answering.response.content.fields)), std::string::npos);
    }
  }

  struct RecordedPath {
    explicit RecordedPath(const ServerSideStream& stream)
        : index(std::stoul(std::string(stream.head.path.substr(1)))) {}
    size_t index;
  };

  CodecPair pair_;
  std::mt19937 random_{GetParam()};
  std::deque<Asking> asked_;
  std::deque<Answering> answered_;
};

TEST_P(RoundTripTest, ManyStreamsAtOnce) {
  constexpr size_t kExchanges = 150;
  pair_.start();
  pair_.server.on_head = [&](ServerSideStream& stream) {
    Answering& answering = answered_.emplace_back();
    answering.stream = &stream;
    answering.response.content = randomContent(random_);
  };
  while (asked_.size() < kExchanges) {
    if (pair_.client.codec->freeStreams() > 0) ask();
    step(/*calm=*/false);
  }
  for (int i = 0; i < 50; ++i) step(/*calm=*/true);
  EXPECT_EQ(pair_.server_error.detail(), "");
  EXPECT_EQ(pair_.client_error.detail(), "");
  EXPECT_EQ(pair_.client.codec->openStreams(), 0u);
  EXPECT_TRUE(pair_.server.codec->idle());
  EXPECT_EQ(pair_.client.ended, kExchanges);
  expectSame();
}

INSTANTIATE_TEST_SUITE_P(Seeds, RoundTripTest, ::testing::Range(1u, 11u));

}  // namespace
}  // namespace weir::http::http2
