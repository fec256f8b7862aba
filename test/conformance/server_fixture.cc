#include "test/conformance/server_fixture.h"

#include <algorithm>
#include <cstdlib>
#include <map>
#include <memory>
#include <mutex>

#include "test/support/configs.h"
#include "test/support/in_process_proxy.h"
#include "test/support/scripted_origin.h"

namespace weir::conformance {
namespace {

namespace http2 = test::http2;

// What rules say after stream 1; none of them uses numbers as high as this.
constexpr uint32_t kLaterStream = 101;

class Subject : public ::testing::Environment {
 public:
  void SetUp() override {
    if (const char* outside = std::getenv("WEIR_CONFORMANCE_PORT")) {
      port_ = static_cast<uint16_t>(std::atoi(outside));
      return;
    }
    origin_ = std::make_unique<test::ScriptedOrigin>(
        [this](test::RawConnection& connection, int) { serve(connection); });
    proxy_ = std::make_unique<test::InProcessProxy>(test::edgeListener("allow_connect: true") +
                                                    test::cluster("origin", {origin_->address()}) +
                                                    test::runtime(1));
    port_ = proxy_->port("edge");
  }

  void TearDown() override {
    proxy_.reset();
    origin_.reset();
  }

  uint16_t port() const { return port_; }
  bool testsWeir() const { return proxy_ != nullptr; }
  int reached(std::string_view path) {
    const std::lock_guard lock(mutex_);
    return reached_[std::string(path)];
  }

 private:
  void serve(test::RawConnection& connection) {
    while (true) {
      const test::RawMessage request = connection.readMessage();
      if (request.start_line.empty()) return;
      const std::string target = request.target();
      {
        const std::lock_guard lock(mutex_);
        ++reached_[target];
      }
      if (!request.complete || !connection.send(answer(request))) return;
    }
  }

