// What becomes of the upstream's answers.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "extensions/http_filters/grpc_json_transcoder/grpc_json_transcoder.h"
#include "test/extensions/http_filters/grpc_json_transcoder/exchange.h"

namespace weir::extensions::http_filters::grpc_json_transcoder {
namespace {

using http::BodyFraming;
using http::HeaderId;
using ::testing::HasSubstr;

TEST(Transcoder, AnswersAreJson) {
  Exchange x;
  x.ask("GET", "/v1/books/1");
  x.grpcHead();
  x.message("shop.Book", "title: \"T\"");
  EXPECT_EQ(x.sink.heads, 0);
  x.status("0");
  EXPECT_EQ(x.sink.status, 200);
  EXPECT_EQ(x.sink.body, "{\"title\":\"T\"}");
  EXPECT_EQ(x.sink.content_length, 13u);
  EXPECT_EQ(x.response.framing, BodyFraming::kContentLength);
  EXPECT_EQ(x.header("content-type"), "application/json");
  EXPECT_EQ(x.header("grpc-status"), "0");
  EXPECT_EQ(x.header("x-meta"), "m");
  EXPECT_EQ(x.header("grpc-encoding"), "");
  EXPECT_TRUE(x.sink.ended);
  EXPECT_FALSE(x.sink.trailers);
}

TEST(Transcoder, OtherTrailersStay) {
  Exchange x;
  x.ask("GET", "/v1/books/1");
  x.grpcHead();
  x.message("shop.Book", "");
  x.response_trailers.add("x-cost", "3");
  x.status("0");
  EXPECT_EQ(x.sink.body, "{}");
  EXPECT_TRUE(x.sink.trailers);
  EXPECT_EQ(x.response_trailers.get("x-cost"), "3");
  EXPECT_EQ(x.response_trailers.size(), 1u);
}

TEST(Transcoder, FailedCallsHaveTheStatusInTheHead) {
  for (const bool trailers_only : {true, false}) {
    Exchange x;
    x.ask("GET", "/v1/books/1");
    if (trailers_only) {
      x.trailersOnly("5", "no%20such");
    } else {
      x.grpcHead();
      x.status("5", "no%20such", "\x08\x05");
    }
    EXPECT_EQ(x.sink.status, 404);
    EXPECT_EQ(x.sink.body, "");
    EXPECT_TRUE(x.sink.ended);
    EXPECT_FALSE(x.sink.trailers);
    EXPECT_EQ(x.header("grpc-status"), "5");
    EXPECT_EQ(x.header("grpc-message"), "no%20such");
    EXPECT_FALSE(x.response.headers.has(HeaderId::kContentType));
  }
}

TEST(Transcoder, FailedCallsCanHaveAJsonBody) {
  for (const bool trailers_only : {true, false}) {
    Exchange x({.convert_grpc_status = true});
    x.ask("GET", "/v1/books/1");
    if (trailers_only) {
      x.trailersOnly("8", "too%20\"much\"");
    } else {
      x.grpcHead();
      x.message("shop.Book", "title: \"dropped\"");
      x.status("8", "too%20\"much\"");
    }
    EXPECT_EQ(x.sink.status, 429);
    EXPECT_EQ(x.sink.body, R"({"code":8,"message":"too \"much\"","details":[]})");
    EXPECT_EQ(x.sink.content_length, x.sink.body.size());
    EXPECT_EQ(x.header("content-type"), "application/json");
    EXPECT_EQ(x.header("grpc-status"), "");
    EXPECT_TRUE(x.sink.ended);
  }
}

TEST(Transcoder, RepliesOfWeirItselfAreTurnedBack) {
  Exchange x({.convert_grpc_status = true});
  x.ask("GET", "/v1/books/1");
  x.chain.localReply({.status = 503, .body = "no healthy upstream\n"});
  EXPECT_EQ(x.sink.status, 503);
  EXPECT_EQ(x.sink.body, R"({"code":14,"message":"no healthy upstream","details":[]})");
}

TEST(Transcoder, AnswersThatAreNotGrpcPass) {
  Exchange x;
  x.ask("GET", "/v1/books/1");
  x.terminal->respond(503, "<html>");
  EXPECT_EQ(x.sink.status, 503);
  EXPECT_EQ(x.sink.body, "<html>");
}

TEST(Transcoder, RefusedByAnUpstreamThatSpeaksGrpcBadly) {
  Exchange x;
  x.ask("GET", "/v1/books/1");
  x.grpcHead(403);
  EXPECT_EQ(x.sink.status, 403);
  EXPECT_EQ(x.sink.body, "the upstream refused the call\n");
}

TEST(Transcoder, BadUpstreamsAre502) {
  const std::vector<std::pair<std::string, std::function<void(Exchange&)>>> cases = {
      {"malformed gRPC frame", [](Exchange& x) { x.terminal->send("\x02....x", false); }},
      {"larger than max",
       [](Exchange& x) { x.terminal->send(std::string("\0\x7f....", 6), false); }},
      {"compressed", [](Exchange& x) { x.terminal->send(framed("", true), false); }},
      {"does not fit", [](Exchange& x) { x.terminal->send(framed("\x0a\x7f"), false); }},
      {"second message", [](Exchange& x) { x.terminal->send(framed("") + framed(""), false); }},
      {"no message", [](Exchange& x) { x.status("0"); }},
      {"inside of a message",
       [](Exchange& x) {
         x.terminal->send(framed("") + "\0\0", false);
         x.terminal->send(std::string("\0", 1), false);
         x.status("0");
       }},
      {"without grpc-status", [](Exchange& x) { x.terminal->send(framed(""), true); }},
      {"without grpc-status",
       [](Exchange& x) {
         x.terminal->send(framed(""), false);
         x.response_trailers.add("x", "1");
         x.chain.respondTrailers();
       }},
      {"without grpc-status", [](Exchange& x) { x.status("zero"); }},
  };
  for (const auto& [expected, play] : cases) {
    Exchange x;
    x.ask("GET", "/v1/books/1");
    x.grpcHead();
    play(x);
    EXPECT_EQ(x.sink.status, 502) << expected;
    EXPECT_THAT(x.sink.body, HasSubstr(expected));
    EXPECT_TRUE(x.seen().ended);
    EXPECT_TRUE(x.info.hasFlag(http::ResponseFlag::kUpstreamProtocolError));
  }
}

TEST(Transcoder, RawBodiesOfUpstreams) {
  Exchange x;
  x.ask("GET", "/v1/files/1");
  x.grpcHead();
  x.message("google.api.HttpBody", "content_type: \"image/png\" data: \"\\211PNG\"");
  x.status("0");
  EXPECT_EQ(x.header("content-type"), "image/png");
  EXPECT_EQ(x.sink.body, "\x89PNG");
  Exchange field;
  field.ask("PUT", "/v1/files/1", {"x"});
  field.grpcHead();
  field.message("shop.Files", "file { data: \"d\" }");
  field.status("0");
  EXPECT_EQ(field.header("content-type"), "application/octet-stream");
  EXPECT_EQ(field.sink.body, "d");
  Exchange evil;
  evil.ask("GET", "/v1/files/1");
  evil.grpcHead();
  evil.message("google.api.HttpBody", "content_type: \"a\\r\\nset-cookie: b\" data: \"d\"");
  EXPECT_EQ(evil.sink.status, 502);
}

}  // namespace
}  // namespace weir::extensions::http_filters::grpc_json_transcoder
