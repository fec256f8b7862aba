// Windows and backpressure: a slow stream stops nobody else, and memory is bounded.
#include <string>

#include "gtest/gtest.h"

#include "test/http/http2/raw_peer.h"

namespace weir::http::http2 {
namespace {

using raw::ErrorCode;

// What the client may still send, on stream `id` and on the connection, by the frames that came.
struct Windows {
  explicit Windows(const RawClient& new_peer) : peer(new_peer) {}
  int64_t granted(uint32_t id) const {
    int64_t sum = 0;
    for (const raw::Frame& frame : peer.frames) {
      if (frame.type == raw::FrameType::kWindowUpdate && frame.stream == id) {
        sum += raw::readBigEndian(frame.payload);
      }
    }
    return sum;
  }
  const RawClient& peer;
};

std::string dataFrames(uint32_t stream, size_t bytes) {
  std::string frames;
  for (size_t sent = 0; sent < bytes; sent += 16'384) {
    frames += raw::data(stream, std::string(std::min<size_t>(16'384, bytes - sent), 'd'));
  }
  return frames;
}

TEST(FlowControlTest, WindowsOpenAsTheBodyIsTaken) {
  RawClient peer;
  peer.start();
  const Windows windows(peer);
  EXPECT_EQ(windows.granted(0), 1024 * 1024 - 65'535);
  peer.send(peer.request(1, false));
  for (int i = 0; i < 64; ++i) peer.send(dataFrames(1, 64 * 1024));
  EXPECT_EQ(peer.error.detail(), "");
  EXPECT_EQ(peer.server.last().seen.body.size(), 4u * 1024 * 1024);
  EXPECT_GT(windows.granted(1), 3'500'000);
}

TEST(FlowControlTest, AStreamThatIsNotReadStopsNoOther) {
  RawClient peer;
  peer.server.side.options.connection_window_bytes = 512 * 1024;
  peer.start();
  const Windows windows(peer);
  peer.send(peer.request(1, false) + peer.request(3, false));
  peer.server.at(0).encoder->setReadEnabled(false);
  peer.send(dataFrames(1, 256 * 1024));  // its whole window
  EXPECT_EQ(peer.server.at(0).seen.body, "");
  EXPECT_EQ(windows.granted(1), 0);
  // The connection's window is as wide as before: the other stream goes on and on.
  for (int i = 0; i < 40; ++i) peer.send(dataFrames(3, 64 * 1024));
  EXPECT_EQ(peer.error.detail(), "");
  EXPECT_EQ(peer.server.at(1).seen.body.size(), 40u * 64 * 1024);
  EXPECT_LT(peer.blocks.bytesInUse(), 700'000u);
  // One byte too many is an error.
  peer.server.at(0).encoder->setReadEnabled(true);
  peer.receive();
  EXPECT_EQ(peer.server.at(0).seen.body.size(), 256u * 1024);
  EXPECT_EQ(windows.granted(1), 256 * 1024);
}

TEST(FlowControlTest, MoreThanTheWindowIsAnError) {
  RawClient peer;
  peer.start();
  peer.send(peer.request(1, false));
  peer.server.at(0).encoder->setReadEnabled(false);
  peer.send(dataFrames(1, 256 * 1024));
  EXPECT_EQ(peer.error.detail(), "");
  peer.send(raw::data(1, "x"));
  EXPECT_TRUE(peer.ended(ErrorCode::kFlowControlError));
}

TEST(FlowControlTest, HeldBytesOfAllStreamsAreBounded) {
  RawClient peer;
  peer.server.side.options.connection_window_bytes = 512 * 1024;
  peer.start();
  const Windows windows(peer);
  int64_t sent = 0;
  for (uint32_t stream = 1; stream < 60; stream += 2) {
    peer.send(peer.request(stream, false));
    peer.server.last().encoder->setReadEnabled(false);
    if (65'535 + windows.granted(0) - sent < 256 * 1024) continue;
    peer.send(dataFrames(stream, 256 * 1024));
    sent += 256 * 1024;
  }
  EXPECT_EQ(peer.error.detail(), "");
  EXPECT_LE(sent, 2 * 512 * 1024);
  EXPECT_LT(peer.blocks.bytesInUse(), 1'500'000u);
  // Taken after all, the window is whole again.
  for (ServerSideStream& stream : peer.server.streams) stream.encoder->setReadEnabled(true);
  peer.receive();
  EXPECT_GE(65'535 + windows.granted(0) - sent, 256 * 1024);
}

TEST(FlowControlTest, DroppedBodiesAreGivenBack) {
  RawClient peer;
  peer.start();
  const Windows windows(peer);
  uint32_t stream = 1;
  for (int i = 0; i < 20; ++i, stream += 2) {
    peer.send(peer.request(stream, false));
    ServerSideStream& last = peer.server.last();
    last.encoder->setReadEnabled(false);
    peer.send(dataFrames(stream, 128 * 1024));
    last.encoder->reset({ErrorOrigin::kLocal, ErrorReason::kFilter});
    last.encoder = nullptr;
    peer.receive();
    peer.send(dataFrames(stream, 64 * 1024));  // was on its way
  }
  EXPECT_EQ(peer.error.detail(), "");
  EXPECT_GT(windows.granted(0), 20 * 190 * 1024);
}

TEST(FlowControlTest, AnswersWaitForTheClientsWindows) {
  RawClient peer;
  peer.start({{raw::Setting::kInitialWindowSize, 1000}});
  peer.send(peer.request(1) + peer.request(3));
  const std::string body(300'000, 'b');
  peer.server.at(0).sendHead(200);
  peer.server.at(0).sendBody(body.substr(0, 150'000));
  peer.receive();
  EXPECT_TRUE(peer.server.at(0).blocked);
  peer.server.at(1).respond(200, "other");
  size_t first = 0;
  std::string second;
  const auto take = [&](const std::vector<raw::Frame>& frames) {
    for (const raw::Frame& frame : frames) {
      if (frame.type != raw::FrameType::kData) continue;
      if (frame.stream == 1) first += frame.payload.size();
      if (frame.stream == 3) second += frame.payload;
    }
  };
  take(peer.frames);
  take(peer.receive());
  EXPECT_EQ(first, 1000u);
  EXPECT_EQ(second, "other");
  take(peer.send(raw::windowUpdate(1, 64'000) + raw::windowUpdate(0, 500'000)));
  EXPECT_EQ(first, 65'000u);
  EXPECT_TRUE(peer.server.at(0).blocked);  // 85 000 still wait
  take(peer.send(raw::windowUpdate(1, 64'000)));
  EXPECT_FALSE(peer.server.at(0).blocked);
  take(peer.send(raw::settings({{raw::Setting::kInitialWindowSize, 200'000}})));
  EXPECT_EQ(first, 150'000u);
  EXPECT_EQ(peer.server.at(0).times_blocked, 1u);
}

// Seen when a body was exactly as long as the window: its end waits for one, too.
TEST(FlowControlTest, AnEndBehindAFullWindow) {
  for (const bool trailers : {false, true}) {
    RawClient peer;
    peer.start();
    peer.send(peer.request(1) + peer.request(3));
    for (ServerSideStream& stream : peer.server.streams) stream.sendHead(200);
    peer.server.at(0).sendBody(std::string(65'535, 'b'));
    peer.receive();
    for (ServerSideStream& stream : peer.server.streams) {
      base::Arena arena;
      HeaderMap fields(arena);
      fields.add("t", "1");
      trailers ? stream.encoder->encodeTrailers(fields) : stream.sendBody("", true);
    }
    peer.receive();
    EXPECT_EQ(peer.server.completed, 0u);
    peer.send(raw::windowUpdate(0, 10) + raw::windowUpdate(1, 10));
    EXPECT_EQ(peer.server.completed, 2u) << trailers;
  }
}

TEST(FlowControlTest, AnEndThatWaitsForAWindowIsGivenUp) {
  RawClient peer;
  peer.start();
  peer.send(peer.request(1));
  peer.server.last().sendHead(200);
  peer.server.last().sendBody(std::string(65'535, 'b'));
  peer.receive();
  peer.server.last().sendBody("", true);
  peer.dispatcher.advance(std::chrono::seconds(61));
  peer.receive();
  EXPECT_TRUE(peer.reset(1, ErrorCode::kCancel));
}

TEST(FlowControlTest, NoMoreIsPutOutThanTheConnectionTakes) {
  RawClient peer;
  peer.start({{raw::Setting::kInitialWindowSize, raw::kMaxWindow}});
  peer.send(raw::windowUpdate(0, 100'000'000) + peer.request(1) + peer.request(3));
  for (ServerSideStream& stream : peer.server.streams) {
    stream.sendHead(200);
    stream.sendBody(std::string(2'000'000, 'b'), true);
  }
  peer.dispatcher.runUntilIdle();
  EXPECT_LT(peer.server.output.bytes.size(), 300'000u);
  peer.server.codec->onAboveHighWatermark();
  peer.receive();
  peer.dispatcher.runUntilIdle();
  EXPECT_TRUE(peer.server.output.bytes.empty());
  peer.server.codec->onBelowLowWatermark();
  for (int i = 0; i < 40; ++i) peer.receive();
  EXPECT_EQ(peer.server.completed, 2u);
}

TEST(FlowControlTest, AboveTheWatermarkSourcesStopEarlier) {
  RawClient peer;
  peer.start();
  peer.send(peer.request(1));
  peer.server.codec->onAboveHighWatermark();
  peer.server.last().sendHead(200);
  peer.server.last().sendBody(std::string(kSendLowBytes, 'b'));
  peer.receive();
  EXPECT_FALSE(peer.server.last().blocked);
  peer.server.last().sendBody("x");
  peer.receive();
  EXPECT_TRUE(peer.server.last().blocked);
  peer.server.codec->onBelowLowWatermark();
  peer.receive();
  EXPECT_FALSE(peer.server.last().blocked);
}

// A client that fills the window in each round trip: it is the window that limits it.
TEST(FlowControlTest, WindowsGrowWithTheBandwidthDelayProduct) {
  RawClient peer;
  peer.server.side.options.max_window_bytes = 2 * 1024 * 1024;
  peer.start();
  peer.send(peer.request(1, false));
  uint32_t window = 256 * 1024;
  for (int round = 0; round < 5; ++round) {
    const size_t seen = peer.frames.size();
    for (uint32_t sent = 0; sent < window; sent += 64 * 1024) peer.send(dataFrames(1, 64 * 1024));
    std::string answers;
    for (size_t i = seen; i < peer.frames.size(); ++i) {
      const raw::Frame& frame = peer.frames[i];
      if (frame.type == raw::FrameType::kPing) answers += raw::ping(frame.payload, raw::kAck);
    }
    for (const raw::Frame& frame : peer.send(answers)) {
      if (frame.type != raw::FrameType::kSettings || frame.has(raw::kAck)) continue;
      EXPECT_EQ(frame.payload.substr(0, 2), raw::bigEndian(4, 2));
      window = raw::readBigEndian(std::string_view(frame.payload).substr(2));
      peer.send(raw::settingsAck());
    }
  }
  EXPECT_EQ(peer.error.detail(), "");
  EXPECT_EQ(window, 2u * 1024 * 1024);
  EXPECT_GT(Windows(peer).granted(0), 3'000'000);
}

TEST(FlowControlTest, AStalledWindowIsGivenUp) {
  RawClient peer;
  peer.start({{raw::Setting::kInitialWindowSize, 10}});
  peer.send(peer.request(1) + peer.request(3));
  for (ServerSideStream& stream : peer.server.streams) stream.respond(200, std::string(100, 'b'));
  peer.receive();
  peer.dispatcher.advance(std::chrono::seconds(40));
  peer.send(raw::windowUpdate(3, 10));
  peer.dispatcher.advance(std::chrono::seconds(25));
  peer.receive();
  EXPECT_TRUE(peer.reset(1, ErrorCode::kCancel));
  EXPECT_FALSE(peer.reset(3, ErrorCode::kCancel));
  ASSERT_TRUE(peer.server.at(0).seen.reset);
  EXPECT_EQ(peer.server.at(0).seen.reset->reason, ErrorReason::kIdleTimeout);
  EXPECT_EQ(peer.count(Limit::kStalledWindow), 1u);
  peer.dispatcher.advance(std::chrono::seconds(40));
  peer.receive();
  EXPECT_TRUE(peer.reset(3, ErrorCode::kCancel));
  EXPECT_EQ(peer.count(Limit::kStalledWindow), 2u);
}

}  // namespace
}  // namespace weir::http::http2
