// Answers of several messages.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "extensions/http_filters/grpc_json_transcoder/grpc_json_transcoder.h"
#include "source/base/random.h"
#include "test/extensions/http_filters/grpc_json_transcoder/exchange.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {
namespace {

using http::BodyFraming;

struct Stream {
  StreamFormat format;
  std::string_view type;
  std::string_view first, second, end, error_end, empty;
};
constexpr Stream kStreams[] = {
    {StreamFormat::kJsonLines, "application/x-ndjson", "{\"title\":\"a\"}\n", "{\"title\":\"b\"}\n",
     "", "{\"error\":{\"code\":13,\"message\":\"oh\",\"details\":[]}}\n", ""},
    {StreamFormat::kJsonArray, "application/json", "[{\"title\":\"a\"}", ",{\"title\":\"b\"}", "]",
     ",{\"error\":{\"code\":13,\"message\":\"oh\",\"details\":[]}}]", "[]"},
    {StreamFormat::kServerSentEvents, "text/event-stream", "data: {\"title\":\"a\"}\n\n",
     "data: {\"title\":\"b\"}\n\n", "",
     "event: error\ndata: {\"code\":13,\"message\":\"oh\",\"details\":[]}\n\n", ""},
};

TEST(TranscoderStreams, MessagesAreSentAsTheyCome) {
  for (const Stream& s : kStreams) {
    Exchange x({.stream_format = s.format});
    x.ask("GET", "/v1/shelves/1/books");
    x.grpcHead();
    EXPECT_EQ(x.sink.heads, 0);
    x.message("shop.Book", "title: \"a\"");
    EXPECT_EQ(x.sink.status, 200);
    EXPECT_EQ(x.response.framing, BodyFraming::kChunked);
    EXPECT_EQ(x.header("content-type"), s.type);
    EXPECT_EQ(x.sink.body, s.first);
    const std::string second = framed(
        "\x12\x01"
        "b");
    x.terminal->send(second.substr(0, 6), false);
    EXPECT_EQ(x.sink.body, s.first);
    x.terminal->send(second.substr(6), false);
    EXPECT_EQ(x.sink.body, base::concat(s.first, s.second));
    x.status("0");
    EXPECT_EQ(x.sink.body, base::concat(s.first, s.second, s.end));
    EXPECT_TRUE(x.sink.trailers);
    EXPECT_EQ(x.response_trailers.get("grpc-status"), "0");
  }
}

TEST(TranscoderStreams, WithoutMessages) {
  for (const Stream& s : kStreams) {
    for (const bool trailers_only : {true, false}) {
      Exchange x({.stream_format = s.format});
      x.ask("GET", "/v1/shelves/1/books");
      if (trailers_only) {
        x.trailersOnly("0");
      } else {
        x.grpcHead();
        x.status("0");
      }
      EXPECT_EQ(x.sink.status, 200);
      EXPECT_EQ(x.header("content-type"), s.type);
      EXPECT_EQ(x.sink.body, s.empty);
      EXPECT_TRUE(x.sink.ended);
    }
  }
}

TEST(TranscoderStreams, FailuresBeforeTheFirstMessageAreLikeAnyOther) {
  Exchange x({.convert_grpc_status = true});
  x.ask("GET", "/v1/shelves/1/books");
  x.grpcHead();
  x.status("7", "no");
  EXPECT_EQ(x.sink.status, 403);
  EXPECT_EQ(x.header("content-type"), "application/json");
  EXPECT_EQ(x.sink.body, R"({"code":7,"message":"no","details":[]})");
}

TEST(TranscoderStreams, FailuresInTheMidstStandAtTheEnd) {
  for (const Stream& s : kStreams) {
    Exchange x({.stream_format = s.format, .convert_grpc_status = true});
    x.ask("GET", "/v1/shelves/1/books");
    x.grpcHead();
    x.message("shop.Book", "title: \"a\"");
    x.status("13", "oh");
    EXPECT_EQ(x.sink.status, 200);
    EXPECT_EQ(x.sink.body, base::concat(s.first, s.error_end));
    EXPECT_EQ(x.response_trailers.get("grpc-status"), "13");
    Exchange plain({.stream_format = s.format});
    plain.ask("GET", "/v1/shelves/1/books");
    plain.grpcHead();
    plain.message("shop.Book", "title: \"a\"");
    plain.status("13", "oh");
    EXPECT_EQ(plain.sink.body, s.first);
    EXPECT_EQ(plain.response_trailers.get("grpc-status"), "13");
  }
}

TEST(TranscoderStreams, WhatBreaksInTheMidstResets) {
  for (const bool frames : {true, false}) {
    Exchange x;
    x.ask("GET", "/v1/shelves/1/books");
    x.grpcHead();
    x.message("shop.Book", "title: \"a\"");
    x.terminal->send(frames ? "\x02" : framed(""), !frames);
    EXPECT_EQ(x.sink.resets, 1);
    EXPECT_TRUE(x.seen().ended);
  }
}

TEST(TranscoderStreams, RawParts) {
  Exchange x({.convert_grpc_status = true});
  x.ask("GET", "/v1/parts/1");
  x.grpcHead();
  x.message("google.api.HttpBody", "content_type: \"text/csv\" data: \"a,\"");
  EXPECT_EQ(x.header("content-type"), "text/csv");
  x.message("google.api.HttpBody", "data: \"b\"");
  x.status("0");
  EXPECT_EQ(x.sink.body, "a,b");
  Exchange failing({.convert_grpc_status = true});
  failing.ask("GET", "/v1/parts/1");
  failing.grpcHead();
  failing.message("google.api.HttpBody", "data: \"a\"");
  failing.status("13");
  EXPECT_EQ(failing.sink.resets, 1);
}

TEST(TranscoderStreams, BothWaysAtOnce) {
  Exchange x;
  x.begin("POST", "/v1/chat", false);
  x.sendBody("{\"title\":\"q\"}\n", false);
  x.grpcHead();
  x.message("shop.Book", "title: \"a\"");
  EXPECT_EQ(x.sink.body, "{\"title\":\"a\"}\n");
  x.sendBody("{\"title\":\"r\"}", true);
  EXPECT_THAT(x.messages("shop.Book"), testing::ElementsAre("title: \"q\"", "title: \"r\""));
  x.status("0");
  EXPECT_TRUE(x.sink.ended);
}

// However the upstream's bytes are split, the client's are the same; and damaged ones end in one
// answer, whole or not.
TEST(TranscoderStreams, SplitAndDamagedBytes) {
  base::Random random(5);
  const auto types = shelves();
  std::string body;
  std::string expected;
  for (int i = 0; i < 20; ++i) {
    body += framed(binaryOf(types->types(), "shop.Book",
                            base::concat("pages: ", i + 1, " author { first_name: \"A\" }")));
    expected += base::concat("{\"pages\":", i + 1, ",\"author\":{\"firstName\":\"A\"}}\n");
  }
  for (int round = 0; round < 400; ++round) {
    const bool damage = round % 4 != 0;
    std::string bytes = body;
    if (damage) bytes[random.uniform(bytes.size())] ^= static_cast<char>(1u << random.uniform(8));
    Exchange x;
    x.ask("GET", "/v1/shelves/1/books");
    x.grpcHead();
    std::string_view rest = bytes;
    while (!rest.empty() && !x.seen().ended) {
      const size_t count = 1 + random.uniform(std::min<size_t>(rest.size(), 40));
      x.terminal->send(rest.substr(0, count), false);
      rest.remove_prefix(count);
    }
    if (!x.seen().ended) x.status("0");
    EXPECT_LE(x.sink.heads, 1);
    EXPECT_TRUE(x.sink.ended || x.sink.resets == 1);
    EXPECT_FALSE(x.sink.after_end);
    if (!damage) {
      EXPECT_EQ(x.sink.body, expected);
    }
  }
}

// The client is slow: what it has not taken slows the upstream.
TEST(TranscoderStreams, BackpressureReachesTheUpstream) {
  Exchange x;
  x.ask("GET", "/v1/shelves/1/books");
  x.grpcHead();
  x.chain.responseBlocked(true);
  EXPECT_TRUE(x.terminal_script.blocked.back());
}

}  // namespace
}  // namespace weir::extensions::http_filters::grpc_json_transcoder
