// How connections end, and what time does to them.
#include <string>

#include "gtest/gtest.h"

#include "test/http/http2/raw_peer.h"

namespace weir::http::http2 {
namespace {

using raw::ErrorCode;
using raw::FrameType;
using std::chrono::milliseconds;

std::vector<raw::Frame> only(const std::vector<raw::Frame>& frames, FrameType type) {
  std::vector<raw::Frame> found;
  for (const raw::Frame& frame : frames) {
    if (frame.type == type) found.push_back(frame);
  }
  return found;
}

uint32_t lastStreamOf(const raw::Frame& goaway) {
  return raw::readBigEndian(std::string_view(goaway.payload).substr(0, 4));
}

TEST(DrainTest, InTwoStepsWithAPingBetween) {
  RawClient peer;
  peer.start();
  peer.send(peer.request(1));
  peer.server.codec->drain();
  peer.server.codec->drain();  // once is enough
  std::vector<raw::Frame> frames = peer.receive();
  ASSERT_EQ(only(frames, FrameType::kGoaway).size(), 1u);
  EXPECT_EQ(lastStreamOf(only(frames, FrameType::kGoaway)[0]), 0x7fffffffu);
  ASSERT_EQ(only(frames, FrameType::kPing).size(), 1u);
  const std::string ping = only(frames, FrameType::kPing)[0].payload;
  // A request that was on its way is served.
  frames = peer.send(peer.request(3) + raw::ping(ping, raw::kAck));
  ASSERT_EQ(only(frames, FrameType::kGoaway).size(), 1u);
  EXPECT_EQ(lastStreamOf(only(frames, FrameType::kGoaway)[0]), 3u);
  peer.send(peer.request(5));
  EXPECT_EQ(peer.server.streams.size(), 2u);
  EXPECT_FALSE(peer.server.codec->closing());
  peer.server.at(0).respond(200, "x");
  peer.receive();
  EXPECT_EQ(peer.server.drained, 0u);
  peer.server.at(1).respond(200, "x");
  peer.receive();
  EXPECT_EQ(peer.server.drained, 1u);
  EXPECT_TRUE(peer.server.codec->closing());
  EXPECT_EQ(peer.server.completed, 2u);
}

TEST(DrainTest, WithoutAnAnswerAfterASecond) {
  RawClient peer;
  peer.start();
  peer.server.codec->drain();
  peer.receive();
  peer.dispatcher.advance(milliseconds(900));
  EXPECT_EQ(peer.server.drained, 0u);
  peer.dispatcher.advance(milliseconds(150));
  EXPECT_EQ(only(peer.receive(), FrameType::kGoaway).size(), 1u);
  EXPECT_EQ(peer.server.drained, 1u);
}

TEST(DrainTest, CloseAfterResponseDrains) {
  RawClient peer;
  peer.start();
  peer.send(peer.request(1));
  peer.server.last().encoder->closeAfterResponse();
  EXPECT_EQ(only(peer.receive(), FrameType::kGoaway).size(), 1u);
}

TEST(DrainTest, AStreamThatIsResetEndsItToo) {
  RawClient peer;
  peer.start();
  peer.send(peer.request(1));
  peer.server.codec->drain();
  peer.dispatcher.advance(milliseconds(1100));
  EXPECT_EQ(peer.server.drained, 0u);
  peer.server.last().encoder->reset({ErrorOrigin::kLocal, ErrorReason::kDrain});
  peer.receive();
  EXPECT_EQ(peer.server.drained, 1u);
}

TEST(DrainTest, AClientThatGoesAwayIsDone) {
  RawClient peer;
  peer.start();
  peer.send(peer.request(1) + raw::goaway(0, ErrorCode::kNoError));
  peer.server.last().respond(200, "x");
  peer.receive();
  EXPECT_EQ(peer.server.completed, 1u);
  peer.dispatcher.advance(milliseconds(1100));
  EXPECT_EQ(peer.server.drained, 1u);
}

TEST(DrainTest, ClientSaysGoodbye) {
  RawServer peer;
  peer.start();
  ClientSideStream& asked = peer.client.request("/");
  peer.client.codec->drain();
  EXPECT_EQ(peer.client.codec->freeStreams(), 0u);
  EXPECT_EQ(only(peer.receive(), FrameType::kGoaway).size(), 1u);
  peer.send(RawServer::response(1, "200", true));
  EXPECT_TRUE(asked.seen.ended);
  EXPECT_EQ(peer.client.ended, 1u);
}

TEST(TimersTest, AFieldBlockMustCome) {
  RawClient peer;
  peer.start();
  peer.dispatcher.advance(std::chrono::hours(1));  // nothing runs while nothing has begun
  const std::string whole = peer.request(1);
  peer.send(whole.substr(0, 15));
  EXPECT_FALSE(peer.server.codec->idle());
  peer.dispatcher.advance(std::chrono::seconds(9));
  EXPECT_FALSE(peer.server.failure);
  peer.dispatcher.advance(std::chrono::seconds(2));
  peer.receive();
  ASSERT_TRUE(peer.server.failure);
  EXPECT_EQ(peer.server.failure->reason, ErrorReason::kHeaderTimeout);
  EXPECT_TRUE(peer.ended(ErrorCode::kEnhanceYourCalm));
  EXPECT_EQ(peer.count(Limit::kHeadTime), 1u);
  EXPECT_TRUE(peer.server.last().seen.reset);
}

TEST(TimersTest, AFieldBlockInTime) {
  RawClient peer;
  peer.start();
  const std::string whole = peer.request(1);
  peer.send(whole.substr(0, 15));
  peer.dispatcher.advance(std::chrono::seconds(9));
  peer.send(whole.substr(15));
  peer.dispatcher.advance(std::chrono::seconds(60));
  EXPECT_FALSE(peer.server.failure);
  EXPECT_TRUE(peer.server.last().seen.ended);
}

TEST(TimersTest, KeepaliveThatIsAnswered) {
  RawServer peer;
  peer.client.side.options.keepalive_interval = std::chrono::seconds(30);
  peer.start();
  for (int i = 0; i < 5; ++i) {
    peer.dispatcher.advance(std::chrono::seconds(31));
    const std::vector<raw::Frame> pings = only(peer.receive(), FrameType::kPing);
    ASSERT_EQ(pings.size(), 1u) << i;
    peer.send(raw::ping(pings[0].payload, raw::kAck));
  }
  EXPECT_FALSE(peer.client.failure);
}

TEST(TimersTest, KeepaliveThatIsNot) {
  RawServer peer;
  peer.client.side.options.keepalive_interval = std::chrono::seconds(30);
  peer.start();
  ClientSideStream& asked = peer.client.request("/");
  peer.dispatcher.advance(std::chrono::seconds(31));
  EXPECT_EQ(only(peer.receive(), FrameType::kPing).size(), 1u);
  EXPECT_FALSE(peer.client.failure);
  peer.dispatcher.advance(std::chrono::seconds(11));
  ASSERT_TRUE(peer.client.failure);
  EXPECT_EQ(peer.client.failure->reason, ErrorReason::kConnectionClosed);
  ASSERT_TRUE(asked.seen.reset);
  EXPECT_TRUE(asked.seen.reset->unanswered);
}

TEST(LifetimeTest, CodecsMayGoWithStreamsOpen) {
  for (int i = 0; i < 2; ++i) {
    CodecPair pair;
    pair.start();
    pair.server.on_head = [](ServerSideStream& stream) {
      stream.sendHead(200);
      stream.sendBody(std::string(200'000, 'x'));
      base::Arena arena;
      HeaderMap trailers(arena);
      trailers.add("t", "1");
      stream.encoder->encodeTrailers(trailers);
    };
    pair.client.request("/");
    ClientSideStream& post = pair.client.post("/");
    ASSERT_TRUE(post.sendBody(std::string(200'000, 'x')));
    if (i == 1) pair.run();
    pair.client.codec.reset();
    pair.server.codec.reset();
  }
}

}  // namespace
}  // namespace weir::http::http2
