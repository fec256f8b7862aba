// RFC 9113, section 4: frame format, frame size, field blocks.

#include <string>
#include <vector>

#include "test/conformance/server_fixture.h"

namespace weir::conformance {
namespace {

namespace http2 = test::http2;
namespace hpack = test::http2::hpack;
using enum ErrorCode;

constexpr uint8_t kWhole = http2::kEndHeaders | http2::kEndStream;
constexpr auto kUnknown = static_cast<FrameType>(0xbb);

std::string getBlock(std::string_view path = "/") {
  return hpack::block(http2::get(path));
}

// The frame with other flags, with the reserved bit set, with another length in its header.
std::string withFlags(std::string frame, uint8_t flags) {
  frame[4] = static_cast<char>(frame[4] | flags);
  return frame;
}

std::string withReservedBit(std::string frame) {
  frame[5] = static_cast<char>(frame[5] | 0x80);
  return frame;
}

// Not so many that it looks like a flood; ALTSVC (0x0a), ORIGIN (0x0c) and PRIORITY_UPDATE (0x10)
// are known.
std::string unknownFrames(uint32_t stream) {
  std::string frames;
  for (int type = 0x0b; type <= 0xff; type += 2) {
    frames += http2::frame(static_cast<FrameType>(type), 0xff, stream, "whatever");
  }
  return frames;
}

// 4.1: what is unknown is ignored.
const Rule kFormat[] = {
    {"S4_1_UnknownTypesOnTheConnectionAreIgnored", Before::kOpen, unknownFrames(0),
     Outcome::kIgnored},
    {"S4_1_UnknownTypesOnAnOpenStreamAreIgnored", Before::kOpen, unknownFrames(1),
     Outcome::kIgnored},
    {"S4_1_UnknownTypesOnAHalfClosedStreamAreIgnored", Before::kHalfClosed, unknownFrames(1),
     Outcome::kIgnored},
    {"S4_1_UnknownTypesOnAClosedStreamAreIgnored", Before::kClosed, unknownFrames(1),
     Outcome::kIgnored},
    {"S4_1_UnknownTypesOnAnIdleStreamAreIgnored", Before::kIdle, unknownFrames(99),
     Outcome::kIgnored},
    {"S4_1_AnUnknownTypeOfFullSizeIsIgnored", Before::kOpen,
     http2::frame(kUnknown, 0, 1, std::string(http2::kMinMaxFrameSize, 'x')), Outcome::kIgnored},
    {"S4_1_AnEmptyFrameOfUnknownTypeIsIgnored", Before::kOpen, http2::frame(kUnknown, 0, 1, {}),
     Outcome::kIgnored},
    {"S4_1_UnusedFlagsOfDataAreIgnored", Before::kOpen, withFlags(http2::data(1, "x"), 0xf6),
     Outcome::kIgnored},
    {"S4_1_UnusedFlagsOfHeadersAreIgnored", Before::kIdle,
     withFlags(http2::headers(1, getBlock(), kWhole), 0xd2), Outcome::kServed},
    {"S4_1_UnusedFlagsOfPriorityAreIgnored", Before::kOpen,
     withFlags(http2::priority(1, 0, 16), 0xff), Outcome::kIgnored},
    {"S4_1_UnusedFlagsOfSettingsAreIgnored", Before::kOpen,
     withFlags(http2::frame(FrameType::kPing, 0, 0, "12345678"), 0xfe), Outcome::kIgnored},
    {"S4_1_UnusedFlagsOfWindowUpdateAreIgnored", Before::kOpen,
     withFlags(http2::windowUpdate(1, 1), 0xff), Outcome::kIgnored},
    {"S4_1_UnusedFlagsOfContinuationAreIgnored", Before::kIdle,
     http2::headers(1, getBlock(), http2::kEndStream) + withFlags(http2::continuation(1, ""), 0xfb),
     Outcome::kServed},
    {"S4_1_TheReservedBitOfHeadersIsIgnored", Before::kIdle,
     withReservedBit(http2::headers(1, getBlock(), kWhole)), Outcome::kServed},
    {"S4_1_TheReservedBitOfDataIsIgnored", Before::kOpen, withReservedBit(http2::data(1, "x")),
     Outcome::kIgnored},
    {"S4_1_TheReservedBitOfWindowUpdateIsIgnored", Before::kOpen,
     withReservedBit(http2::windowUpdate(0, 1)) + withReservedBit(http2::windowUpdate(1, 1)),
     Outcome::kIgnored},
    {"S4_1_TheReservedBitOfPriorityIsIgnored", Before::kOpen,
     withReservedBit(http2::priority(1, 0, 16)), Outcome::kIgnored},
    {"S4_1_TheReservedBitOfPingIsIgnored", Before::kOpen, withReservedBit(http2::ping("12345678")),
     Outcome::kIgnored},
};
INSTANTIATE_TEST_SUITE_P(Section4_1, ServerRule, ::testing::ValuesIn(kFormat), ServerRule::nameOf);

// 4.2: sizes that every implementation takes, and sizes too small for what must be in the frame.
const Rule kSize[] = {
    {"S4_2_DataOf16384OctetsIsTaken", Before::kOpen,
     http2::data(1, std::string(http2::kMinMaxFrameSize, 'x')), Outcome::kIgnored},
    {"S4_2_HeadersOf16384OctetsIsTaken", Before::kIdle,
     http2::headers(
         1,
         getBlock() +
             hpack::literal("x", std::string(http2::kMinMaxFrameSize - 6 - getBlock().size(), 'v')),
         kWhole),
     Outcome::kServed},
    {"S4_2_AShortPriorityIsAnError",
     Before::kOpen,
     http2::frame(FrameType::kPriority, 0, 1, "1234"),
     Outcome::kStreamError,
     {kFrameSizeError}},
    {"S4_2_ALongPriorityIsAnError",
     Before::kOpen,
     http2::frame(FrameType::kPriority, 0, 1, "123456"),
     Outcome::kStreamError,
     {kFrameSizeError}},
    {"S4_2_AShortRstStreamIsAConnectionError",
     Before::kOpen,
     http2::frame(FrameType::kRstStream, 0, 1, "123"),
     Outcome::kConnectionError,
     {kFrameSizeError}},
    {"S4_2_ALongRstStreamIsAConnectionError",
     Before::kOpen,
     http2::frame(FrameType::kRstStream, 0, 1, "12345"),
     Outcome::kConnectionError,
     {kFrameSizeError}},
    {"S4_2_SettingsThatAreNoMultipleOf6AreAConnectionError",
     Before::kOpen,
     http2::frame(FrameType::kSettings, 0, 0, "12345"),
     Outcome::kConnectionError,
     {kFrameSizeError}},
    {"S4_2_AShortPingIsAConnectionError",
     Before::kOpen,
     http2::frame(FrameType::kPing, 0, 0, "1234567"),
     Outcome::kConnectionError,
     {kFrameSizeError}},
    {"S4_2_ALongPingIsAConnectionError",
     Before::kOpen,
     http2::frame(FrameType::kPing, 0, 0, "123456789"),
     Outcome::kConnectionError,
     {kFrameSizeError}},
    {"S4_2_AShortGoawayIsAConnectionError",
     Before::kOpen,
     http2::frame(FrameType::kGoaway, 0, 0, "1234567"),
     Outcome::kConnectionError,
     {kFrameSizeError}},
    {"S4_2_AShortWindowUpdateIsAConnectionError",
     Before::kOpen,
     http2::frame(FrameType::kWindowUpdate, 0, 1, "123"),
     Outcome::kConnectionError,
     {kFrameSizeError}},
    {"S4_2_ALongWindowUpdateIsAConnectionError",
     Before::kOpen,
     http2::frame(FrameType::kWindowUpdate, 0, 0, "12345"),
     Outcome::kConnectionError,
     {kFrameSizeError}},
    {"S4_2_HeadersWithoutRoomForItsPriorityIsAConnectionError",
     Before::kIdle,
     http2::headers(1, "1234", kWhole | http2::kPriorityFlag),
     Outcome::kConnectionError,
     {kFrameSizeError, kProtocolError}},
    {"S4_2_HeadersWithoutRoomForItsPadLengthIsAConnectionError",
     Before::kIdle,
     http2::headers(1, "", kWhole | http2::kPadded),
     Outcome::kConnectionError,
     {kFrameSizeError, kProtocolError}},
    {"S4_2_DataWithoutRoomForItsPadLengthIsAnError",
     Before::kOpen,
     http2::data(1, "", http2::kPadded),
     Outcome::kStreamError,
     {kFrameSizeError, kProtocolError}},
};
INSTANTIATE_TEST_SUITE_P(Section4_2, ServerRule, ::testing::ValuesIn(kSize), ServerRule::nameOf);

class ServerFrameSize : public ServerTest {
 protected:
  // One octet more than the server takes; `multiple` of it.
  static std::string tooMuch(Http2Peer& peer, uint32_t multiple = 1) {
    const uint32_t most = peer.theirSetting(Setting::kMaxFrameSize, http2::kMinMaxFrameSize);
    return std::string((most / multiple + 1) * multiple, '\0');
  }
};

// 4.2: frames larger than SETTINGS_MAX_FRAME_SIZE.
TEST_F(ServerFrameSize, DataTooLargeIsAnError) {
  Http2Peer peer = connect();
  const uint32_t stream = peer.request(http2::post("/"), false);
  peer.send(http2::data(stream, tooMuch(peer)));
  EXPECT_TRUE(peer.streamError(stream, {kFrameSizeError}));
}

TEST_F(ServerFrameSize, FramesTooLargeThatAlterTheConnectionAreConnectionErrors) {
  const auto frames = [](Http2Peer& peer) {
    return std::vector<std::string>{
        http2::headers(1, tooMuch(peer), kWhole),
        http2::headers(1, getBlock(kForbiddenPath), http2::kEndStream) +
            http2::continuation(1, hpack::literal("x", std::string(tooMuch(peer).size() - 6, 'v'))),
        http2::frame(FrameType::kSettings, 0, 0, tooMuch(peer, 6)),
        http2::goaway(0, kNoError, tooMuch(peer)),
        http2::frame(kUnknown, 0, 0, tooMuch(peer)),
    };
  };
  Http2Peer first = connect();
  for (const std::string& frame : frames(first)) {
    Http2Peer peer = connect();
    peer.send(frame);
    EXPECT_TRUE(peer.connectionError({kFrameSizeError}));
  }
  EXPECT_EQ(reached(kForbiddenPath), 0);
}

// 4.2: what the server sends keeps to what the client set, which may be more than the least.
TEST_F(ServerFrameSize, ItsFramesKeepToTheClientsLimit) {
  for (const uint32_t limit : {http2::kMinMaxFrameSize, 40'000u, http2::kMaxMaxFrameSize}) {
    Http2Peer peer = connect({{Setting::kMaxFrameSize, limit}});
    EXPECT_EQ(peer.finish(peer.request(http2::get(kLargePath))).body.size(), kLargeBytes);
    EXPECT_EQ(peer.violations(), "");
  }
}

std::string interrupted(const std::string& by) {
  return http2::headers(1, getBlock(kForbiddenPath).substr(0, 5), http2::kEndStream) + by +
         http2::continuation(1, getBlock(kForbiddenPath).substr(5));
}

// 4.3, 6.2, 6.10: nothing may come between the frames of a field block, nor any unknown frame
// (5.5).
const Rule kBlocks[] = {
    {"S4_3_AFieldBlockInPiecesIsPutTogether", Before::kIdle,
     http2::headers(1, getBlock().substr(0, 1), http2::kEndStream) +
         http2::continuation(1, getBlock().substr(1, 9), 0) +
         http2::continuation(1, getBlock().substr(10)),
     Outcome::kServed},
    {"S4_3_PiecesMayBeEmpty", Before::kIdle,
     http2::headers(1, "", http2::kEndStream) + http2::continuation(1, getBlock(), 0) +
         http2::continuation(1, ""),
     Outcome::kServed},
    {"S4_3_DataWithinABlock",
     Before::kIdle,
     interrupted(http2::data(1, "x")),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S4_3_HeadersWithinABlock",
     Before::kIdle,
     interrupted(http2::headers(1, getBlock(kForbiddenPath), kWhole)),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S4_3_HeadersOfAnotherStreamWithinABlock",
     Before::kIdle,
     interrupted(http2::headers(3, getBlock(kForbiddenPath), kWhole)),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S4_3_ContinuationOfAnotherStreamWithinABlock",
     Before::kIdle,
     interrupted(http2::continuation(3, getBlock(kForbiddenPath))),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S4_3_PriorityWithinABlock",
     Before::kIdle,
     interrupted(http2::priority(1, 0, 1)),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S4_3_RstStreamWithinABlock",
     Before::kIdle,
     interrupted(http2::rstStream(1, kCancel)),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S4_3_SettingsWithinABlock",
     Before::kIdle,
     interrupted(http2::settings()),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S4_3_PingWithinABlock",
     Before::kIdle,
     interrupted(http2::ping("12345678")),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S4_3_GoawayWithinABlock",
     Before::kIdle,
     interrupted(http2::goaway(0, kNoError)),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S4_3_WindowUpdateWithinABlock",
     Before::kIdle,
     interrupted(http2::windowUpdate(0, 1)),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S5_5_AnUnknownFrameWithinABlock",
     Before::kIdle,
     interrupted(http2::frame(kUnknown, 0, 1, "x")),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S4_3_DataWithinTheBlockOfTrailers",
     Before::kOpen,
     http2::headers(1, "", http2::kEndStream) + http2::data(1, "x") +
         http2::continuation(1, hpack::literal("x-t", "1")),
     Outcome::kConnectionError,
     {kProtocolError}},
};
INSTANTIATE_TEST_SUITE_P(Section4_3, ServerRule, ::testing::ValuesIn(kBlocks), ServerRule::nameOf);

class ServerCompressionState : public ServerTest {};

// 4.3: blocks of requests that are refused still change the table.
TEST_F(ServerCompressionState, ABlockThatIsRefusedCounts) {
  Http2Peer peer = connect();
  peer.send(http2::headers(1,
                           hpack::literal("x-state", "kept", hpack::Literal::kIncremental) +
                               hpack::block(http2::get(kForbiddenPath)),
                           kWhole));
  ASSERT_TRUE(peer.refusedAsMalformed(1));
  if (!peer.goaways().empty()) return;
  peer.send(http2::headers(3, getBlock() + hpack::indexed(62), kWhole));
  EXPECT_TRUE(peer.responds(3, 200));
  if (testsWeir()) {
    EXPECT_NE(peer.message(3).body.find("x-state: kept"), std::string::npos);
  }
}

// 4.3, 5.1: and those that come for a stream that was reset.
TEST_F(ServerCompressionState, TrailersOfAStreamThatWasResetCount) {
  Http2Peer peer = connect();
  const uint32_t stream = peer.request(http2::post("/"), false);
  // Malformed: the server resets the stream while the client is still sending.
  peer.send(http2::headers(stream, hpack::literal(":path", "/"), kWhole));
  ASSERT_TRUE(peer.refusedAsMalformed(stream));
  if (!peer.goaways().empty()) return;
  peer.send(http2::headers(stream, hpack::literal("x-state", "kept", hpack::Literal::kIncremental),
                           kWhole));
  if (!peer.roundTrip()) return;  // 5.1 lets it end the connection
  peer.send(http2::headers(3, getBlock() + hpack::indexed(62), kWhole));
  EXPECT_TRUE(peer.responds(3, 200));
  if (testsWeir()) {
    EXPECT_NE(peer.message(3).body.find("x-state: kept"), std::string::npos);
  }
}

// 4.3.1: when the client makes its table smaller, the server's next block says so first.
TEST_F(ServerCompressionState, ASmallerTableIsRespected) {
  for (const uint32_t size : {0u, 100u, 4095u}) {
    Http2Peer peer = connect();
    EXPECT_TRUE(peer.serves());
    ASSERT_TRUE(peer.sendSettings({{Setting::kHeaderTableSize, size}}));
    ASSERT_TRUE(peer.until([&] { return peer.settingsAcks() == 2; }));
    EXPECT_TRUE(peer.serves());
    EXPECT_TRUE(peer.serves());
    EXPECT_LE(peer.decoder().tableBytes(), size);
    EXPECT_EQ(peer.violations(), "");
  }
}

// 4.3.1: also when it is made smaller and larger again between two blocks (RFC 7541, 4.2).
TEST_F(ServerCompressionState, SmallerAndLargerAgainIsRespected) {
  Http2Peer peer = connect();
  EXPECT_TRUE(peer.serves());
  peer.sendSettings({{Setting::kHeaderTableSize, 0}});
  peer.sendSettings({{Setting::kHeaderTableSize, 4096}});
  ASSERT_TRUE(peer.until([&] { return peer.settingsAcks() == 3; }));
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(peer.serves());
  EXPECT_EQ(peer.violations(), "");
}

// 4.3.1: the other way round, the server insists.
TEST_F(ServerCompressionState, AClientThatIgnoresASmallerTableIsRefused) {
  Http2Peer peer = connect();
  if (peer.theirSetting(Setting::kHeaderTableSize, 4096) >= 4096)
    GTEST_SKIP() << "the server asks for no smaller table";
  peer.request();
  EXPECT_TRUE(peer.connectionError({kCompressionError}));
}

}  // namespace
}  // namespace weir::conformance
