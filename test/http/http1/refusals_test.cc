// What either side must not let pass, as bytes: RFC 9112 and the known ways to smuggle.
#include <string>

#include "gtest/gtest.h"

#include "test/http/http1/recording.h"

namespace weir::http::http1 {
namespace {

struct Row {
  const char* section;
  std::string bytes;
  uint16_t status;
};

std::string repeat(std::string_view text, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out.append(text);
  return out;
}

// A request with these fields behind Host.
std::string with(std::string_view fields) {
  return "GET / HTTP/1.1\r\nHost: a\r\n" + std::string(fields) + "\r\n";
}

std::string chunked(std::string_view body) {
  return "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(body);
}

std::string answered(std::string_view body) {
  return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + std::string(body);
}

const std::string kNul("\0", 1);

// Faults of field lines and chunks, wrapped as a request or a response by the tests.
std::vector<Row> fieldFaults() {
  return {
      {"9112 2.2 bare LF", "A: b\n", 400},
      {"9112 2.2 bare LF within", "A: b\nC: d\r\n", 400},
      {"9112 2.2 bare CR", "A: b\rC: d\r\n", 400},
      {"9112 2.2 CR CR LF", "A: b\r\r\n", 400},
      {"9112 5.2 obs-fold", "A: b\r\n c\r\n", 400},
      {"9112 5.2 obs-fold by tab", "A: b\r\n\tc\r\n", 400},
      {"9112 5.1 space before colon", "A : b\r\n", 400},
      {"9112 5.1 tab before colon", "A\t: b\r\n", 400},
      {"9112 5 no colon", "A\r\n", 400},
      {"9112 5 empty name", ": b\r\n", 400},
      {"9110 5.1 illegal name", "A(b): c\r\n", 400},
      {"9110 5.1 illegal name", "A\x80: c\r\n", 400},
      {"9110 5.1 space in name", "A b: c\r\n", 400},
      {"9110 5.5 NUL", "A: b" + kNul + "c\r\n", 400},
      {"9110 5.5 NUL in name", "A" + kNul + ": c\r\n", 400},
      {"9110 5.5 control", "A: b\x01\r\n", 400},
      {"9110 5.5 DEL", "A: b\x7f\r\n", 400},
      {"9110 5.5 vertical tab", "A: \x0b\r\n", 400},
      {"9110 8.6", "Content-Length: 1, 1\r\n", 400},
      {"9110 8.6", "Content-Length: +1\r\n", 400},
      {"9110 8.6", "Content-Length: 1 1\r\n", 400},
      {"9110 8.6", "Content-Length: \r\n", 400},
      {"9110 8.6", "Content-Length: 99999999999999999999\r\n", 400},
      {"9112 6.3", "Content-Length: 1\r\nContent-Length: 2\r\n", 400},
      {"9112 6.3", "Content-Length: 1\r\nContent-Length: 1\r\n", 400},
      {"9112 6.3", "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400},
      {"9112 6.3", "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", 400},
      {"9112 6.1", "Transfer-Encoding: gzip\r\n", 400},
      {"9112 6.1", "Transfer-Encoding: xchunked\r\n", 400},
      {"9112 6.1", "Transfer-Encoding: gzip, chunked\r\n", 400},
      {"9112 6.1", "Transfer-Encoding: chunked, chunked\r\n", 400},
      {"9112 6.1", "Transfer-Encoding: chunked, identity\r\n", 400},
      {"9112 6.1", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400},
      {"9112 6.1", "Transfer-Encoding: \"chunked\"\r\n", 400},
      {"9112 6.1",
       "Transfer-Encoding: \x0b"
       "chunked\r\n",
       400},
      {"9112 6.1", "Transfer-Encoding : chunked\r\n", 400},
      {"9112 6.1", "Transfer-Encoding\r\n : chunked\r\n", 400},
      {"limit: fields", repeat("A: b\r\n", 101), 431},
      {"limit: head", "A: " + std::string(70000, 'x') + "\r\n", 431},
      {"limit: head without end", "A: " + std::string(70000, 'x'), 431},
  };
}

std::vector<Row> chunkFaults() {
  return {
      {"9112 7.1 sign", "+1\r\na\r\n0\r\n\r\n", 400},
      {"9112 7.1 sign", "-1\r\na\r\n0\r\n\r\n", 400},
      {"9112 7.1 0x", "0x1\r\na\r\n0\r\n\r\n", 400},
      {"9112 7.1 space before", " 1\r\na\r\n0\r\n\r\n", 400},
      {"9112 7.1 space behind", "1 \r\na\r\n0\r\n\r\n", 400},
      {"9112 7.1 tab behind", "1\t\r\na\r\n0\r\n\r\n", 400},
      {"9112 7.1 space before extension", "1 ;a\r\na\r\n0\r\n\r\n", 400},
      {"9112 7.1 no digits", "\r\na\r\n0\r\n\r\n", 400},
      {"9112 7.1 no digits", ";a\r\na\r\n0\r\n\r\n", 400},
      {"9112 7.1 underscore", "1_0\r\na\r\n0\r\n\r\n", 400},
      {"9112 7.1 not hexadecimal", "g\r\na\r\n0\r\n\r\n", 400},
      {"9112 7.1 overflow", "10000000000000000\r\n", 400},
      {"9112 7.1 too many digits", "00000000000000001\r\na\r\n0\r\n\r\n", 400},
      {"9112 7.1 bare LF", "1\na\r\n0\r\n\r\n", 400},
      {"9112 7.1 bare CR", "1\ra\r\n0\r\n\r\n", 400},
      {"9112 7.1 data longer", "1\r\nab\r\n0\r\n\r\n", 400},
      {"9112 7.1 data without CRLF", "1\r\na0\r\n\r\n", 400},
      {"9112 7.1 bare LF behind data", "1\r\na\n0\r\n\r\n", 400},
      {"9112 7.1 bare CR behind data", "1\r\na\r0\r\n\r\n", 400},
      {"9112 7.1.1 bare LF in extension", "1;a\n\r\na\r\n0\r\n\r\n", 400},
      {"9112 7.1.1 NUL in extension", "1;a" + kNul + "\r\na\r\n0\r\n\r\n", 400},
      {"9112 7.1.1 bare CR in extension", "1;a\rb\r\na\r\n0\r\n\r\n", 400},
      {"limit: extensions", "1;" + std::string(5000, 'x') + "\r\na\r\n0\r\n\r\n", 400},
      {"limit: extensions of all chunks", repeat("1;" + std::string(500, 'x') + "\r\na\r\n", 9),
       400},
      {"9112 7.1.2 bare LF", "0\r\n\n", 400},
      {"9112 7.1.2 bare LF in trailer", "0\r\nA: b\n\r\n", 400},
      {"9112 7.1.2 obs-fold", "0\r\nA: b\r\n c\r\n\r\n", 400},
      {"9112 7.1.2 space first", "0\r\n A: b\r\n\r\n", 400},
      {"9110 6.5.1 framing in trailer", "0\r\nContent-Length: 1\r\n\r\n", 400},
      {"9110 6.5.1 framing in trailer", "0\r\nTransfer-Encoding: chunked\r\n\r\n", 400},
      {"9110 6.5.1 routing in trailer", "0\r\nHost: b\r\n\r\n", 400},
      {"limit: trailers", "0\r\nA: " + std::string(20000, 'x') + "\r\n\r\n", 431},
      {"limit: trailer fields", "0\r\n" + repeat("A: b\r\n", 101) + "\r\n", 431},
  };
}

std::vector<Row> requestFaults() {
  std::vector<Row> rows = {
      {"9112 2.2 bare LF first", "\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"9112 2.2 bare CR first", "\rGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"9112 2.2 three empty lines", "\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"9112 2.2 LF for CRLF", "GET / HTTP/1.1\nHost: a\n\n", 400},
      {"9112 2.2 space behind the line", "GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400},
      {"9112 3 two spaces", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"9112 3 two spaces", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"9112 3 space behind", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400},
      {"9112 3 space before", " GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"9112 3 tab", "GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"9112 3 no target", "GET HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"9112 3 no version", "GET /\r\nHost: a\r\n\r\n", 400},
      {"9112 3 words only", "hello\r\n\r\n", 400},
      {"9112 2.3 version", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", 400},
      {"9112 2.3 version", "GET / HTTP/2.0\r\nHost: a\r\n\r\n", 400},
      {"9112 2.3 version", "GET / HTTP/0.9\r\nHost: a\r\n\r\n", 400},
      {"9112 2.3 version", "GET / http/1.1\r\nHost: a\r\n\r\n", 400},
      {"9112 2.3 version", "GET / HTTP/1.01\r\nHost: a\r\n\r\n", 400},
      {"9112 2.3 version", "GET / HTTP/11\r\nHost: a\r\n\r\n", 400},
      {"9112 2.3 HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400},
      {"9110 9.1 method", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"9112 3.2 target", "GET /a\x7f HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"9112 3.2 target", "GET /\xc3\xa4 HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"9112 3.2 fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"9112 3.2 Host missing", "GET / HTTP/1.1\r\n\r\n", 400},
      {"9112 3.2 Host repeated", with("Host: a\r\n"), 400},
      {"9112 3.2.2 disagrees", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n", 400},
      {"9112 6.1 chunked in 1.0",
       "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
      {"9110 9.3.6 CONNECT", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", 400},
      {"limit: line", "GET /" + std::string(9000, 'x') + " HTTP/1.1\r\nHost: a\r\n\r\n", 414},
      {"limit: line without end", "GET /" + std::string(9000, 'x'), 414},
      {"TLS on a plain port", std::string("\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 11), 400},
  };
  for (const Row& row : fieldFaults()) rows.push_back({row.section, with(row.bytes), row.status});
  for (const Row& row : chunkFaults()) {
    rows.push_back({row.section, chunked(row.bytes), row.status});
  }
  return rows;
}

std::vector<Row> responseFaults() {
  std::vector<Row> rows = {
      {"9112 4 version", "HTTP/1.2 200 OK\r\n\r\n", 502},
      {"9112 4 version", "HTTP/2 200 OK\r\n\r\n", 502},
      {"9112 4 not HTTP", "ICY 200 OK\r\n\r\n", 502},
      {"9112 4 status", "HTTP/1.1 20 OK\r\n\r\n", 502},
      {"9112 4 status", "HTTP/1.1 2000 OK\r\n\r\n", 502},
      {"9112 4 status", "HTTP/1.1 +20 OK\r\n\r\n", 502},
      {"9112 4 status", "HTTP/1.1 099 OK\r\n\r\n", 502},
      {"9112 4 two spaces", "HTTP/1.1  200 OK\r\n\r\n", 502},
      {"9112 4 tab", "HTTP/1.1\t200 OK\r\n\r\n", 502},
      {"9112 4 control in reason", "HTTP/1.1 200 O\x01K\r\n\r\n", 502},
      {"9112 2.2 empty line first", "\r\nHTTP/1.1 200 OK\r\n\r\n", 502},
      {"9112 2.2 bare LF", "HTTP/1.1 200 OK\n\n", 502},
      {"9112 6.1 chunked in 1.0", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       502},
      {"9110 15.2.2 unasked", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n", 502},
      {"9110 8.6", "HTTP/1.1 204 No\r\nContent-Length: 4\r\n\r\n", 502},
      {"9112 6.1", "HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n", 502},
  };
  for (const Row& row : fieldFaults()) {
    rows.push_back({row.section, "HTTP/1.1 200 OK\r\n" + row.bytes + "\r\n", 502});
  }
  for (const Row& row : chunkFaults()) rows.push_back({row.section, answered(row.bytes), 502});
  return rows;
}

TEST(RefusalsTest, OfRequests) {
  for (const Row& row : requestFaults()) {
    for (const bool byte_by_byte : {false, true}) {
      RecordingServer server;
      StreamError error;
      if (byte_by_byte) {
        for (size_t i = 0; i < row.bytes.size() && error.reason == ErrorReason::kNone; ++i) {
          error = server.feed(row.bytes.substr(i, 1));
        }
      } else {
        error = server.feed(row.bytes);
      }
      ASSERT_NE(error.reason, ErrorReason::kNone) << "RFC " << row.section << "\n" << row.bytes;
      EXPECT_EQ(statusFor(error), row.status) << "RFC " << row.section << ": " << error.detail();
      EXPECT_EQ(error.origin, ErrorOrigin::kDownstream);
      EXPECT_TRUE(server.codec->closing());
      if (!server.messages.empty()) {
        EXPECT_TRUE(server.last().reset.has_value()) << row.section;
        EXPECT_FALSE(server.last().ended) << row.section;
        EXPECT_EQ(server.last().misuse, "");
      }
      server.codec->answerError(error);
      const std::string answer = server.output.take();
      EXPECT_EQ(answer.substr(0, 13), "HTTP/1.1 " + std::to_string(row.status) + " ");
      EXPECT_NE(answer.find("Connection: close\r\n"), std::string::npos);
      server.feed("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
      EXPECT_LE(server.messages.size(), 1u) << "nothing is read after an error";
    }
  }
}

TEST(RefusalsTest, OfResponses) {
  for (const Row& row : responseFaults()) {
    for (const bool byte_by_byte : {false, true}) {
      RecordingClient client;
      client.request("GET");
      StreamError error;
      if (byte_by_byte) {
        for (size_t i = 0; i < row.bytes.size() && error.reason == ErrorReason::kNone; ++i) {
          error = client.feed(row.bytes.substr(i, 1));
        }
      } else {
        error = client.feed(row.bytes);
      }
      ASSERT_NE(error.reason, ErrorReason::kNone) << "RFC " << row.section << "\n" << row.bytes;
      EXPECT_EQ(statusFor(error), 502) << "RFC " << row.section << ": " << error.detail();
      EXPECT_EQ(error.origin, ErrorOrigin::kUpstream);
      EXPECT_FALSE(client.codec->reusable());
      EXPECT_TRUE(client.message.reset.has_value()) << row.section;
      EXPECT_FALSE(client.message.ended) << row.section;
      EXPECT_EQ(client.completed, 0u);
    }
  }
}

TEST(RefusalsTest, LimitsAreHeldWhileAHeadIsStillComing) {
  RecordingServer server;
  StreamError error = server.feed("GET / HTTP/1.1\r\nHost: a\r\n");
  size_t sent = 0;
  while (error.reason == ErrorReason::kNone && sent < 100000) {
    error = server.feed("X: y\r\n");
    sent += 6;
  }
  EXPECT_EQ(statusFor(error), 431);
  EXPECT_LE(sent, 65536u);
}

}  // namespace
}  // namespace weir::http::http1
