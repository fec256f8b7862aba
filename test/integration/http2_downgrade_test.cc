// What would become two messages, or another one, on the way from HTTP/2 to HTTP/1 is refused: by
// hostile clients towards HTTP/1 origins, by hostile origins towards HTTP/1 clients.
#include <algorithm>
#include <chrono>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/http2_peer.h"
#include "test/support/in_process_proxy.h"
#include "test/support/raw_connection.h"
#include "test/support/scripted_origin.h"

namespace weir {
namespace {

using test::RawConnection;
using test::RawMessage;
using test::ScriptedOrigin;
using test::http2::ErrorCode;
using test::http2::Fields;
using test::http2::Http2Peer;
using test::http2::kEndHeaders;
using test::http2::kEndStream;
namespace http2 = test::http2;

constexpr std::string_view kSmuggledRequest =
    "GET /smuggled HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
constexpr std::string_view kSmuggledResponse =
    "HTTP/1.1 200 OK\r\nX-Smuggled: 1\r\nContent-Length: 0\r\n\r\n";

// An HTTP/1 origin that remembers the requests it saw.
class RequestLog {
 public:
  ScriptedOrigin::Script script() {
    return [this](RawConnection& connection, int) {
      while (true) {
        RawMessage request = connection.readMessage();
        if (request.start_line.empty()) return;
        {
          std::lock_guard lock(mutex_);
          lines_.push_back(request.start_line);
          if (request.count("x-smuggled") != 0) lines_.push_back("smuggled field");
        }
        if (!request.complete) return;
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
      }
    };
  }
  bool has(std::string_view text) {
    std::lock_guard lock(mutex_);
    return std::any_of(lines_.begin(), lines_.end(), [&](const std::string& line) {
      return line.find(text) != std::string::npos;
    });
  }
  size_t count() {
    std::lock_guard lock(mutex_);
    return lines_.size();
  }

