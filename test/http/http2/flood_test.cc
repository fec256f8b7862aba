// What a peer may send in any number, and what is more than a peer in its senses sends.
#include <cstdlib>
#include <string>

#include "gtest/gtest.h"

#include "test/http/http2/raw_peer.h"

namespace weir::http::http2 {
namespace {

using raw::ErrorCode;

struct Flood {
  const char* name;
  Limit limit;
  uint32_t allowed;         // as the default options have it
  std::string (*one)(int);  // the n-th frame of it
};
void PrintTo(const Flood& flood, std::ostream* out) {
  *out << flood.name;
}

uint32_t streamOf(int n) {
  return static_cast<uint32_t>(3 + 2 * n);
}

const Flood kFloods[] = {
    {"resets", Limit::kResets, 400,
     [](int n) {
       return RawClient().request(streamOf(n)) + raw::rstStream(streamOf(n), ErrorCode::kCancel);
     }},
    {"malformed", Limit::kResets, 400,
     [](int n) {
       return raw::headers(streamOf(n), raw::hpack::block({{"x", "y"}}),
                           raw::kEndHeaders | raw::kEndStream);
     }},
    {"wrong_lengths", Limit::kResets, 400,
     [](int n) {
       return RawClient().request(streamOf(n), false, {{"content-length", "1"}}) +
              raw::data(streamOf(n), "xx");
     }},
    {"empty_data", Limit::kEmptyData, 100, [](int) { return raw::data(1, ""); }},
    {"empty_padded_data", Limit::kEmptyData, 100,
     [](int) { return raw::data(1, raw::paddedPayload("", 3), raw::kPadded); }},
    {"settings", Limit::kSettings, 49, [](int) { return raw::settings(); }},
    {"pings", Limit::kPings, 200, [](int) { return raw::ping("12345678"); }},
    {"priorities", Limit::kPriorities, 1000, [](int) { return raw::priority(1, 0, 3); }},
    {"priority_updates", Limit::kPriorities, 1000,
     [](int) { return raw::priorityUpdate(1, "u=1"); }},
    {"unknown", Limit::kUnknownFrames, 200,
     [](int) { return raw::frame(static_cast<raw::FrameType>(0x77), 0, 0, "xyz"); }},
    {"unknown_empty", Limit::kUnknownFrames, 200,
     [](int) { return raw::frame(static_cast<raw::FrameType>(0xff), 0, 0, ""); }},
    // 200 are free, and each stream that was begun allows two.
    {"window_updates", Limit::kWindowUpdates, 202, [](int) { return raw::windowUpdate(1, 1); }},
};

class FloodTest : public ::testing::TestWithParam<Flood> {
 protected:
  // One stream is open.
  void begin() {
    peer_.start();
    peer_.send(peer_.request(1, false));
  }
  RawClient peer_;
};

TEST_P(FloodTest, AsManyAsAllowedAndNoMore) {
  const Flood& flood = GetParam();
  begin();
  for (uint32_t i = 0; i < flood.allowed; ++i) {
    peer_.send(flood.one(static_cast<int>(i)));
    ASSERT_EQ(peer_.error.detail(), "") << i;
  }
  EXPECT_EQ(peer_.count(flood.limit), 0u);
  peer_.send(flood.one(static_cast<int>(flood.allowed)));
  EXPECT_TRUE(peer_.ended(ErrorCode::kEnhanceYourCalm)) << peer_.error.detail();
  EXPECT_EQ(peer_.error.reason, ErrorReason::kProtocol);
  EXPECT_EQ(peer_.count(flood.limit), 1u);
  EXPECT_TRUE(peer_.server.at(0).seen.reset);
  EXPECT_TRUE(peer_.server.codec->closing());
}

TEST_P(FloodTest, TheCountBeginsAnewWithTime) {
  const Flood& flood = GetParam();
  if (flood.limit == Limit::kWindowUpdates) GTEST_SKIP() << "they have a budget";
  begin();
  for (uint32_t i = 0; i < flood.allowed; ++i) peer_.send(flood.one(static_cast<int>(i)));
  peer_.dispatcher.advance(std::chrono::seconds(10));
  for (uint32_t i = 0; i < flood.allowed; ++i) {
    peer_.send(flood.one(static_cast<int>(flood.allowed + i)));
  }
  EXPECT_EQ(peer_.error.detail(), "");
}

// In one piece, as an attacker sends them, and without reading an answer.
TEST_P(FloodTest, AllAtOnceTakesLittleMemory) {
  const Flood& flood = GetParam();
  begin();
  peer_.server.codec->onAboveHighWatermark();
  std::string bytes;
  const int frames = std::getenv("WEIR_SANITIZER") != nullptr ? 4'000 : 20'000;
  for (int i = 0; i < frames; ++i) bytes += flood.one(i);
  for (size_t at = 0; at < bytes.size(); at += 16'384) {
    peer_.server.feed(std::string_view(bytes).substr(at, 16'384));
    ASSERT_LT(peer_.blocks.bytesInUse(), 1'000'000u);
    ASSERT_LT(peer_.server.output.bytes.size(), 100'000u);
  }
  EXPECT_TRUE(peer_.server.codec->closing());
}

INSTANTIATE_TEST_SUITE_P(All, FloodTest, ::testing::ValuesIn(kFloods),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(FloodLimitsTest, TinyData) {
  RawClient peer;
  peer.server.side.options.max_tiny_data_frames = 10;
  peer.start();
  peer.send(peer.request(1, false));
  for (int i = 0; i < 10; ++i) peer.send(raw::data(1, "x"));
  EXPECT_EQ(peer.error.detail(), "");
  peer.send(raw::data(1, std::string(64, 'x')));  // not tiny
  EXPECT_EQ(peer.error.detail(), "");
  peer.send(raw::data(1, "x"));
  EXPECT_TRUE(peer.ended(ErrorCode::kEnhanceYourCalm));
  EXPECT_EQ(peer.count(Limit::kTinyData), 1u);
}

TEST(FloodLimitsTest, ContinuationFrames) {
  RawClient peer;
  peer.start();
  const std::string whole = peer.request(1);
  const std::string block = whole.substr(raw::kFrameHeaderBytes);
  std::string bytes = raw::headers(1, block.substr(0, 1), raw::kEndStream);
  for (int i = 0; i < 8; ++i) bytes += raw::continuation(1, "", raw::kNoFlags);
  peer.send(bytes);
  EXPECT_EQ(peer.error.detail(), "");
  peer.send(raw::continuation(1, block.substr(1)));
  EXPECT_TRUE(peer.ended(ErrorCode::kEnhanceYourCalm)) << peer.error.detail();
  EXPECT_EQ(peer.count(Limit::kContinuationFrames), 1u);
}

TEST(FloodLimitsTest, StreamsOverTheLimitAreRefused) {
  RawClient peer;
  peer.server.side.options.max_concurrent_streams = 2;
  peer.start();
  EXPECT_NE(peer.frames.front().payload.find(raw::bigEndian(3, 2) + raw::bigEndian(2, 4)),
            std::string::npos);
  peer.send(peer.request(1) + peer.request(3) + peer.request(5));
  EXPECT_EQ(peer.error.detail(), "");
  EXPECT_TRUE(peer.reset(5, ErrorCode::kRefusedStream));
  EXPECT_EQ(peer.count(Limit::kStreams), 1u);
  ASSERT_EQ(peer.server.streams.size(), 2u);
  peer.server.at(0).respond(200, "");
  peer.receive();
  peer.send(peer.request(7));
  EXPECT_EQ(peer.server.streams.size(), 3u);
}

TEST(FloodLimitsTest, HeadsOverTheLimitsAreAnswered) {
  RawClient peer;
  peer.server.side.limits.max_head_bytes = 1000;
  peer.server.side.limits.max_header_fields = 10;
  peer.server.side.limits.max_request_line_bytes = 100;
  peer.start();
  peer.send(peer.request(1, true, {{"x", std::string(1000, 'a')}}));
  raw::Fields many;
  for (int i = 0; i < 11; ++i) many.push_back({"x" + std::to_string(i), ""});
  peer.send(peer.request(3, true, many));
  peer.send(peer.request(5, true, {}, "/" + std::string(100, 'p')));
  ASSERT_EQ(peer.server.streams.size(), 3u);
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(peer.server.at(i).seen.refused) << i;
    EXPECT_EQ(statusFor(*peer.server.at(i).seen.refused), i == 2 ? 414 : 431);
    EXPECT_EQ(peer.server.at(i).seen.head, "");
    EXPECT_TRUE(peer.server.at(i).complete);
  }
  EXPECT_EQ(peer.count(Limit::kHeadBytes), 2u);
  EXPECT_EQ(peer.count(Limit::kHeadFields), 1u);
  EXPECT_EQ(peer.error.detail(), "");
}

// A field block that says one large field over and over (RFC 7541 7.3).
TEST(FloodLimitsTest, HpackBomb) {
  RawClient peer;
  peer.start();
  const std::string field =
      raw::hpack::literal("bomb", std::string(4000, 'b'), raw::hpack::Literal::kIncremental);
  const std::string whole = peer.request(1);
  std::string block = whole.substr(raw::kFrameHeaderBytes) + field;
  block += std::string(12'000, static_cast<char>(0x80 | 62));
  peer.send(raw::headers(1, block, raw::kEndHeaders | raw::kEndStream));
  ASSERT_EQ(peer.server.streams.size(), 1u);
  ASSERT_TRUE(peer.server.last().seen.refused);
  EXPECT_LT(peer.blocks.bytesInUse(), 100'000u);
  EXPECT_EQ(peer.error.detail(), "");
}

}  // namespace
}  // namespace weir::http::http2
