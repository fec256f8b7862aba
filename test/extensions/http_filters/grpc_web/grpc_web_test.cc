#include "extensions/http_filters/grpc_web/grpc_web.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "test/extensions/http_filters/grpc_web/grpc_web_fixture.h"

namespace weir::extensions::http_filters::grpc_web {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::string_view kGrpc = "application/grpc";
constexpr std::string_view kBinary = "application/grpc-web+proto";
constexpr std::string_view kText = "application/grpc-web-text+proto";

class GrpcWebTest : public ::testing::Test, protected GrpcWebChain {};

TEST_F(GrpcWebTest, ABinaryCallAndItsAnswer) {
  request(kBinary, {{"accept", "*/*"}, {"accept-encoding", "gzip"}, {"x-grpc-web", "1"}});
  sendBody(message("ping"), true);
  EXPECT_THAT(seen().headers, HasSubstr("content-type: application/grpc+proto\n"));
  EXPECT_THAT(seen().headers, HasSubstr("te: trailers\n"));
  EXPECT_THAT(seen().headers, HasSubstr("x-grpc-web: 1\n"));
  EXPECT_THAT(seen().headers, Not(HasSubstr("accept")));
  EXPECT_EQ(request_head.framing, http::BodyFraming::kContentLength);  // the same bytes
  EXPECT_EQ(seen().body, message("ping"));
  answerHead(kGrpc, false, 200, {{"x-id", "7"}, {"trailer", "grpc-status"}});
  answerBody(message("pong"), false);
  EXPECT_EQ(client.body, message("pong"));  // at once
  answerTrailers({{"Grpc-Status", "0"}, {"X-Cost", "3"}});
  EXPECT_EQ(client.status, 200);
  EXPECT_EQ(client.framing, http::BodyFraming::kChunked);
  EXPECT_EQ(client.headers, "content-type: application/grpc-web+proto\nx-id: 7\n");
  EXPECT_EQ(readFrames(client.body), "data pong\ntrailers\ngrpc-status: 0\r\nx-cost: 3\r\n");
  EXPECT_TRUE(client.ended);
  EXPECT_FALSE(client.trailing);
  EXPECT_EQ(info.grpc_status, http::GrpcStatus::kOk);
  EXPECT_EQ(count(ids.requests), 1u);
  EXPECT_EQ(count(ids.text_requests), 0u);
}

TEST_F(GrpcWebTest, ATextCallAndItsAnswer) {
  request(kText, {{"content-length", "4711"}});
  EXPECT_EQ(request_head.framing, http::BodyFraming::kChunked);
  EXPECT_THAT(seen().headers, Not(HasSubstr("content-length")));
  sendBody(toBase64(message("ping")) + toBase64(message("more")), true);
  EXPECT_EQ(seen().body, message("ping") + message("more"));
  EXPECT_TRUE(seen().complete);
  answerHead("application/grpc+json", false);
  answerBody(message("pong"), false);
  EXPECT_EQ(client.body, toBase64(message("pong")));  // with its padding: not held back
  answerTrailers({{"grpc-status", "0"}});
  EXPECT_THAT(client.headers, HasSubstr("content-type: application/grpc-web-text+json\n"));
  EXPECT_EQ(readFrames(fromBase64(client.body)), "data pong\ntrailers\ngrpc-status: 0\r\n");
  EXPECT_EQ(count(ids.text_requests), 1u);
}

TEST_F(GrpcWebTest, AcceptSaysHowTheAnswerIsWritten) {
  request("application/grpc-web", {{"accept", "application/grpc-web-text"}});
  sendBody(message("ping"), true);
  EXPECT_EQ(seen().body, message("ping"));
  EXPECT_THAT(seen().headers, HasSubstr("content-type: application/grpc\n"));
  answerHead(kGrpc, false);
  answerTrailers({{"grpc-status", "5"}});
  EXPECT_THAT(client.headers, HasSubstr("content-type: application/grpc-web-text\n"));
  EXPECT_EQ(readFrames(fromBase64(client.body)), "trailers\ngrpc-status: 5\r\n");
}

TEST_F(GrpcWebTest, MessagesOfAStreamLeaveAsTheyCome) {
  for (const std::string_view type : {kBinary, kText}) {
    request(type);
    answerHead(kGrpc, false);  // before the request has ended
    std::string expected;
    for (int i = 0; i < 20; ++i) {
      const std::string one = message(std::string(static_cast<size_t>(i), 'x'));
      answerBody(one, false);
      expected += type == kText ? toBase64(one) : one;
      ASSERT_EQ(client.body, expected);
    }
    clear();
    client = {};
  }
}

TEST_F(GrpcWebTest, CompressedMessagesPassUntouched) {
  request(kText, {{"grpc-encoding", "gzip"}, {"grpc-accept-encoding", "gzip"}});
  sendBody(toBase64(message("zipped", 1)), true);
  EXPECT_EQ(seen().body, message("zipped", 1));
  EXPECT_THAT(seen().headers, HasSubstr("grpc-encoding: gzip\ngrpc-accept-encoding: gzip\n"));
  answerHead(kGrpc, false, 200, {{"grpc-encoding", "gzip"}});
  answerBody(message("zipped too", 1), false);
  EXPECT_THAT(client.headers, HasSubstr("grpc-encoding: gzip\n"));
  EXPECT_EQ(fromBase64(client.body), message("zipped too", 1));
}

TEST_F(GrpcWebTest, TrailersOnlyStayInTheHead) {
  request(kText, {}, true);
  EXPECT_TRUE(seen().complete);
  answerHead(kGrpc, true, 200, {{"grpc-status", "7"}, {"grpc-message", "no"}});
  EXPECT_EQ(client.headers,
            "content-type: application/grpc-web-text+proto\ngrpc-status: 7\ngrpc-message: no\n");
  EXPECT_TRUE(client.ended);
  EXPECT_EQ(client.body, "");
  EXPECT_EQ(count(ids.missing_status), 0u);
}

TEST_F(GrpcWebTest, AnswersThatAreNotGrpcBecomeAStatus) {
  const std::vector<std::pair<int, std::string>> statuses = {
      {503, "14"}, {404, "12"}, {401, "16"}, {403, "7"}, {400, "13"}, {200, "2"}, {302, "2"}};
  for (const auto& [status, number] : statuses) {
    request(kBinary);
    sendBody(message("ping"), true);
    answerHead("text/html", false, status, {{"content-encoding", "br"}, {"etag", "x"}});
    EXPECT_EQ(client.status, 200);
    EXPECT_EQ(client.headers, "content-type: application/grpc-web+proto\ngrpc-status: " + number +
                                  "\ngrpc-message: HTTP status " + std::to_string(status) +
                                  " instead of a gRPC answer\n");
    EXPECT_EQ(client.framing, http::BodyFraming::kContentLength);
    EXPECT_EQ(client.content_length, 0u);
    answerBody("<html>", false);
    answerBody(std::string(100'000, 'x'), true);
    EXPECT_EQ(client.body, "");
    EXPECT_TRUE(client.ended);
    clear();
    client = {};
  }
  EXPECT_EQ(count(ids.foreign_responses), statuses.size());
}

TEST_F(GrpcWebTest, ForeignAnswersLoseTheirTrailersAndMayHaveNoBody) {
  request(kText);
  answerHead("text/plain", false, 500);
  answerBody("x", false);
  answerTrailers({{"checksum", "1"}});
  EXPECT_EQ(client.body, "");
  EXPECT_FALSE(client.trailing);
  EXPECT_TRUE(client.ended);
  clear();
  client = {};
  request(kText);
  answerHead("", true, 204);
  EXPECT_TRUE(client.ended);
  EXPECT_THAT(client.headers, HasSubstr("grpc-status: 2\n"));
  clear();
  client = {};
  request(kText);
  answerHead(kGrpc, false, 200, {{"content-encoding", "gzip"}});
  EXPECT_THAT(client.headers, HasSubstr("grpc-status: 2\n"));
}

TEST_F(GrpcWebTest, AGrpcAnswerOfAnotherStatusCounts) {
  request(kBinary);
  answerHead(kGrpc, true, 503, {{"grpc-status", "8"}});
  EXPECT_EQ(client.status, 200);
  EXPECT_THAT(client.headers, HasSubstr("grpc-status: 8\n"));
  EXPECT_EQ(count(ids.foreign_responses), 0u);
  clear();
  client = {};
  request(kBinary);
  answerHead(kGrpc, true, 503);
  EXPECT_THAT(client.headers, HasSubstr("grpc-status: 14\n"));
  EXPECT_EQ(count(ids.foreign_responses), 1u);
}

TEST_F(GrpcWebTest, AnswersWithoutAStatusAreUnknown) {
  constexpr std::string_view kFrame =
      "trailers\ngrpc-status: 2\r\ngrpc-message: the server ended its answer without a status\r\n";
  for (int variant = 0; variant < 4; ++variant) {
    request(kBinary);
    answerHead(kGrpc, variant == 0);
    if (variant == 1) answerBody(message("a"), true);
    if (variant == 2) answerTrailers({{"x", "y"}, {"grpc-status", "nonsense"}});
    if (variant == 3) answerBody("", true);
    EXPECT_TRUE(client.ended);
    if (variant == 0) {
      EXPECT_THAT(client.headers, HasSubstr("grpc-status: 2\n"));
    }
    if (variant == 1) {
      EXPECT_EQ(readFrames(client.body), "data a\n" + std::string(kFrame));
    }
    if (variant == 2) {
      EXPECT_THAT(readFrames(client.body), HasSubstr("x: y\r\ngrpc-status: 2\r\n"));
    }
    if (variant == 3) {
      EXPECT_EQ(readFrames(client.body), kFrame);
    }
    clear();
    client = {};
  }
  EXPECT_EQ(count(ids.missing_status), 4u);
}

TEST_F(GrpcWebTest, MalformedBase64IsRefused) {
  for (const std::string& body : {"####" + toBase64(message("x")), toBase64(message("x")) + "A"}) {
    request(kText);
    sendBody(body, true);
    EXPECT_FALSE(seen().complete);
    EXPECT_TRUE(seen().ended);
    EXPECT_TRUE(client.ended);
    EXPECT_EQ(info.detail, "grpc_web_malformed_base64");
    EXPECT_EQ(client.headers,
              "content-type: application/grpc-web-text+proto\ngrpc-status: 13\n"
              "grpc-message: malformed base64 in the body of a gRPC-Web request\n");
    clear();
    client = {};
  }
  request(kText);
  sendBody("AAA", false);
  chain.requestTrailers();
  EXPECT_TRUE(client.ended);
  EXPECT_EQ(count(ids.malformed_requests), 3u);
}

TEST_F(GrpcWebTest, AnswersThatAreNotWholeMessagesAreCutOff) {
  const auto reason = [&](auto answer) {
    request(kText);
    answerHead(kGrpc, false);
    answer();
    const std::string text = client.reset;
    clear();
    client = {};
    return text;
  };
  const std::string half = message("hello").substr(0, 7);
  EXPECT_EQ(reason([&] { answerBody(half, true); }), "grpc_web_incomplete_message");
  EXPECT_EQ(reason([&] {
              answerBody(half, false);
              answerTrailers({{"grpc-status", "0"}});
            }),
            "grpc_web_incomplete_message");
  // A client would take it for the end of the call.
  EXPECT_EQ(reason([&] { answerBody(message("grpc-status: 0\r\n", '\x80'), false); }),
            "grpc_web_malformed_message");
  EXPECT_EQ(count(ids.malformed_responses), 3u);
}

TEST_F(GrpcWebTest, OtherRequestsPass) {
  for (const std::string_view type : {"", "application/grpc", "application/json", "text/plain"}) {
    request(type, {{"accept", "application/grpc-web-text"}});
    EXPECT_THAT(seen().headers, HasSubstr("accept: application/grpc-web-text\n"));
    sendBody("####", true);
    EXPECT_EQ(seen().body, "####");
    answerHead("text/html", false, 503);
    EXPECT_TRUE(chain.responseBodyUnobserved());
    answerBody("\xff", false);
    answerTrailers({{"a", "b"}});
    EXPECT_EQ(client.status, 503);
    EXPECT_EQ(client.body, "\xff");
    EXPECT_TRUE(client.trailing);
    clear();
    client = {};
  }
  EXPECT_EQ(count(ids.requests) + count(ids.text_requests), 0u);
}

// What Weir itself says goes the same way.
TEST_F(GrpcWebTest, LocalRepliesBehindTheFilterAreTranslated) {
  request(kText);
  chain.localReply({.status = 503, .body = "no healthy endpoint\n"});
  EXPECT_EQ(client.status, 200);
  EXPECT_EQ(client.headers,
            "content-type: application/grpc-web-text+proto\ngrpc-status: 14\n"
            "grpc-message: no healthy endpoint\n");
  EXPECT_TRUE(client.ended);
  EXPECT_EQ(count(ids.foreign_responses), 0u);
}

TEST_F(GrpcWebTest, AnAnswerThatBreaksOffBetweenMessagesEndsWithItsStatus) {
  request(kBinary);
  answerHead(kGrpc, false);
  answerBody(message("one"), false);
  chain.localReply({.status = 503, .body = "gone\n"});
  EXPECT_EQ(readFrames(client.body),
            "data one\ntrailers\ngrpc-status: 14\r\ngrpc-message: gone\r\n");
  EXPECT_TRUE(client.ended);
  EXPECT_EQ(info.grpc_status, http::GrpcStatus::kUnavailable);
}

TEST_F(GrpcWebTest, InterimAnswersPass) {
  request(kText);
  terminal->begin(103, http::BodyFraming::kNone);
  chain.respondInformational();
  EXPECT_EQ(client.informational, 1);
  answerHead(kGrpc, true, 200, {{"grpc-status", "0"}});
  EXPECT_TRUE(client.ended);
}

}  // namespace
}  // namespace weir::extensions::http_filters::grpc_web