 private:
  std::mutex mutex_;
  std::vector<std::string> lines_;
};

// ---- hostile clients ------------------------------------------------------------------------

class HostileClientTest : public ::testing::Test {
 protected:
  RequestLog log_;
  ScriptedOrigin origin_{log_.script()};
  test::InProcessProxy proxy_{test::edgeListener("allow_connect: true") +
                              test::cluster("origin", {origin_.address()}) + test::runtime()};
};

struct Attack {
  const char* name;
  Fields fields;
};

Fields with(http2::Field field) {
  return http2::get("/attack", {std::move(field)});
}

Fields pseudo(std::string method, std::string path, std::string authority = "a",
              std::string scheme = "http") {
  return {{":method", std::move(method)},
          {":scheme", std::move(scheme)},
          {":path", std::move(path)},
          {":authority", std::move(authority)}};
}

std::vector<Attack> attacks() {
  const std::string line = "\r\nx-smuggled: 1";
  return {
      {"line in a value", with({"x-a", "b" + line})},
      {"bare LF in a value", with({"x-a", "b\nx-smuggled: 1"})},
      {"bare CR in a value", with({"x-a", "b\rx-smuggled: 1"})},
      {"NUL in a value", with({"x-a", std::string("b\0c", 3)})},
      {"line in a name", with({"x-a: b" + line, "c"})},
      {"colon in a name", with({"x-a:b", "c"})},
      {"space behind a name", with({"transfer-encoding ", "chunked"})},
      {"tab behind a name", with({"content-length\t", "3"})},
      {"upper case", with({"Content-Length", "3"})},
      {"Transfer-Encoding", with({"transfer-encoding", "chunked"})},
      {"Connection", with({"connection", "x-forwarded-for"})},
      {"Upgrade", with({"upgrade", "h2c"})},
      {"Keep-Alive", with({"keep-alive", "1"})},
      {"Proxy-Connection", with({"proxy-connection", "keep-alive"})},
      {"TE", with({"te", "chunked"})},
      {"length with a sign", with({"content-length", "+0"})},
      {"list of lengths", with({"content-length", "0, 0"})},
      {"lengths", http2::get("/attack", {{"content-length", "0"}, {"content-length", "0"}})},
      {"length without body", with({"content-length", "5"})},
      {"another Host", with({"host", "b"})},
      {"two Hosts", http2::get("/attack", {{"host", "a"}, {"host", "a"}})},
      {"line in the path", pseudo("GET", "/ HTTP/1.1" + line)},
      {"space in the path", pseudo("GET", "/a b")},
      {"fragment", pseudo("GET", "/a#b")},
      {"absolute path", pseudo("GET", "http://b/")},
      {"empty path", pseudo("GET", "")},
      {"line in the method", pseudo("GET / HTTP/1.1" + line + "\r\n\r\nGET", "/")},
      {"space in the method", pseudo("GET /smuggled HTTP/1.1", "/")},
      {"line in the authority", pseudo("GET", "/", "a" + line)},
      {"userinfo", pseudo("GET", "/", "a@b")},
      {"path in the authority", pseudo("GET", "/", "a/smuggled")},
      {"scheme", pseudo("GET", "/", "a", "http://b/smuggled?")},
      {"two paths", with({":path", "/smuggled"})},
      {"unknown pseudo-field", with({":x", "1"})},
      {"CONNECT with a path", pseudo("CONNECT", "/smuggled", "a:80")},
  };
}

TEST_F(HostileClientTest, HeadsThatAreRefusedReachNoOrigin) {
  for (const Attack& attack : attacks()) {
    Http2Peer client = Http2Peer::connectTo(proxy_.port("edge"));
    ASSERT_TRUE(client.start());
    EXPECT_TRUE(client.refusedAsMalformed(client.request(attack.fields))) << attack.name;
    EXPECT_EQ(log_.count(), 0u) << attack.name;
    EXPECT_EQ(client.violations(), "") << attack.name;
  }
}

struct BodyAttack {
  const char* name;
  const char* length;  // nullptr: none
  std::string body;
  Fields trailers;
};

TEST_F(HostileClientTest, BodiesDoNotBecomeRequests) {
  const std::string smuggled(kSmuggledRequest);
  const BodyAttack rows[] = {
      {"more than its length", "4", "four" + smuggled, {}},
      {"more than nothing", "0", smuggled, {}},
      {"less than its length", "400", smuggled, {}},
      {"chunks inside", nullptr, "0\r\n\r\n" + smuggled, {}},
      {"framing in trailers", nullptr, "x", {{"content-length", "5"}}},
      {"line in trailers", nullptr, "x", {{"x-a", "b\r\nx-smuggled: 1"}}},
      {"the end in trailers", nullptr, "x", {{"x-a", "b\r\n\r\n" + smuggled}}},
      {"pseudo-field in trailers", nullptr, "x", {{":path", "/smuggled"}}},
      {"trailers and too short", "400", "x", {{"x-a", "b"}}},
  };
  for (const BodyAttack& row : rows) {
    Http2Peer client = Http2Peer::connectTo(proxy_.port("edge"));
    ASSERT_TRUE(client.start());
    Fields fields = http2::post("/attack");
    if (row.length != nullptr) fields.push_back({"content-length", row.length});
    const uint32_t stream = client.request(fields, false);
    client.send(http2::data(stream, row.body, row.trailers.empty() ? kEndStream : 0));
    if (!row.trailers.empty()) {
      client.send(
          http2::headers(stream, http2::hpack::block(row.trailers), kEndHeaders | kEndStream));
    }
    const http2::Message& answer = client.finish(stream);
    if (std::string_view(row.name) == "chunks inside") {
      EXPECT_EQ(answer.status(), 200) << "it is a body like any other";
    } else if (std::string_view(row.name) != "more than nothing") {  // that may be answered before
      EXPECT_NE(answer.status(), 200) << row.name;
    }
    // A connection to the origin that was used by the attack would carry this one behind it.
    Http2Peer victim = Http2Peer::connectTo(proxy_.port("edge"));
    ASSERT_TRUE(victim.start());
    EXPECT_TRUE(victim.serves("/victim")) << row.name;
    EXPECT_FALSE(log_.has("smuggled")) << row.name;
    EXPECT_EQ(client.violations(), "") << row.name;
  }
}

// ---- hostile origins ------------------------------------------------------------------------

// An HTTP/2 origin that answers /attack with some frames, and everything else properly.
class HostileOrigin {
 public:
  using Answer = std::function<void(Http2Peer& peer, uint32_t stream)>;
  explicit HostileOrigin(Answer answer)
      : origin_([answer = std::move(answer)](RawConnection& connection, int) {
          Http2Peer peer(connection);
          peer.patience = std::chrono::minutes(5);
          if (!peer.start({{http2::Setting::kEnableConnectProtocol, 1}})) return;
          while (const auto stream = peer.nextRequest()) {
            if (peer.message(*stream).header(":path") == "/attack") {
              answer(peer, *stream);
            } else {
              peer.respond(*stream, 200, "victim");
            }
          }
        }) {}
  std::string address() const { return origin_.address(); }

