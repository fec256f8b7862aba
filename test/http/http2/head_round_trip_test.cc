// What HTTP/1 accepts means the same when it has been through the field lists of HTTP/2.
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "source/http/semantics.h"
#include "test/http/http1/recording.h"
#include "test/http/http2/field_lists.h"
#include "test/http/http2/head_meaning.h"

namespace weir::http::http2 {
namespace {

using http1::RecordingClient;
using http1::RecordingServer;

using Texts = std::vector<std::string>;

// Sanitizers take ten times as long for each.
unsigned rounds() {
  return std::getenv("WEIR_SANITIZER") != nullptr ? 4000 : 20'000;
}

class Generator {
 public:
  explicit Generator(uint32_t seed) : random_(seed) {}

  size_t below(size_t bound) { return random_() % bound; }
  bool oneIn(size_t n) { return below(n) == 0; }
  const std::string& oneOf(const Texts& texts) { return texts[below(texts.size())]; }
  std::string text(std::string_view alphabet, size_t most) {
    std::string text;
    for (size_t left = below(most + 1); left > 0; --left) text += alphabet[below(alphabet.size())];
    return text;
  }
  std::string anyCase(std::string text) {
    for (char& c : text) {
      if (c >= 'a' && c <= 'z' && oneIn(3)) c = static_cast<char>(c - 32);
    }
    return text;
  }
  std::string field() {
    static const Texts kNames = {"accept",    "cookie",     "set-cookie", "date",   "x-request-id",
                                 "te",        "keep-alive", "connection", "expect", "user-agent",
                                 "trailer",   "location",   "vary",       "server", "authorization",
                                 "x-tracing", "grpc-status"};
    static const Texts kValues = {"",      "trailers",   "a, b",         "close",
                                  "x-own", "keep-alive", "100-continue", "TE"};
    const std::string name =
        oneIn(3) ? "x" + text("abcXYZ019!#$%&'*+-.^_`|~", 20) : anyCase(oneOf(kNames));
    const std::string value =
        oneIn(2) ? oneOf(kValues) : text("abc XYZ\t019,;=\"\\()/\x80\xff", 60);
    return name + ":" + text(" \t", 2) + value + text(" \t", 2) + "\r\n";
  }
  std::string framing() {
    static const Texts kFramings = {"",
                                    "Content-Length: 0\r\n",
                                    "Content-Length: 5\r\n",
                                    "content-length: 77\r\n",
                                    "Transfer-Encoding: chunked\r\n",
                                    "Content-Length: 5\r\nContent-Length: 5\r\n"};
    return oneOf(kFramings);
  }
  std::string request() {
    static const Texts kMethods = {"GET", "POST",    "HEAD", "PUT",   "OPTIONS",
                                   "PRI", "CONNECT", "get",  "M-!#$", "DELETE"};
    static const Texts kTargets = {"/",      "/a?b=c|d",      "*",    "http://h/p", "//",
                                   "/a%20b", "https://h:443", "h:443"};
    static const Texts kHosts = {"h", "h:443", "H", "[::1]:80", "other"};
    std::string head =
        oneOf(kMethods) + " " + oneOf(kTargets) + " HTTP/1.1\r\nHost: " + oneOf(kHosts) + "\r\n";
    for (size_t count = below(8); count > 0; --count) head += field();
    if (oneIn(6)) {
      head += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: k\r\n";
    } else {
      head += framing();
    }
    return head + "\r\n";
  }
  std::string response(bool switching) {
    static const Texts kStatuses = {"200", "204", "304", "404", "500", "206", "999", "103", "100"};
    std::string head = "HTTP/1.1 " + (switching ? "101" : oneOf(kStatuses)) + " R\r\n";
    for (size_t count = below(8); count > 0; --count) head += field();
    if (switching)
      head += "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: k\r\n";
    return head + framing() + "\r\n";
  }

 private:
  std::mt19937 random_;
};

template <class Fields>
void feed(HeadReader& reader, const Fields& fields) {
  for (const auto& [name, value] : listOf(fields)) reader.field(name, value);
}

CodecLimits withConnect() {
  CodecLimits limits;
  limits.allow_connect = true;
  return limits;
}

TEST(HeadRoundTripTest, Requests) {
  Generator generate(31);
  HeadWriter writer;
  HeadReader reader;
  RequestHead received;
  size_t compared = 0;
  size_t upgrades = 0;
  for (unsigned i = 0; i < rounds(); ++i) {
    const std::string wire = generate.request();
    RecordingServer server(withConnect());
    if (server.feed(wire).reason != ErrorReason::kNone) continue;
    ASSERT_EQ(server.messages.size(), 1u) << wire;
    RequestHead& head = server.head;
    if (removeHopByHop(head.headers, !head.upgrade.empty()).reason != ErrorReason::kNone) continue;
    if (!HeadWriter::canCarry(head)) continue;
    head.scheme = "http";
    const bool end_stream = server.last().head_ended;
    const auto fields = writer.request(head, end_stream);
    reader.beginRequest(received, kRoomy, true, true);
    feed(reader, fields);
    ASSERT_EQ(reader.finish(end_stream).detail(), "") << wire;
    ASSERT_EQ(meaningOf(received), meaningOf(head)) << wire;
    ASSERT_EQ(received.headers.get(HeaderId::kHost), head.authority) << wire;
    ASSERT_LE(received.headers.count(HeaderId::kCookie), 1u) << wire;
    ++compared;
    upgrades += !head.upgrade.empty();
  }
  EXPECT_GT(compared, rounds() / 10);
  EXPECT_GT(upgrades, rounds() / 200);
}

TEST(HeadRoundTripTest, Responses) {
  Generator generate(32);
  HeadWriter writer;
  HeadReader reader;
  ResponseHead received;
  size_t compared = 0;
  for (unsigned i = 0; i < rounds(); ++i) {
    RecordingClient client;
    const bool to_head = generate.oneIn(3);
    const bool switching = !to_head && generate.oneIn(5);
    client.request(to_head ? "HEAD" : "GET", switching ? "websocket" : "");
    const std::string wire = generate.response(switching);
    if (client.feed(wire).reason != ErrorReason::kNone) continue;
    if (!client.message.interim.empty()) continue;  // the codec has cleared it
    ResponseHead& head = client.head;
    head.headers.remove(HeaderId::kTe);  // says nothing in a response
    if (removeHopByHop(head.headers, switching).reason != ErrorReason::kNone) continue;
    const bool end_stream = client.message.head_ended;
    const auto fields = writer.response(head, end_stream, to_head);
    HeadReader::Asked asked{.head = to_head};
    if (switching) asked.upgrade = "websocket";
    reader.beginResponse(received, kRoomy, asked);
    feed(reader, fields);
    ASSERT_EQ(reader.finish(end_stream).detail(), "") << wire;
    ASSERT_EQ(meaningOf(received, to_head), meaningOf(head, to_head)) << wire;
    ++compared;
  }
  EXPECT_GT(compared, rounds() / 10);
}

TEST(HeadRoundTripTest, InformationalResponses) {
  HeadWriter writer;
  HeadReader reader;
  ResponseHead head;
  head.status = 103;
  head.headers.add("Link", "</a>; rel=preload");
  ResponseHead received;
  reader.beginResponse(received, kRoomy, {});
  feed(reader, writer.response(head, false, false));
  ASSERT_EQ(reader.finish(false).detail(), "");
  EXPECT_EQ(meaningOf(received, false), meaningOf(head, false));
}

}  // namespace
}  // namespace weir::http::http2
