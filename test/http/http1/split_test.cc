// How bytes are split into reads must not matter: every message, cut at every byte and into random
// pieces, tells the same as in one piece.
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "test/http/http1/recording.h"

namespace weir::http::http1 {
namespace {

const std::vector<std::string>& requests() {
  static const std::vector<std::string> kRequests = {
      "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
      "\r\nGET /a?b HTTP/1.1\r\nHost: a\r\nX-Empty:\r\nX-Padded: \t v \t\r\nAccept: */*\r\n\r\n",
      "QUERY http://a:80/x HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
      "POST / HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 3\r\n\r\nabc"
      "GET / HTTP/1.0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5;ext=1\r\nhello\r\nb\r\n, the world\r\n0\r\nDigest: x\r\nETag: y\r\n\r\n"
      "GET /2 HTTP/1.1\r\nHost: a\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
      "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: b\r\nA : b\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n",
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\nGET /never HTTP/1.1\r\n\r\n",
  };
  return kRequests;
}

const std::vector<std::string>& responses() {
  static const std::vector<std::string> kResponses = {
      "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nServer: x\r\n\r\nhello",
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: a\r\n\r\n"
      "HTTP/1.1 404 Not here at all\r\nTransfer-Encoding: chunked\r\n\r\n"
      "1\r\na\r\n000F;q\r\n123456789012345\r\n0\r\nDigest: x\r\n\r\n",
      "HTTP/1.0 200\r\n\r\nuntil the end",
      "HTTP/1.1 204 \r\nSet-Cookie: a\r\nSet-Cookie: b\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort",
      "HTTP/1.1 200 OK\r\nA: b\n\r\n",
  };
  return kResponses;
}

using Pieces = std::vector<std::string>;

std::vector<RecordedMessage> serve(const Pieces& pieces) {
  RecordingServer server;
  server.answer = true;
  StreamError error;
  for (size_t i = 0; i < pieces.size() && error.reason == ErrorReason::kNone; ++i) {
    error = server.feed(pieces[i], i + 1 == pieces.size());
  }
  return server.messages;
}

RecordedMessage receive(const Pieces& pieces) {
  RecordingClient client;
  client.request("GET");
  StreamError error;
  for (size_t i = 0;
       i < pieces.size() && error.reason == ErrorReason::kNone && client.completed == 0; ++i) {
    error = client.feed(pieces[i], i + 1 == pieces.size());
  }
  return client.message;
}

Pieces randomPieces(const std::string& bytes, std::mt19937& random) {
  Pieces pieces;
  for (size_t at = 0; at < bytes.size();) {
    const size_t count = 1 + random() % 20;
    pieces.push_back(bytes.substr(at, count));
    at += count;
  }
  return pieces;
}

template <class Run>
void compareAllSplits(const std::string& bytes, Run&& run) {
  const auto whole = run(Pieces{bytes});
  for (size_t cut = 1; cut < bytes.size(); ++cut) {
    ASSERT_TRUE(run(Pieces{bytes.substr(0, cut), bytes.substr(cut)}) == whole)
        << "cut at " << cut << " of\n"
        << bytes;
  }
  Pieces single;
  for (const char c : bytes) single.emplace_back(1, c);
  ASSERT_TRUE(run(single) == whole) << bytes;
  std::mt19937 random(5);
  for (int i = 0; i < 200; ++i) {
    ASSERT_TRUE(run(randomPieces(bytes, random)) == whole) << bytes;
  }
}

TEST(SplitTest, Requests) {
  for (const std::string& bytes : requests()) compareAllSplits(bytes, serve);
}

TEST(SplitTest, Responses) {
  for (const std::string& bytes : responses()) compareAllSplits(bytes, receive);
}

TEST(SplitTest, OneReadTellsWhatIsExpected) {
  const auto messages = serve({requests()[4]});
  ASSERT_EQ(messages.size(), 2u);
  EXPECT_EQ(messages[0].body, "hello, the world");
  EXPECT_EQ(messages[0].trailers, "Digest=x\nETag=y\n");
  EXPECT_EQ(messages[1].head.substr(0, 8), "GET a /2");
  EXPECT_EQ(serve({requests()[1]})[0].head,
            "GET a /a?b HTTP/1.1 framing 0:0 upgrade \nHost=a\nX-Empty=\nX-Padded=v\nAccept=*/*\n");
}

}  // namespace
}  // namespace weir::http::http1
