// RFC 9113, section 5: stream states, identifiers, concurrency, flow control, priority, errors.

#include <algorithm>
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

std::string forbidden(uint32_t stream) {
  return http2::headers(stream, getBlock(kForbiddenPath), kWhole);
}

const std::string kTrailers = http2::headers(1, hpack::literal("x-trailer", "1"), kWhole);

// 5.1: what may come in which state.
const Rule kStates[] = {
    {"S5_1_DataOnAnIdleStream",
     Before::kIdle,
     http2::data(1, "x"),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S5_1_RstStreamOnAnIdleStream",
     Before::kIdle,
     http2::rstStream(1, kCancel),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S5_1_WindowUpdateOnAnIdleStream",
     Before::kIdle,
     http2::windowUpdate(1, 1),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S5_1_ContinuationOnAnIdleStream",
     Before::kIdle,
     http2::continuation(1, getBlock()),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S5_1_PushPromiseOnAnIdleStream",
     Before::kIdle,
     http2::pushPromise(1, 2, getBlock()),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S5_1_PriorityOnAnIdleStreamIsTaken", Before::kIdle, http2::priority(99, 0, 16),
     Outcome::kIgnored},
    {"S5_1_DataOnAHalfClosedStream",
     Before::kHalfClosed,
     http2::data(1, "x"),
     Outcome::kStreamError,
     {kStreamClosed}},
    {"S5_1_TrailersOnAHalfClosedStream",
     Before::kHalfClosed,
     kTrailers,
     Outcome::kStreamError,
     {kStreamClosed}},
    {"S5_1_ContinuationOnAHalfClosedStream",
     Before::kHalfClosed,
     http2::continuation(1, getBlock()),
     Outcome::kConnectionError,
     {kProtocolError, kStreamClosed}},
    {"S5_1_WindowUpdateOnAHalfClosedStreamIsTaken", Before::kHalfClosed, http2::windowUpdate(1, 1),
     Outcome::kIgnored},
    {"S5_1_PriorityOnAHalfClosedStreamIsTaken", Before::kHalfClosed, http2::priority(1, 0, 16),
     Outcome::kIgnored},
    {"S5_1_DataOnAClosedStream", Before::kClosed, http2::data(1, "x"), Outcome::kLate},
    {"S5_1_TrailersOnAClosedStream", Before::kClosed, kTrailers, Outcome::kLate},
    {"S5_1_ARequestOnAClosedStream", Before::kClosed, forbidden(1), Outcome::kLate},
    {"S5_1_ContinuationOnAClosedStream",
     Before::kClosed,
     http2::continuation(1, getBlock()),
     Outcome::kConnectionError,
     {kProtocolError, kStreamClosed}},
    {"S5_1_PriorityOnAClosedStreamIsTaken", Before::kClosed, http2::priority(1, 0, 16),
     Outcome::kIgnored},
    {"S5_1_WindowUpdateOnAClosedStreamIsNoError", Before::kClosed, http2::windowUpdate(1, 1),
     Outcome::kIgnored},
    {"S5_1_RstStreamOnAClosedStreamIsNoError", Before::kClosed, http2::rstStream(1, kCancel),
     Outcome::kIgnored},
    {"S5_1_DataAfterTheClientsReset", Before::kOpen,
     http2::rstStream(1, kCancel) + http2::data(1, "x"), Outcome::kLate},
    {"S5_1_TrailersAfterTheClientsReset", Before::kOpen, http2::rstStream(1, kCancel) + kTrailers,
     Outcome::kLate},
    {"S5_1_ARequestAfterTheClientsReset", Before::kOpen,
     http2::rstStream(1, kCancel) + forbidden(1), Outcome::kLate},
    {"S5_1_PriorityBehindTheEndIsTaken", Before::kOpen,
     http2::data(1, "end", http2::kEndStream) + http2::priority(1, 0, 16), Outcome::kServed},
    {"S5_1_ASecondResetIsNoError", Before::kClosed,
     http2::rstStream(1, kCancel) + http2::rstStream(1, kCancel), Outcome::kIgnored},
};
INSTANTIATE_TEST_SUITE_P(Section5_1, ServerRule, ::testing::ValuesIn(kStates), ServerRule::nameOf);