 private:
  ScriptedOrigin origin_;
};

std::string configFor(const HostileOrigin& origin) {
  return test::edgeListener() +
         test::cluster("origin", {origin.address()}, "http_protocol: HTTP_PROTOCOL_HTTP2") +
         test::runtime(1);
}

std::string headersOf(uint32_t stream, const Fields& fields, uint8_t flags = 0) {
  return http2::headers(stream, http2::hpack::block(fields),
                        static_cast<uint8_t>(kEndHeaders | flags));
}

struct Response {
  const char* name;
  Fields head;
  std::string body;
  Fields trailers;
  const char* method;
  bool end_on_head;
};

// What an HTTP/1 client gets: its first answer, and whether what follows is in step.
void checkInStep(uint16_t port, const Response& response) {
  RawConnection client = RawConnection::connectTo(port);
  const bool to_head = std::string_view(response.method) == "HEAD";
  client.send(std::string(response.method) + " /attack HTTP/1.1\r\nHost: a\r\n\r\n");
  const RawMessage first = client.readMessage(to_head);
  EXPECT_EQ(first.count("x-smuggled"), 0u) << response.name;
  EXPECT_EQ(first.trailers.count("x-smuggled"), 0u) << response.name;
  if (!first.complete) return;  // broken off, which the client sees
  // An answer that is complete with its head may have left before anything was wrong.
  const bool headed = to_head || first.body.empty();
  EXPECT_TRUE(first.status() == 502 || headed) << response.name << ": " << first.start_line;
  if (!client.send("GET /victim HTTP/1.1\r\nHost: a\r\n\r\n")) return;
  const RawMessage second = client.readMessage();
  if (second.start_line.empty()) return;  // closed
  EXPECT_EQ(second.status(), 200) << response.name;
  EXPECT_EQ(second.body, "victim") << response.name;
  EXPECT_EQ(second.count("x-smuggled"), 0u) << response.name;
}

// `apart`: the head has been passed on when the rest comes.
void answer(Http2Peer& peer, uint32_t stream, const Response& response, bool apart) {
  peer.send(headersOf(stream, response.head, response.end_on_head ? kEndStream : 0));
  if (apart) peer.roundTrip();
  std::string rest;
  if (!response.end_on_head) {
    rest = http2::data(stream, response.body, response.trailers.empty() ? kEndStream : 0);
  }
  if (!response.trailers.empty()) rest += headersOf(stream, response.trailers, kEndStream);
  peer.send(rest);
}

TEST(HostileOriginTest, AnswersDoNotBecomeTwo) {
  const std::string smuggled(kSmuggledResponse);
  const auto ok = [](Fields more = {}) {
    more.insert(more.begin(), {":status", "200"});
    return more;
  };
  const Response rows[] = {
      {"more than its length", ok({{"content-length", "4"}}), "four" + smuggled, {}, "GET", false},
      {"more than nothing", ok({{"content-length", "0"}}), smuggled, {}, "GET", false},
      {"less than its length", ok({{"content-length", "400"}}), smuggled, {}, "GET", false},
      {"nothing of its length", ok({{"content-length", "400"}}), "", {}, "GET", true},
      {"body to HEAD", ok({{"content-length", "65"}}), smuggled, {}, "HEAD", false},
      {"body to HEAD without length", ok(), smuggled, {}, "HEAD", false},
      {"body of 204", {{":status", "204"}}, smuggled, {}, "GET", false},
      {"body of 304", {{":status", "304"}}, smuggled, {}, "GET", false},
      {"101", {{":status", "101"}}, smuggled, {}, "GET", false},
      {"100 that ends", {{":status", "100"}}, "", {}, "GET", true},
      {"line in a value", ok({{"x-a", "b\r\nx-smuggled: 1"}}), "", {}, "GET", true},
      {"answer in a value", ok({{"x-a", "b\r\n\r\n" + smuggled}}), "", {}, "GET", true},
      {"line in a name", ok({{"x-a: b\r\nx-smuggled", "1"}}), "", {}, "GET", true},
      {"Transfer-Encoding", ok({{"transfer-encoding", "chunked"}}), "0\r\n\r\n", {}, "GET", false},
      {"Connection", ok({{"connection", "close"}}), "", {}, "GET", true},
      {"lengths", ok({{"content-length", "1"}, {"content-length", "2"}}), "x", {}, "GET", false},
      {"no status", {{"x-a", "b"}}, "", {}, "GET", true},
      {"two statuses", ok({{":status", "200"}}), "", {}, "GET", true},
      {"status with a line", {{":status", "200 OK\r\nx-smuggled: 1"}}, "", {}, "GET", true},
      {"line in trailers", ok(), "x", {{"x-a", "b\r\nx-smuggled: 1"}}, "GET", false},
      {"framing in trailers", ok(), "x", {{"content-length", "1"}}, "GET", false},
      {"pseudo-field in trailers", ok(), "x", {{":status", "500"}}, "GET", false},
  };
  for (const bool apart : {false, true}) {
    for (const Response& row : rows) {
      HostileOrigin origin(
          [&](Http2Peer& peer, uint32_t stream) { answer(peer, stream, row, apart); });
      test::InProcessProxy proxy(configFor(origin));
      checkInStep(proxy.port("edge"), row);
    }
  }
}

TEST(HostileOriginTest, AProperAnswerPasses) {
  const Response proper{"proper", {{":status", "200"}, {"content-length", "4"}}, "four", {}, "GET",
                        false};
  HostileOrigin origin(
      [&](Http2Peer& peer, uint32_t stream) { answer(peer, stream, proper, true); });
  test::InProcessProxy proxy(configFor(origin));
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  client.send("GET /attack HTTP/1.1\r\nHost: a\r\n\r\n");
  EXPECT_EQ(client.readMessage().body, "four");
}

// ---- tunnels that nobody agreed on ----------------------------------------------------------

Fields webSocket(std::string protocol, std::string path = "/attack") {
  return {{":method", "CONNECT"},
          {":protocol", std::move(protocol)},
          {":scheme", "http"},
          {":path", std::move(path)},
          {":authority", "a"}};
}

TEST_F(HostileClientTest, AnOriginThatDoesNotSwitchMakesNoTunnel) {
  Http2Peer client = Http2Peer::connectTo(proxy_.port("edge"));
  ASSERT_TRUE(client.start());
  const uint32_t stream = client.request(webSocket("websocket"), false);
  client.send(http2::data(stream, kSmuggledRequest));
  const http2::Message& answer = client.finish(stream);
  EXPECT_GE(answer.status(), 400) << answer.text() << "200 would have been a tunnel";
  EXPECT_TRUE(client.serves("/victim"));
  EXPECT_FALSE(log_.has("smuggled"));
}

TEST_F(HostileClientTest, AProtocolThatIsNotAllowedMakesNoTunnel) {
  Http2Peer client = Http2Peer::connectTo(proxy_.port("edge"));
  ASSERT_TRUE(client.start());
  const uint32_t stream = client.request(webSocket("something"), false);
  client.send(http2::data(stream, kSmuggledRequest));
  const http2::Message& answer = client.finish(stream);
  EXPECT_TRUE(answer.status() >= 400 || answer.reset) << answer.text();
  EXPECT_TRUE(client.serves("/victim"));
  EXPECT_FALSE(log_.has("smuggled"));
}

TEST(HostileOriginTest, AnUpgradeThatExtendedConnectCannotSayIsNotSent) {
  HostileOrigin origin(
      [](Http2Peer& peer, uint32_t stream) { peer.respond(stream, 200, "a tunnel"); });
  test::InProcessProxy proxy(configFor(origin));
  RawConnection client = RawConnection::connectTo(proxy.port("edge"));
  client.send(
      "POST /attack HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nContent-Length: 0\r\n\r\n");
  const RawMessage answer = client.readMessage();
  EXPECT_GE(answer.status(), 500) << answer.start_line;
}

}  // namespace
}  // namespace weir