  static std::string answer(const test::RawMessage& request) {
    if (request.target() == kInterimPath) {
      return "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
             "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    }
    if (request.target() == kTrailersPath) {
      return "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n"
             "4\r\nbody\r\n0\r\nX-Sum: 42\r\n\r\n";
    }
    if (request.target() == kNoContentPath) return "HTTP/1.1 204 No Content\r\n\r\n";
    std::string body(kLargeBytes, 'x');
    if (request.target() != kLargePath) {
      body = request.start_line + "\n";
      for (const auto& [name, value] : request.headers) body += name + ": " + value + "\n";
      body += "\n" + request.body;
      for (const auto& [name, value] : request.trailers) body += "\ntrailer " + name + ": " + value;
    }
    // Fields that no HTTP/2 message may have (8.2.2).
    return "HTTP/1.1 200 OK\r\nConnection: keep-alive, X-Hop\r\nKeep-Alive: timeout=5\r\n"
           "Proxy-Connection: keep-alive\r\nX-Hop: 1\r\nX-Mixed-Case: Yes\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + (request.method() == "HEAD" ? "" : body);
  }

  uint16_t port_ = 0;
  std::mutex mutex_;
  std::map<std::string, int> reached_;
  std::unique_ptr<test::ScriptedOrigin> origin_;
  std::unique_ptr<test::InProcessProxy> proxy_;
};

// Owned by GoogleTest.
Subject& subject() {
  static auto* const kSubject = new Subject;
  return *kSubject;
}

[[maybe_unused]] const auto* const kRegistered = ::testing::AddGlobalTestEnvironment(&subject());

}  // namespace

uint16_t ServerTest::port() {
  return subject().port();
}

bool ServerTest::testsWeir() {
  return subject().testsWeir();
}

int ServerTest::reached(std::string_view path) {
  return subject().reached(path);
}

Http2Peer ServerTest::connect(const Settings& settings) {
  Http2Peer peer = Http2Peer::connectTo(port());
  EXPECT_TRUE(peer.start(settings)) << peer.whatCame();
  return peer;
}

Http2Peer ServerTest::withHeldResponse() {
  Http2Peer peer = connect({{Setting::kInitialWindowSize, 0}});
  const uint32_t stream = peer.request(http2::get(kLargePath));
  EXPECT_TRUE(peer.until([&] { return peer.message(stream).status() == 200; })) << peer.whatCame();
  return peer;
}

namespace {

// Each SETTINGS frame among the bytes will be acknowledged, each increment used.
void announce(Http2Peer& peer, std::string_view bytes) {
  while (bytes.size() >= http2::kFrameHeaderBytes) {
    const size_t length = http2::readBigEndian(bytes.substr(0, 3)) + http2::kFrameHeaderBytes;
    const auto type = static_cast<FrameType>(bytes[3]);
    if (type == FrameType::kSettings && (bytes[4] & http2::kAck) == 0) peer.noteSettings({});
    if (type == FrameType::kWindowUpdate && length == http2::kFrameHeaderBytes + 4) {
      peer.noteWindow(http2::readBigEndian(bytes.substr(5, 4)) & http2::kMaxWindow,
                      http2::readBigEndian(bytes.substr(9, 4)) & http2::kMaxWindow);
    }
    bytes.remove_prefix(std::min(length, bytes.size()));
  }
}

}  // namespace

void PrintTo(const Rule& rule, std::ostream* out) {
  *out << rule.name;
}

Http2Peer ServerRule::prepared(Before before) {
  if (before == Before::kHalfClosed) return withHeldResponse();
  Http2Peer peer = connect();
  if (before == Before::kOpen) peer.request(http2::post("/"), false);
  if (before == Before::kClosed) {
    EXPECT_TRUE(peer.serves());
  }
  return peer;
}

void ServerRule::expectOutcome(Http2Peer& peer, const Rule& rule) {
  const auto failed = [&] {
    return !peer.goaways().empty() && peer.goaways().back().code != ErrorCode::kNoError;
  };
  peer.skipStreams(kLaterStream);
  switch (rule.outcome) {
    case Outcome::kConnectionError:
      EXPECT_TRUE(peer.connectionError(rule.codes));
      return;
    case Outcome::kStreamError:
      EXPECT_TRUE(peer.streamError(1, rule.codes));
      break;
    case Outcome::kMalformed:
      EXPECT_TRUE(peer.refusedAsMalformed(1));
      EXPECT_EQ(reached(kForbiddenPath), 0);
      break;
    case Outcome::kServed:
      EXPECT_TRUE(peer.responds(1, 200));
      break;
    case Outcome::kLate:
      EXPECT_EQ(reached(kForbiddenPath), 0);
      if (!peer.roundTrip()) {
        EXPECT_TRUE(peer.connectionError({ErrorCode::kStreamClosed, ErrorCode::kProtocolError}));
      }
      break;
    case Outcome::kIgnored:
      EXPECT_TRUE(peer.roundTrip()) << peer.whatCame();
      EXPECT_FALSE(peer.message(1).reset) << peer.whatCame();
      if (rule.before == Before::kOpen) {
        peer.send(http2::data(1, "end", http2::kEndStream));
        EXPECT_TRUE(peer.responds(1, 200));
      }
      if (rule.before == Before::kHalfClosed) {
        peer.openWindow(1, kLargeBytes);
        EXPECT_TRUE(peer.responds(1, 200));
        EXPECT_EQ(peer.message(1).body.size(), kLargeBytes);
      }
      EXPECT_FALSE(failed());
  }
  // 5.4.1: a stream error may end the connection as well.
  if (rule.outcome == Outcome::kStreamError && !peer.roundTrip()) {
    EXPECT_TRUE(peer.connectionError(rule.codes));
  }
  if (failed()) return;
  if (rule.before == Before::kHalfClosed)
    peer.sendSettings({{Setting::kInitialWindowSize, 65'535}});
  EXPECT_TRUE(peer.serves());
}

TEST_P(ServerRule, Holds) {
  const Rule& rule = GetParam();
  Http2Peer peer = prepared(rule.before);
  announce(peer, rule.bytes);
  peer.send(rule.bytes);
  expectOutcome(peer, rule);
  EXPECT_EQ(peer.violations(), "");
}

}  // namespace weir::conformance
