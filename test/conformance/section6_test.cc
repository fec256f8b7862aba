// RFC 9113, section 6: what each frame must be like. Sizes are in section4_test.cc, windows in
// section5_test.cc.

#include <string>
#include <vector>

#include "test/conformance/server_fixture.h"

namespace weir::conformance {
namespace {

namespace http2 = test::http2;
namespace hpack = test::http2::hpack;
using enum ErrorCode;

constexpr uint8_t kWhole = http2::kEndHeaders | http2::kEndStream;

std::string getBlock(std::string_view path = "/") {
  return hpack::block(http2::get(path));
}

std::string padded(std::string_view content, uint8_t pad_length) {
  return http2::paddedPayload(content, pad_length);
}

// A payload whose padding is said to be longer than it is.
std::string overPadded(std::string_view content, uint8_t pad_length) {
  return std::string(1, static_cast<char>(pad_length)) + std::string(content);
}

std::string setting(Setting id, uint32_t value) {
  return http2::settings({{id, value}});
}

const Rule kData[] = {
    {"S6_1_DataOnStreamZero",
     Before::kOpen,
     http2::data(0, "x"),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S6_1_PaddedDataIsTaken", Before::kOpen, http2::data(1, padded("x", 10), http2::kPadded),
     Outcome::kIgnored},
    {"S6_1_NothingButPaddingIsTaken", Before::kOpen,
     http2::data(1, padded("", 255), http2::kPadded), Outcome::kIgnored},
    {"S6_1_APadLengthOfZeroIsTaken", Before::kOpen, http2::data(1, padded("x", 0), http2::kPadded),
     Outcome::kIgnored},
    {"S6_1_PaddingAsLongAsTheDataIsAConnectionError",
     Before::kOpen,
     http2::data(1, overPadded("12345", 6), http2::kPadded),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S6_1_PaddingLongerThanTheFrameIsAConnectionError",
     Before::kOpen,
     http2::data(1, overPadded("12345", 255), http2::kPadded),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S6_1_EmptyDataIsTaken", Before::kOpen, http2::data(1, "") + http2::data(1, ""),
     Outcome::kIgnored},
    {"S6_1_EmptyDataEndsAStream", Before::kOpen, http2::data(1, "", http2::kEndStream),
     Outcome::kServed},
};
INSTANTIATE_TEST_SUITE_P(Section6_1, ServerRule, ::testing::ValuesIn(kData), ServerRule::nameOf);

const Rule kHeaders[] = {
    {"S6_2_HeadersOnStreamZero",
     Before::kIdle,
     http2::headers(0, getBlock(), kWhole),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S6_2_PaddedHeadersAreTaken", Before::kIdle,
     http2::headers(1, padded(getBlock(), 200), kWhole | http2::kPadded), Outcome::kServed},
    {"S6_2_PaddingLongerThanTheFrameIsAConnectionError",
     Before::kIdle,
     http2::headers(1, overPadded(getBlock(kForbiddenPath), 255), kWhole | http2::kPadded),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S6_2_PaddingOverThePriorityIsAConnectionError",
     Before::kIdle,
     http2::headers(1, overPadded(http2::bigEndian(0, 4) + "\x10", 6),
                    kWhole | http2::kPadded | http2::kPriorityFlag),
     Outcome::kConnectionError,
     {kProtocolError, kFrameSizeError}},
    {"S6_2_EndStreamBeforeContinuationIsTaken", Before::kIdle,
     http2::headers(1, "", http2::kEndStream) + http2::continuation(1, getBlock()),
     Outcome::kServed},
};
INSTANTIATE_TEST_SUITE_P(Section6_2, ServerRule, ::testing::ValuesIn(kHeaders), ServerRule::nameOf);

const Rule kPriorityAndReset[] = {
    {"S6_3_PriorityOnStreamZero",
     Before::kOpen,
     http2::priority(0, 0, 16),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S6_3_PriorityOnAnOpenStreamIsTaken", Before::kOpen, http2::priority(1, 0, 16),
     Outcome::kIgnored},
    {"S6_4_RstStreamOnStreamZero",
     Before::kOpen,
     http2::rstStream(0, kCancel),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S6_4_RstStreamOnAnIdleStream",
     Before::kOpen,
     http2::rstStream(3, kCancel),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S6_4_RstStreamOnAnIdleStreamOfTheServer",
     Before::kOpen,
     http2::rstStream(2, kCancel),
     Outcome::kConnectionError,
     {kProtocolError}},
};
INSTANTIATE_TEST_SUITE_P(Section6_3And6_4, ServerRule, ::testing::ValuesIn(kPriorityAndReset),
                         ServerRule::nameOf);

const Rule kSettings[] = {
    {"S6_5_SettingsOnAStream",
     Before::kOpen,
     http2::frame(FrameType::kSettings, 0, 1, {}),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S6_5_AnAcknowledgementWithContent",
     Before::kOpen,
     http2::frame(FrameType::kSettings, http2::kAck, 0, "123456"),
     Outcome::kConnectionError,
     {kFrameSizeError}},
    {"S6_5_SettingsMayComeAtAnyTime", Before::kOpen, http2::settings(), Outcome::kIgnored},
    {"S6_5_SettingsMayComeWhileAResponseWaits", Before::kHalfClosed,
     setting(Setting::kMaxConcurrentStreams, 3), Outcome::kIgnored},
    {"S6_5_2_EnablePushAboveOne",
     Before::kOpen,
     setting(Setting::kEnablePush, 2),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S6_5_2_EnablePushMayBeZeroOrOne", Before::kOpen,
     setting(Setting::kEnablePush, 0) + setting(Setting::kEnablePush, 1), Outcome::kIgnored},
    {"S6_5_2_AnInitialWindowTooLarge",
     Before::kOpen,
     setting(Setting::kInitialWindowSize, 0x80000000),
     Outcome::kConnectionError,
     {kFlowControlError}},
    {"S6_5_2_TheLargestInitialWindowIsTaken", Before::kClosed,
     setting(Setting::kInitialWindowSize, http2::kMaxWindow), Outcome::kIgnored},
    {"S6_5_2_AFrameSizeTooSmall",
     Before::kOpen,
     setting(Setting::kMaxFrameSize, http2::kMinMaxFrameSize - 1),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S6_5_2_AFrameSizeTooLarge",
     Before::kOpen,
     setting(Setting::kMaxFrameSize, http2::kMaxMaxFrameSize + 1),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S6_5_2_AHeaderTableOfAnySizeIsTaken", Before::kOpen,
     setting(Setting::kHeaderTableSize, 0xffffffff), Outcome::kIgnored},
    {"S6_5_2_NoConcurrentStreamsIsTaken", Before::kOpen, setting(Setting::kMaxConcurrentStreams, 0),
     Outcome::kIgnored},
    {"S6_5_3_TheLastValueCounts", Before::kOpen,
     http2::settings({{Setting::kInitialWindowSize, 0}, {Setting::kInitialWindowSize, 65'535}}),
     Outcome::kIgnored},
};
INSTANTIATE_TEST_SUITE_P(Section6_5, ServerRule, ::testing::ValuesIn(kSettings),
                         ServerRule::nameOf);

// Settings of extensions that are 0 or 1: RFC 8441, section 3, for a server that offers the
// extension, and RFC 9218, section 2.1.
const Rule kExtensionSettings[] = {
    {"Rfc8441_3_ConnectProtocolAboveOne",
     Before::kOpen,
     setting(Setting::kEnableConnectProtocol, 2),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"Rfc9218_2_1_NoPrioritiesAboveOne",
     Before::kOpen,
     setting(Setting::kNoRfc7540Priorities, 2),
     Outcome::kConnectionError,
     {kProtocolError}},
};
INSTANTIATE_TEST_SUITE_P(Extensions, ServerRule, ::testing::ValuesIn(kExtensionSettings),
                         ServerRule::nameOf);

class ServerSettings : public ServerTest {};

// 6.5.3: each SETTINGS is acknowledged once, in order, and at once.
TEST_F(ServerSettings, EachIsAcknowledged) {
  Http2Peer peer = connect();
  for (int i = 0; i < 5; ++i) peer.sendSettings({{Setting::kMaxHeaderListSize, 100'000}});
  ASSERT_TRUE(peer.roundTrip());
  EXPECT_EQ(peer.settingsAcks(), 6);
  EXPECT_EQ(peer.violations(), "");
}

// 6.5.3: an acknowledgement nobody waits for is no reason to end; nothing in the RFC says so, but
// it changes nothing either. What is asked: no crash, and either way out.
TEST_F(ServerSettings, AnAcknowledgementOfNothingHarmsNobody) {
  Http2Peer peer = connect();
  peer.send(http2::settingsAck());
  if (!peer.roundTrip()) {
    EXPECT_TRUE(peer.connectionError({kProtocolError}));
  }
}

// 6.5.2, 6.5.3: a wrong value that the same frame replaces. It is wrong all the same; who applies
// only the last one never meets it.
TEST_F(ServerSettings, AWrongValueThatIsReplacedAtOnceHarmsNobody) {
  Http2Peer peer = connect();
  peer.sendSettings(
      {{Setting::kMaxFrameSize, 1}, {Setting::kMaxFrameSize, http2::kMinMaxFrameSize}});
  if (peer.roundTrip()) {
    EXPECT_TRUE(peer.serves());
    EXPECT_EQ(peer.violations(), "");
  } else {
    EXPECT_TRUE(peer.connectionError({kProtocolError}));
  }
}

const Rule kPush[] = {
    {"S6_6_AClientMustNotPush",
     Before::kOpen,
     http2::pushPromise(1, 2, getBlock(kForbiddenPath)),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S6_6_NotOnStreamZeroEither",
     Before::kOpen,
     http2::pushPromise(0, 2, getBlock(kForbiddenPath)),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S8_4_NorOnAClosedStream",
     Before::kClosed,
     http2::pushPromise(1, 2, getBlock(kForbiddenPath)),
     Outcome::kConnectionError,
     {kProtocolError}},
};
INSTANTIATE_TEST_SUITE_P(Section6_6, ServerRule, ::testing::ValuesIn(kPush), ServerRule::nameOf);

const Rule kPing[] = {
    {"S6_7_PingOnAStream",
     Before::kOpen,
     http2::frame(FrameType::kPing, 0, 1, "12345678"),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S6_8_GoawayOnAStream",
     Before::kOpen,
     http2::frame(FrameType::kGoaway, 0, 1, std::string(8, '\0')),
     Outcome::kConnectionError,
     {kProtocolError}},
};
INSTANTIATE_TEST_SUITE_P(Section6_7And6_8, ServerRule, ::testing::ValuesIn(kPing),
                         ServerRule::nameOf);

class ServerPing : public ServerTest {};

// 6.7: an answer carries the same octets; an answer is not answered.
TEST_F(ServerPing, IsAnsweredWithTheSameOctets) {
  Http2Peer peer = connect();
  peer.send(http2::ping("answered", http2::kAck) + http2::ping("\x01\x02\x03\x04\xff\xfe\xfd\xfc"));
  ASSERT_TRUE(peer.until([&] { return peer.count(FrameType::kPing) > 0; }));
  ASSERT_TRUE(peer.roundTrip());
  ASSERT_EQ(peer.count(FrameType::kPing), 2u);
  for (const http2::Frame& frame : peer.frames()) {
    if (frame.type != FrameType::kPing) continue;
    EXPECT_TRUE(frame.has(http2::kAck));
    EXPECT_EQ(frame.payload, "\x01\x02\x03\x04\xff\xfe\xfd\xfc");
    break;
  }
}

class ServerGoaway : public ServerTest {};

// 6.8: a client that says GOAWAY still gets what it asked for before.
TEST_F(ServerGoaway, WhatWasAskedBeforeIsAnswered) {
  Http2Peer peer = withHeldResponse();
  peer.send(http2::goaway(0, kNoError, "bye"));
  peer.openWindow(1, kLargeBytes);
  EXPECT_TRUE(peer.responds(1, 200));
  EXPECT_EQ(peer.message(1).body.size(), kLargeBytes);
  EXPECT_EQ(peer.violations(), "");
}

// 7: with an unknown code, too.
TEST_F(ServerGoaway, AnUnknownCodeIsTaken) {
  Http2Peer peer = withHeldResponse();
  peer.send(http2::goaway(0, static_cast<ErrorCode>(0xdeadbeef)));
  peer.openWindow(1, kLargeBytes);
  EXPECT_TRUE(peer.responds(1, 200));
}

// 6.9: increments of 0, windows that overflow.
const Rule kWindows[] = {
    {"S6_9_AnIncrementOfZeroOnAStream",
     Before::kOpen,
     http2::windowUpdate(1, 0),
     Outcome::kStreamError,
     {kProtocolError}},
    {"S6_9_AnIncrementOfZeroOnTheConnection",
     Before::kOpen,
     http2::windowUpdate(0, 0),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S6_9_TheReservedBitOfTheIncrementIsIgnored", Before::kOpen,
     http2::windowUpdate(1, 0x80000001), Outcome::kIgnored},
    {"S6_9_1_AStreamsWindowThatOverflows",
     Before::kOpen,
     http2::windowUpdate(1, http2::kMaxWindow),
     Outcome::kStreamError,
     {kFlowControlError}},
    {"S6_9_1_ByManyIncrements",
     Before::kHalfClosed,
     http2::windowUpdate(1, http2::kMaxWindow / 2) + http2::windowUpdate(0, 1) +
         http2::windowUpdate(1, http2::kMaxWindow),
     Outcome::kStreamError,
     {kFlowControlError}},
    {"S6_9_1_TheConnectionsWindowThatOverflows",
     Before::kOpen,
     http2::windowUpdate(0, http2::kMaxWindow),
     Outcome::kConnectionError,
     {kFlowControlError}},
    {"S6_9_1_TheLargestWindowIsTaken", Before::kOpen,
     http2::windowUpdate(0, http2::kMaxWindow - http2::kDefaultWindow) +
         http2::windowUpdate(1, http2::kMaxWindow - http2::kDefaultWindow),
     Outcome::kIgnored},
    {"S6_9_2_SettingsThatOverflowAStreamsWindow",
     Before::kOpen,
     http2::windowUpdate(1, http2::kMaxWindow - http2::kDefaultWindow) +
         setting(Setting::kInitialWindowSize, http2::kDefaultWindow + 1),
     Outcome::kConnectionError,
     {kFlowControlError}},
};
INSTANTIATE_TEST_SUITE_P(Section6_9, ServerRule, ::testing::ValuesIn(kWindows), ServerRule::nameOf);

const Rule kContinuation[] = {
    {"S6_10_OnStreamZero",
     Before::kOpen,
     http2::continuation(0, getBlock()),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S6_10_BehindAWholeBlock",
     Before::kIdle,
     http2::headers(1, getBlock(), http2::kEndHeaders) + http2::continuation(1, ""),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S6_10_BehindTheLastContinuation",
     Before::kIdle,
     http2::headers(1, "", 0) + http2::continuation(1, getBlock()) + http2::continuation(1, ""),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S6_10_BehindData",
     Before::kOpen,
     http2::data(1, "x") + http2::continuation(1, ""),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S6_10_OnAnotherStream",
     Before::kIdle,
     http2::headers(1, "", http2::kEndStream) + http2::continuation(3, getBlock()),
     Outcome::kConnectionError,
     {kProtocolError}},
};
INSTANTIATE_TEST_SUITE_P(Section6_10, ServerRule, ::testing::ValuesIn(kContinuation),
                         ServerRule::nameOf);

}  // namespace
}  // namespace weir::conformance
