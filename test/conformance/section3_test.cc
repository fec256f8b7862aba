// RFC 9113, section 3: how HTTP/2 starts.

#include <string>
#include <vector>

#include "test/conformance/server_fixture.h"
#include "test/support/raw_connection.h"

namespace weir::conformance {
namespace {

namespace http2 = test::http2;
namespace hpack = test::http2::hpack;
using enum ErrorCode;

class ServerPreface : public ServerTest {};

// 3.4: the server's first frame is SETTINGS, and it acknowledges those of the client.
TEST_F(ServerPreface, TheFirstFrameIsSettings) {
  Http2Peer peer = Http2Peer::connectTo(port());
  peer.sendPreface();
  const auto first = peer.next();
  ASSERT_TRUE(first) << peer.whatCame();
  EXPECT_EQ(first->type, FrameType::kSettings);
  EXPECT_FALSE(first->has(http2::kAck));
  EXPECT_TRUE(peer.until([&] { return peer.settingsAcks() == 1; }));
  EXPECT_EQ(peer.violations(), "");
}

// 3.4: a client need not wait for the server's preface.
TEST_F(ServerPreface, ARequestMayFollowAtOnce) {
  Http2Peer peer = Http2Peer::connectTo(port());
  const std::string request =
      http2::headers(1, hpack::block(http2::get()), http2::kEndHeaders | http2::kEndStream);
  peer.sendPreface();
  peer.send(request);
  EXPECT_TRUE(peer.responds(1, 200));
  EXPECT_EQ(peer.violations(), "");
}

// 3.4, 4.1: however TCP cuts the bytes.
TEST_F(ServerPreface, MayComeByteByByte) {
  Http2Peer peer = Http2Peer::connectTo(port());
  const std::string bytes =
      std::string(http2::kClientPreface) + http2::settings({{Setting::kMaxConcurrentStreams, 10}}) +
      http2::headers(1, hpack::block(http2::get()), http2::kEndHeaders | http2::kEndStream);
  for (const char byte : bytes) ASSERT_TRUE(peer.send(std::string(1, byte)));
  EXPECT_TRUE(peer.finish(1).ended) << peer.whatCame();
  EXPECT_EQ(peer.message(1).status(), 200);
}

// 3.4: a preface that is wrong anywhere ends the connection, with GOAWAY or without.
TEST_F(ServerPreface, DamagedEndsTheConnection) {
  for (size_t i = 0; i < http2::kClientPreface.size(); ++i) {
    std::string preface(http2::kClientPreface);
    preface[i] ^= 1;
    Http2Peer peer = Http2Peer::connectTo(port());
    peer.send(preface + http2::settings() +
              http2::headers(1, hpack::block(http2::get(kForbiddenPath)),
                             http2::kEndHeaders | http2::kEndStream));
    peer.shutdownWrite();
    EXPECT_TRUE(peer.readToEnd()) << i;
    EXPECT_EQ(peer.message(1).status(), 0) << i;
  }
  EXPECT_EQ(reached(kForbiddenPath), 0);
}

// 3.4: SETTINGS must follow the client's preface, and nothing else may.
TEST_F(ServerPreface, AnotherFirstFrameIsAConnectionError) {
  const std::string frames[] = {
      http2::headers(1, hpack::block(http2::get(kForbiddenPath)),
                     http2::kEndHeaders | http2::kEndStream),
      http2::ping("12345678"),
      http2::settingsAck(),
      http2::windowUpdate(0, 1),
      http2::priority(1, 0, 16),
      http2::goaway(0, kNoError),
      http2::data(1, "x"),
      http2::frame(static_cast<FrameType>(0xbb), 0, 0, "unknown"),
  };
  for (const std::string& frame : frames) {
    Http2Peer peer = Http2Peer::connectTo(port());
    peer.send(std::string(http2::kClientPreface) + frame);
    EXPECT_TRUE(peer.connectionError({kProtocolError}, true))
        << http2::nameOf(static_cast<FrameType>(frame[3]));
  }
  EXPECT_EQ(reached(kForbiddenPath), 0);
}

// 3.1: the upgrade of HTTP/1.1 to "h2c" is gone; who asks for it is served by HTTP/1.1.
TEST_F(ServerPreface, AnUpgradeToH2cIsNotDone) {
  if (!testsWeir()) GTEST_SKIP();
  test::RawConnection client = test::RawConnection::connectTo(port());
  client.send(
      "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n"
      "HTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n");
  EXPECT_NE(client.readMessage().status(), 101);
}

}  // namespace
}  // namespace weir::conformance
