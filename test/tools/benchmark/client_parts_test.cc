#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

#include "tools/benchmark/client/histogram.h"
#include "tools/benchmark/client/http_answer.h"
#include "tools/benchmark/client/options.h"

namespace weir::benchmark {
namespace {

using State = HttpAnswer::State;

TEST(LatencyHistogramTest, PercentilesAreWithinOneThirtySecondOfTheValue) {
  for (const uint64_t value : {0, 1, 63, 64, 65, 127, 128, 1000, 4095, 4096, 5'000'000}) {
    LatencyHistogram histogram;
    histogram.add(value);
    const uint64_t got = histogram.percentile(99);
    EXPECT_LE(got, value);
    EXPECT_LE(value - got, value / 32) << value;
  }
}

TEST(LatencyHistogramTest, EmptyAndOverlong) {
  LatencyHistogram histogram;
  EXPECT_EQ(histogram.percentile(50), 0U);
  histogram.add(UINT64_MAX);
  EXPECT_GT(histogram.percentile(50), 1'000'000'000U);
}

TEST(LatencyHistogramTest, ATailShowsInItsPercentileOnly) {
  LatencyHistogram histogram;
  for (int i = 0; i < 980; ++i) histogram.add(10);
  for (int i = 0; i < 20; ++i) histogram.add(1024);
  EXPECT_EQ(histogram.percentile(50), 10U);
  EXPECT_EQ(histogram.percentile(90), 10U);
  EXPECT_EQ(histogram.percentile(99), 1024U);
  EXPECT_EQ(histogram.total(), 1000U);
}

State addInPieces(std::string_view bytes, size_t piece) {
  HttpAnswer answer;
  State state = State::kMore;
  while (!bytes.empty() && state == State::kMore) {
    state = answer.add(bytes.substr(0, piece));
    bytes.remove_prefix(std::min(piece, bytes.size()));
  }
  return state;
}

TEST(HttpAnswerTest, WholeHoweverItIsCut) {
  constexpr std::string_view kText =
      "HTTP/1.1 200 OK\r\nServer: x\r\ncontent-length: 5\r\n\r\nhello";
  for (size_t piece = 1; piece <= kText.size(); ++piece) {
    EXPECT_EQ(addInPieces(kText, piece), State::kWhole);
    EXPECT_EQ(addInPieces(kText.substr(0, kText.size() - 1), piece), State::kMore);
  }
  EXPECT_EQ(addInPieces("HTTP/1.1 200 OK\r\nContent-Length:0\r\n\r\n", 7), State::kWhole);
}

TEST(HttpAnswerTest, WhatIsNotAGoodAnswer) {
  for (const std::string_view text : {
           "HTTP/1.1 404 Not Found\r\nContent-Length: 1\r\n\r\nx",
           "HTTP/1.1 200 OK\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\nx",
           "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999999\r\n\r\n",
           "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy",
       }) {
    EXPECT_EQ(addInPieces(text, text.size()), State::kWrong) << text;
  }
  EXPECT_EQ(addInPieces(std::string(70'000, 'x'), 1000), State::kWrong);
}

TEST(HttpAnswerTest, ResetForgets) {
  HttpAnswer answer;
  EXPECT_EQ(answer.add("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx"), State::kMore);
  answer.reset();
  EXPECT_EQ(answer.add("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx"), State::kWhole);
}

std::optional<Options> parse(std::vector<const char*> words) {
  words.insert(words.begin(), "client");
  return parseOptions(static_cast<int>(words.size()), words.data());
}

TEST(OptionsTest, WordsBecomeNumbers) {
  const auto options = parse({"udp", "53", "--connections", "7", "--seconds", "3", "--size", "64",
                              "--rate", "1000", "--path", "/x"});
  ASSERT_TRUE(options.has_value());
  EXPECT_EQ(options->mode, Mode::kUdp);
  EXPECT_EQ(options->port, 53);
  EXPECT_EQ(options->connections, 7U);
  EXPECT_EQ(options->seconds, 3U);
  EXPECT_EQ(options->size, 64U);
  EXPECT_EQ(options->rate, 1000U);
  EXPECT_EQ(options->path, "/x");
}

TEST(OptionsTest, MalformedOnesAreRefused) {
  EXPECT_FALSE(parse({}));
  EXPECT_FALSE(parse({"tcp"}));
  EXPECT_FALSE(parse({"tcp", "65536"}));
  EXPECT_FALSE(parse({"tcp", "-1"}));
  EXPECT_FALSE(parse({"quic", "1"}));
  EXPECT_FALSE(parse({"tcp", "1", "--seconds", "0"}));
  EXPECT_FALSE(parse({"tcp", "1", "--seconds", "1s"}));
  EXPECT_FALSE(parse({"tcp", "1", "--nosuch", "1"}));
}

}  // namespace
}  // namespace weir::benchmark