// 5.1.1: numbers of streams.
const Rule kNumbers[] = {
    {"S5_1_1_AnEvenNumberOfAClient",
     Before::kIdle,
     forbidden(2),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S5_1_1_StreamZeroCarriesNoRequest",
     Before::kIdle,
     forbidden(0),
     Outcome::kConnectionError,
     {kProtocolError}},
    {"S5_1_1_NumbersMayBeSkipped", Before::kIdle,
     http2::headers(1, getBlock(), kWhole) + http2::headers(77, getBlock(), kWhole),
     Outcome::kServed},
};
INSTANTIATE_TEST_SUITE_P(Section5_1_1, ServerRule, ::testing::ValuesIn(kNumbers),
                         ServerRule::nameOf);

class ServerStreams : public ServerTest {};

// 5.1.1: a number lower than one used before. Its stream was closed when the higher one opened, so
// STREAM_CLOSED (5.1) names the same error.
TEST_F(ServerStreams, NumbersThatGoBackAreAConnectionError) {
  Http2Peer peer = connect();
  peer.send(http2::headers(5, getBlock(), kWhole));
  ASSERT_TRUE(peer.responds(5, 200));
  peer.send(forbidden(3));
  EXPECT_TRUE(peer.connectionError({kProtocolError, kStreamClosed}));
  EXPECT_EQ(reached(kForbiddenPath), 0);
}

TEST_F(ServerStreams, TheLastNumberServes) {
  Http2Peer peer = connect();
  peer.send(http2::headers(0x7fffffff, getBlock(), kWhole));
  EXPECT_TRUE(peer.responds(0x7fffffff, 200));
}

// 5.1: the other streams of the connection go on when one is reset in the midst.
TEST_F(ServerStreams, AResetEndsOneStreamOnly) {
  Http2Peer peer = withHeldResponse();
  const uint32_t other = peer.request(http2::get(kLargePath));
  ASSERT_TRUE(peer.until([&] { return peer.message(other).status() == 200; }));
  peer.send(http2::rstStream(1, kCancel));
  peer.openWindow(other, kLargeBytes);
  EXPECT_TRUE(peer.responds(other, 200));
  EXPECT_EQ(peer.message(1).body, "");
}

