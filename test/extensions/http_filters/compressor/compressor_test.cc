#include "extensions/http_filters/compressor/compressor.h"

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "test/extensions/http_filters/compressor/compressor_fixture.h"
#include "test/support/allocation_counter.h"

namespace weir::extensions::http_filters::compressor {
namespace {

using common::codecs::Coding;
using std::chrono::milliseconds;

const std::string kPage(5000, 'p');

TEST(Compressor, EachCodingIsReadAsItWas) {
  for (const std::string_view coding : {"gzip", "br", "zstd"}) {
    CompressorChain proxy;
    proxy.request(coding);
    EXPECT_EQ(proxy.answer("text/html; charset=utf-8", kPage,
                           {{"etag", "\"v1\""},
                            {"vary", "origin"},
                            {"accept-ranges", "bytes"},
                            {"digest", "sha-256=x"}}),
              kPage);
    EXPECT_LT(proxy.client.body.size(), 200u);
    EXPECT_TRUE(proxy.client.ended);
    EXPECT_EQ(proxy.field("content-encoding"), coding);
    EXPECT_EQ(proxy.field("etag"), "w/\"v1\"");
    EXPECT_EQ(proxy.field("vary"), "origin, accept-encoding");
    EXPECT_EQ(proxy.field("accept-ranges"), "");
    EXPECT_EQ(proxy.field("content-length"), "");
    EXPECT_EQ(proxy.field("digest"), "");
    EXPECT_EQ(proxy.client.framing, http::BodyFraming::kChunked);
    const auto& ids = proxy.ids.coding[static_cast<size_t>(*common::codecs::codingOf(coding))];
    EXPECT_EQ(proxy.stats.value(ids.responses), 1u);
    EXPECT_EQ(proxy.stats.value(ids.bytes_in), kPage.size());
    EXPECT_EQ(proxy.stats.value(ids.bytes_out), proxy.client.body.size());
  }
}

struct Case {
  const char* name;
  std::string accept;
  std::vector<std::pair<std::string_view, std::string_view>> asked;
  int status;
  std::string type;
  int64_t length;
  std::vector<std::pair<std::string_view, std::string_view>> fields;
  Skipped reason;
  bool vary;
};

TEST(Compressor, WhatIsLeftAsItIs) {
  const std::vector<Case> cases = {
      {"says nothing", "", {}, 200, "text/html", 5000, {}, Skipped::kNotAccepted, true},
      {"excluded", "gzip;q=0", {}, 200, "text/html", 5000, {}, Skipped::kNotAccepted, true},
      {"image", "gzip", {}, 200, "image/png", 5000, {}, Skipped::kType, false},
      {"no type", "gzip", {}, 200, "", 5000, {}, Skipped::kType, false},
      {"gRPC", "gzip", {}, 200, "application/grpc+json", -1, {}, Skipped::kType, false},
      {"small", "gzip", {}, 200, "text/html", 255, {}, Skipped::kTooSmall, false},
      {"encoded",
       "gzip",
       {},
       200,
       "text/html",
       5000,
       {{"content-encoding", "br"}},
       Skipped::kAlreadyEncoded,
       false},
      {"no-transform",
       "gzip",
       {},
       200,
       "text/html",
       5000,
       {{"cache-control", "max-age=5, no-transform"}},
       Skipped::kNoTransform,
       false},
      {"asked no-transform",
       "gzip",
       {{"cache-control", "no-transform"}},
       200,
       "text/html",
       5000,
       {},
       Skipped::kNoTransform,
       false},
      {"partial",
       "gzip",
       {},
       206,
       "text/html",
       5000,
       {{"content-range", "bytes 0-4999/9000"}},
       Skipped::kStatus,
       false},
      {"unsatisfiable",
       "gzip",
       {},
       416,
       "text/html",
       5000,
       {{"content-range", "bytes */9000"}},
       Skipped::kStatus,
       false},
      {"reset content", "gzip", {}, 205, "text/html", 5000, {}, Skipped::kStatus, false},
  };
  for (const Case& c : cases) {
    CompressorChain proxy;
    for (const auto& [name, value] : c.asked) proxy.request_head.headers.add(name, value);
    proxy.request(c.accept);
    auto& head = proxy.terminal->begin(
        static_cast<uint16_t>(c.status),
        c.length < 0 ? http::BodyFraming::kChunked : http::BodyFraming::kContentLength,
        static_cast<uint64_t>(std::max<int64_t>(c.length, 0)));
    if (!c.type.empty()) head.headers.add("Content-Type", c.type);
    for (const auto& [name, value] : c.fields) head.headers.add(name, value);
    proxy.chain.respondHead(false);
    const std::string body = kPage.substr(0, c.length < 0 ? 100 : static_cast<size_t>(c.length));
    proxy.answerBody(body, true);
    EXPECT_EQ(proxy.client.body, body) << c.name;
    EXPECT_EQ(proxy.skipped(c.reason), 1u) << c.name;
    EXPECT_EQ(proxy.field("vary"), c.vary ? "accept-encoding" : "") << c.name;
  }
}

TEST(Compressor, AnswersWithoutContent) {
  for (const int status : {204, 304}) {
    CompressorChain proxy;
    proxy.request("gzip");
    proxy.answerHead("text/html", -1, {{"etag", "\"a\""}}, /*end_stream=*/true, status);
    EXPECT_EQ(proxy.field("content-encoding"), "");
    // The one that the client has was compressed.
    EXPECT_EQ(proxy.field("etag"), status == 304 ? "w/\"a\"" : "\"a\"");
    EXPECT_EQ(proxy.field("vary"), status == 304 ? "accept-encoding" : "");
  }
}

TEST(Compressor, HeadIsAnsweredAsGetWouldBe) {
  CompressorChain proxy;
  proxy.request("gzip", "HEAD");
  proxy.answerHead("text/html", 5000, {{"etag", "\"a\""}}, true);
  EXPECT_EQ(proxy.field("content-encoding"), "gzip");
  EXPECT_EQ(proxy.field("content-length"), "");
  EXPECT_EQ(proxy.field("etag"), "w/\"a\"");
  EXPECT_EQ(proxy.client.body, "");
  CompressorChain small;
  small.request("gzip", "HEAD");
  small.answerHead("text/html", 5, {}, true);
  EXPECT_EQ(small.field("content-encoding"), "");
  EXPECT_EQ(small.field("content-length"), "5");
  EXPECT_EQ(small.client.content_length, 5u);
}

TEST(Compressor, WhoTakesNoIdentityGetsEverythingCompressed) {
  CompressorChain proxy;
  proxy.request("gzip, identity;q=0");
  EXPECT_EQ(proxy.answer("image/png", "tiny"), "tiny");
  EXPECT_EQ(proxy.field("content-encoding"), "gzip");
}

// Of unknown length: the head waits until there is enough.
TEST(Compressor, UnknownLengthWaitsForEnough) {
  CompressorChain proxy;
  proxy.request("gzip");
  proxy.answerHead("text/html", -1);
  proxy.answerBody(std::string(200, 'a'), false);
  EXPECT_EQ(proxy.client.status, 0);
  proxy.answerBody(std::string(100, 'b'), false);
  EXPECT_EQ(proxy.client.status, 200);
  proxy.answerBody("c", true);
  EXPECT_EQ(decoded("gzip", proxy.client.body),
            std::string(200, 'a') + std::string(100, 'b') + "c");
  EXPECT_EQ(proxy.field("content-encoding"), "gzip");
}

TEST(Compressor, UnknownLengthThatIsSmallStaysAsItIs) {
  for (const bool trailers : {false, true}) {
    CompressorChain proxy;
    proxy.request("gzip");
    proxy.answerHead("text/html", -1);
    proxy.answerBody("sma", false);
    proxy.answerBody("ll", !trailers);
    if (trailers) proxy.answerTrailers({{"x-sum", "1"}});
    EXPECT_EQ(proxy.client.body, "small");
    EXPECT_EQ(proxy.field("content-encoding"), "");
    EXPECT_TRUE(proxy.client.ended);
    EXPECT_EQ(proxy.client.trailers, trailers ? "x-sum: 1\n" : "");
    EXPECT_EQ(proxy.skipped(Skipped::kTooSmall), 1u);
  }
}

// …but not for ever.
TEST(Compressor, ASlowBeginningGoesOutAfterTheDelay) {
  for (const std::string_view piece : {"first", ""}) {
    CompressorChain proxy;
    proxy.request("br");
    proxy.answerHead("text/html", -1);
    if (!piece.empty()) proxy.answerBody(piece, false);
    EXPECT_EQ(proxy.client.status, 0);
    proxy.dispatcher.advance(milliseconds(100));
    EXPECT_EQ(proxy.client.status, 200);
    EXPECT_EQ(proxy.client.body.empty(), piece.empty());
    proxy.answerBody(" and last", true);
    EXPECT_EQ(decoded("br", proxy.client.body), std::string(piece) + " and last");
  }
}

TEST(Compressor, TrailersComeBehindTheLastBytes) {
  CompressorChain proxy;
  proxy.request("zstd");
  proxy.answerHead("text/html", -1);
  proxy.answerBody(kPage, false);
  proxy.answerTrailers({{"x-sum", "1"}});
  EXPECT_EQ(decoded("zstd", proxy.client.body), kPage);
  EXPECT_EQ(proxy.client.trailers, "x-sum: 1\n");
}

// What of the pieces reached the client at once.
size_t piecesOut(CompressorChain& proxy, std::string_view type) {
  proxy.request("gzip");
  proxy.answerHead(type, -1);
  if (type == "text/html") proxy.answerBody(kPage, false);
  size_t out = 0;
  for (int i = 0; i < 5; ++i) {
    const size_t before = proxy.client.body.size();
    proxy.answerBody("data: x\n\n", false);
    out += proxy.client.body.size() > before ? 1 : 0;
  }
  return out;
}

TEST(Compressor, EventsGoOutAtOnceOthersWhenNothingComes) {
  CompressorChain events;
  EXPECT_EQ(piecesOut(events, "text/event-stream"), 5u);
  CompressorChain page;
  EXPECT_EQ(piecesOut(page, "text/html"), 0u);
  const size_t before = page.client.body.size();
  page.dispatcher.advance(milliseconds(100));
  const size_t after = page.client.body.size();
  EXPECT_GT(after, before);
  page.dispatcher.advance(milliseconds(1000));
  EXPECT_EQ(page.client.body.size(), after);
  CompressorConfig each;
  each.policy.flush = Flush::kEachPiece;
  CompressorChain pieces(std::move(each));
  EXPECT_EQ(piecesOut(pieces, "text/html"), 5u);
  CompressorConfig late;
  late.policy.flush = Flush::kAtEnd;
  CompressorChain end(std::move(late));
  EXPECT_LE(piecesOut(end, "text/event-stream"), 1u);  // the header of gzip
  end.dispatcher.advance(milliseconds(10'000));
  EXPECT_LT(end.client.body.size(), 20u);
}

TEST(Compressor, TooManyAtOncePass) {
  CompressorConfig config;
  config.max_encoders = 0;
  CompressorChain proxy(std::move(config));
  proxy.request("gzip");
  EXPECT_EQ(proxy.answer("text/html", kPage), kPage);
  EXPECT_EQ(proxy.field("content-encoding"), "");
  EXPECT_EQ(proxy.skipped(Skipped::kBusy), 1u);
}

TEST(Compressor, AcceptEncodingIsTakenAwayOnlyWhenAsked) {
  for (const bool remove : {false, true}) {
    CompressorConfig config;
    config.policy.remove_accept_encoding = remove;
    CompressorChain proxy(std::move(config));
    proxy.request("gzip");
    EXPECT_EQ(proxy.seen().headers, remove ? "" : "accept-encoding: gzip\n");
    EXPECT_EQ(proxy.answer("text/html", kPage), kPage);
    EXPECT_EQ(proxy.field("content-encoding"), "gzip");
  }
}

TEST(Compressor, AStreamThatBreaksOffGivesItsEncoderBack) {
  CompressorConfig config;
  config.max_encoders = 1;
  CompressorChain proxy(std::move(config));
  for (int i = 0; i < 3; ++i) {
    proxy.request("gzip");
    proxy.answerHead("text/html", 5000);
    proxy.answerBody("begin", false);
    proxy.clear();
    proxy.dispatcher.advance(milliseconds(200));
  }
  EXPECT_EQ(proxy.skipped(Skipped::kBusy), 0u);
}

TEST(CompressorAllocation, NoneInTheSteadyState) {
  if (!test::AllocationCounter::available()) GTEST_SKIP();
  for (const std::string_view accept : {"gzip", "br", "zstd", ""}) {
    CompressorChain proxy;
    proxy.request("");
    proxy.clear();
    http::TerminalScript script;
    http::FakeTerminal terminal(script, proxy.chain);
    proxy.terminal = &terminal;
    proxy.client.record = false;
    uint64_t allocations = 0;
    for (int i = 0; i < 40; ++i) {
      buffer::Buffer body(proxy.blocks);
      body.append(kPage);
      const test::AllocationCounter counter("");
      proxy.request(accept);
      const uint64_t before = counter.count();
      http::ResponseHead& head = proxy.response_head;
      head.status = 200;
      head.framing = http::BodyFraming::kContentLength;
      head.content_length = kPage.size();
      head.headers.addView(http::HeaderId::kContentType, "content-type", "text/html");
      proxy.chain.respondHead(false);
      proxy.chain.respondBody(body, true);
      EXPECT_TRUE(proxy.client.ended);
      proxy.clear();
      if (i >= 20) allocations += counter.count() - before;
    }
    EXPECT_EQ(allocations, 0u) << accept;
  }
}

}  // namespace
}  // namespace weir::extensions::http_filters::compressor