// 6.4: after RST_STREAM nothing more is sent on the stream, not even RST_STREAM (5.4.2).
TEST_F(ServerStreams, NothingIsSentAfterTheClientsReset) {
  Http2Peer peer = withHeldResponse();
  peer.send(http2::rstStream(1, kCancel));
  ASSERT_TRUE(peer.roundTrip());
  const size_t before = peer.frames().size();
  peer.send(http2::windowUpdate(1, 100'000));
  ASSERT_TRUE(peer.roundTrip());
  for (size_t i = before; i < peer.frames().size(); ++i)
    EXPECT_NE(peer.frames()[i].stream, 1u) << peer.frames()[i].text();
  EXPECT_EQ(peer.count(FrameType::kRstStream, 1), 0u);
}

// 5.1.2: streams beyond the limit are refused, those within it are served; the error tells whether
// a retry is safe.
TEST_F(ServerStreams, MoreThanTheLimitAreRefused) {
  Http2Peer peer = connect({{Setting::kInitialWindowSize, 0}});
  const uint32_t limit = peer.theirSetting(Setting::kMaxConcurrentStreams, 0);
  if (limit == 0 || limit > 1000) GTEST_SKIP() << "no limit to test: " << limit;
  std::vector<uint32_t> streams;
  for (uint32_t i = 0; i < limit; ++i) streams.push_back(peer.request(http2::get(kLargePath)));
  ASSERT_TRUE(peer.until([&] { return peer.message(streams.back()).status() == 200; }));
  const uint32_t refused = peer.request(http2::get(kForbiddenPath));
  EXPECT_TRUE(peer.streamError(refused, {kRefusedStream, kProtocolError}));
  EXPECT_EQ(reached(kForbiddenPath), 0);
  if (!peer.goaways().empty()) return;  // 5.4.1 allows it
  // Room again as soon as one ends.
  peer.openWindow(streams.front(), kLargeBytes);
  ASSERT_TRUE(peer.responds(streams.front(), 200));
  const uint32_t next = peer.request(http2::get(kLargePath));
  peer.openWindow(next, kLargeBytes);
  EXPECT_TRUE(peer.responds(next, 200));
  EXPECT_EQ(peer.violations(), "");
}

// 5.1.2: half-closed streams count as open ones do; those that were reset do not.
TEST_F(ServerStreams, StreamsThatWereResetLeaveRoom) {
  Http2Peer peer = connect({{Setting::kInitialWindowSize, 0}});
  const uint32_t limit = peer.theirSetting(Setting::kMaxConcurrentStreams, 0);
  if (limit == 0 || limit > 1000) GTEST_SKIP() << "no limit to test: " << limit;
  std::vector<uint32_t> streams;
  for (uint32_t i = 0; i < limit; ++i) streams.push_back(peer.request(http2::post("/"), false));
  // Fewer than any guard against rapid resets counts.
  for (uint32_t i = 0; i < 5; ++i) peer.send(http2::rstStream(streams[i], kCancel));
  const uint32_t next = peer.request(http2::get());
  peer.openWindow(next, 65'535);
  EXPECT_TRUE(peer.responds(next, 200));
}

class ServerFlowControl : public ServerTest {};

// 5.2.1: the windows of the client are kept to the octet, that of each stream...
TEST_F(ServerFlowControl, AStreamsWindowIsKept) {
  Http2Peer peer = withHeldResponse();
  for (const uint32_t bytes : {1u, 10u, 1000u, 16'385u}) {
    const size_t before = peer.message(1).body.size();
    peer.manners.open_windows = false;
    peer.openWindow(1, bytes);
    ASSERT_TRUE(peer.until([&] { return peer.message(1).body.size() >= before + bytes; }));
    ASSERT_TRUE(peer.roundTrip());
    EXPECT_EQ(peer.message(1).body.size(), before + bytes);
  }
  EXPECT_EQ(peer.violations(), "");
}

// ... and that of the connection: 65535 octets at first, whatever SETTINGS say (6.9.2).
TEST_F(ServerFlowControl, TheConnectionsWindowIsKept) {
  Http2Peer peer = connect({{Setting::kInitialWindowSize, 1'000'000}});
  peer.manners.open_windows = false;
  const uint32_t stream = peer.request(http2::get(kLargePath));
  const Message& message = peer.message(stream);
  ASSERT_TRUE(peer.until([&] { return message.body.size() >= http2::kDefaultWindow; }));
  ASSERT_TRUE(peer.roundTrip());
  EXPECT_EQ(message.body.size(), http2::kDefaultWindow);
  // 5.2.1: only DATA waits for a window; heads and PING do not.
  const uint32_t other = peer.request(http2::get(kLargePath));
  EXPECT_TRUE(peer.until([&] { return peer.message(other).status() == 200; }));
  peer.openWindow(0, kLargeBytes - http2::kDefaultWindow);
  EXPECT_TRUE(peer.until([&] {
    return message.body.size() + peer.message(other).body.size() == kLargeBytes;
  })) << message.body.size()
      << " " << peer.message(other).body.size();
  EXPECT_EQ(peer.violations(), "");
}

// 6.9.2: a new initial window changes those of open streams, by the difference.
TEST_F(ServerFlowControl, ALargerInitialWindowOpensStreams) {
  Http2Peer peer = withHeldResponse();
  peer.sendSettings({{Setting::kInitialWindowSize, 5}});
  peer.manners.open_windows = false;
  EXPECT_TRUE(peer.until([&] { return peer.message(1).body.size() == 5; })) << peer.whatCame();
  peer.sendSettings({{Setting::kInitialWindowSize, 25}});
  EXPECT_TRUE(peer.until([&] { return peer.message(1).body.size() == 25; })) << peer.whatCame();
  ASSERT_TRUE(peer.roundTrip());
  EXPECT_EQ(peer.message(1).body.size(), 25u);
  EXPECT_EQ(peer.violations(), "");
}

// 6.9.2: a window that has become negative must be positive again before anything is sent.
TEST_F(ServerFlowControl, ANegativeWindowIsTracked) {
  Http2Peer peer = connect({{Setting::kInitialWindowSize, 100}});
  peer.manners.open_windows = false;
  const uint32_t stream = peer.request(http2::get(kLargePath));
  const Message& message = peer.message(stream);
  ASSERT_TRUE(peer.until([&] { return message.body.size() == 100; }));
  peer.sendSettings({{Setting::kInitialWindowSize, 40}});  // now -60
  peer.openWindow(stream, 60);                             // now 0
  ASSERT_TRUE(peer.roundTrip());
  EXPECT_EQ(message.body.size(), 100u);
  peer.openWindow(stream, 7);
  EXPECT_TRUE(peer.until([&] { return message.body.size() == 107; })) << peer.whatCame();
  EXPECT_EQ(peer.violations(), "");
}

// 6.9.1: an empty frame that ends the stream needs no window.
TEST_F(ServerFlowControl, AnEmptyBodyNeedsNoWindow) {
  Http2Peer peer = connect({{Setting::kInitialWindowSize, 0}});
  auto head = http2::get();
  head[0].value = "HEAD";
  const uint32_t stream = peer.request(head);
  EXPECT_TRUE(peer.responds(stream, 200));
}

// 5.2: one stream whose window is closed does not hold back another.
TEST_F(ServerFlowControl, AStalledStreamHoldsBackNoOther) {
  Http2Peer peer = withHeldResponse();
  const uint32_t other = peer.request(http2::get(kLargePath));
  peer.openWindow(other, kLargeBytes);
  EXPECT_TRUE(peer.responds(other, 200));
  EXPECT_EQ(peer.message(other).body.size(), kLargeBytes);
}

// 5.2.2: the server reads on: requests larger than its windows come through, because it opens them.
TEST_F(ServerFlowControl, ItsWindowsOpenAsItReads) {
  Http2Peer peer = connect();
  const uint32_t stream = peer.request(http2::post("/"), false);
  const std::string piece(10'000, 'u');
  int64_t sent = 0;
  size_t pieces = 0;
  const auto given = [&] {
    int64_t sum = peer.theirSetting(Setting::kInitialWindowSize, http2::kDefaultWindow);
    for (const http2::Frame& frame : peer.frames()) {
      if (frame.type == FrameType::kWindowUpdate && frame.stream == stream)
        sum += http2::readBigEndian(frame.payload);
    }
    return std::min(sum, peer.sendWindow());
  };
  // Fewer pieces where the window is large from the start; more than it in any case.
  const size_t total = static_cast<size_t>(given()) / piece.size() + 20;
  for (; pieces < total; ++pieces) {
    ASSERT_TRUE(peer.until([&] { return given() >= sent + static_cast<int64_t>(piece.size()); }))
        << sent << " octets sent, " << given() << " allowed";
    peer.send(http2::data(stream, piece));
    sent += static_cast<int64_t>(piece.size());
  }
  peer.send(http2::data(stream, "", http2::kEndStream));
  EXPECT_TRUE(peer.responds(stream, 200));
  EXPECT_EQ(peer.violations(), "");
}

// 6.9: DATA that is in error counts too: the window of the connection comes back for it, else many
// refused uploads would close it.
TEST_F(ServerFlowControl, RefusedDataGivesTheConnectionsWindowBack) {
  Http2Peer peer = connect();
  const auto bad = [&](uint32_t stream) {
    return http2::headers(stream,
                          hpack::block(http2::post(kForbiddenPath, {{"content-length", "1"}}))) +
           http2::data(stream, std::string(10'000, 'x'), http2::kEndStream);
  };
  int64_t sent = 0;
  for (uint32_t stream = 1; stream < 40; stream += 2) {
    const auto room = [&] { return peer.closed() || peer.sendWindow() - sent >= 10'000; };
    ASSERT_TRUE(peer.until(room)) << stream << ": " << peer.sendWindow() - sent;
    if (peer.closed()) return;  // 5.4.1 allows it
    peer.send(bad(stream));
    ASSERT_TRUE(peer.refusedAsMalformed(stream));
    sent += 10'000;
  }
}

// 5.3, 6.3: the old priorities are taken and have no effect on what is right. 5.3.1 of RFC 7540
// made a stream that depends on itself an error; RFC 9113 says nothing of it.
const Rule kPriorities[] = {
    {"S5_3_HeadersWithPriority", Before::kIdle,
     http2::headers(1, http2::bigEndian(0, 4) + "\x10" + getBlock(), kWhole | http2::kPriorityFlag),
     Outcome::kServed},
    {"S5_3_HeadersWithPriorityAndPadding", Before::kIdle,
     http2::headers(1,
                    http2::paddedPayload(http2::bigEndian(0x80000000, 4) + "\xff" + getBlock(), 7),
                    kWhole | http2::kPriorityFlag | http2::kPadded),
     Outcome::kServed},
    {"S5_3_PrioritiesThatDependOnEachOther", Before::kOpen,
     http2::priority(1, 3, 16) + http2::priority(3, 1, 16, true) + http2::priority(1, 99, 0),
     Outcome::kIgnored},
};
INSTANTIATE_TEST_SUITE_P(Section5_3, ServerRule, ::testing::ValuesIn(kPriorities),
                         ServerRule::nameOf);

class ServerErrors : public ServerTest {};

// 5.4.1: GOAWAY names the last stream that the server may have worked on.
TEST_F(ServerErrors, GoawayNamesTheLastStream) {
  Http2Peer peer = connect();
  peer.skipStreams(7);
  EXPECT_TRUE(peer.serves());
  peer.send(http2::data(0, "x"));
  ASSERT_TRUE(peer.connectionError({kProtocolError}));
  EXPECT_EQ(peer.goaways().back().last_stream, 7u);
}

// 5.4: one connection error is reported, whatever comes behind what caused it.
TEST_F(ServerErrors, OneConnectionErrorIsReported) {
  Http2Peer peer = connect();
  peer.send(http2::data(0, "x") + http2::ping("123") + http2::windowUpdate(0, 0) +
            http2::headers(1, hpack::indexed(0), kWhole));
  ASSERT_TRUE(peer.connectionError({kProtocolError}));
  EXPECT_EQ(peer.goaways().size(), 1u);
}

// 5.4.2: a stream error is told once, and frames that were on their way are taken.
TEST_F(ServerErrors, FramesOnTheirWayToAStreamInErrorAreTaken) {
  Http2Peer peer = connect();
  const uint32_t stream =
      peer.request(http2::post(kForbiddenPath, {{"connection", "close"}}), false);
  for (int i = 0; i < 4; ++i) peer.send(http2::data(stream, "on its way"));
  peer.send(http2::data(stream, "", http2::kEndStream));
  ASSERT_TRUE(peer.refusedAsMalformed(stream));
  if (!peer.goaways().empty()) return;
  EXPECT_TRUE(peer.roundTrip());
  EXPECT_LE(peer.count(FrameType::kRstStream, stream), 1u);
  EXPECT_TRUE(peer.serves());
  EXPECT_EQ(reached(kForbiddenPath), 0);
}

// 5.4.3: the end of the connection in the midst of anything is nothing but its end.
TEST_F(ServerErrors, TheEndMayComeAnywhere) {
  const std::string bytes = std::string(http2::kClientPreface) + http2::settings() +
                            http2::headers(1, getBlock(), kWhole) +
                            http2::headers(3, hpack::block(http2::post("/"))) +
                            http2::data(3, "content");
  for (size_t cut = 1; cut < bytes.size(); cut += 5) {
    Http2Peer peer = Http2Peer::connectTo(port());
    peer.send(bytes.substr(0, cut));
    if (cut % 2 == 0) {
      peer.abort();
    } else {
      peer.close();
    }
  }
  Http2Peer peer = connect();
  EXPECT_TRUE(peer.serves());
}

// 5.5, 7: unknown settings and error codes have no effect.
const Rule kUnknown[] = {
    {"S5_5_UnknownSettingsAreIgnored", Before::kOpen,
     http2::settings({{static_cast<Setting>(0), 1},
                      {static_cast<Setting>(7), 1},
                      {static_cast<Setting>(0xff), 0xffffffff}}),
     Outcome::kIgnored},
    {"S7_AnUnknownErrorCodeOfAResetIsTaken", Before::kClosed,
     http2::headers(3, hpack::block(http2::post("/"))) +
         http2::rstStream(3, static_cast<ErrorCode>(0xdeadbeef)),
     Outcome::kIgnored},
    {"S7_ErrorCodesOfEveryKindAreTaken", Before::kClosed,
     http2::headers(3, hpack::block(http2::post("/"))) + http2::rstStream(3, kNoError) +
         http2::headers(5, hpack::block(http2::post("/"))) + http2::rstStream(5, kHttp11Required),
     Outcome::kIgnored},
};
INSTANTIATE_TEST_SUITE_P(Section5_5, ServerRule, ::testing::ValuesIn(kUnknown), ServerRule::nameOf);

}  // namespace
}  // namespace weir::conformance
