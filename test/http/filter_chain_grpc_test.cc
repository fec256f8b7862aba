// Replies of the chain's own to gRPC requests: trailers only, whatever fails.

#include <string>

#include "gtest/gtest.h"

#include "test/http/filter_chain_fixture.h"

namespace weir::http {
namespace {

class FilterChainGrpcTest : public testing::Test, public ChainUnderTest {
 protected:
  void buildGrpc(std::vector<FilterScript*> scripts) {
    build(std::move(scripts));
    request.headers.add("content-type", "application/grpc+proto");
  }
  void beginGrpcAnswer(BodyFraming framing = BodyFraming::kChunked) {
    terminal->begin(200, framing, 100).headers.add("content-type", "application/grpc");
    chain.respondHead(false);
  }
  void expectTrailersOnly(std::string_view status, std::string_view message) {
    EXPECT_EQ(sink.status, 200);
    EXPECT_TRUE(sink.ended);
    EXPECT_EQ(sink.body, "");
    EXPECT_EQ(response.headers.get(HeaderId::kContentType), "application/grpc");
    EXPECT_EQ(response.headers.get("grpc-status"), status);
    EXPECT_EQ(response.headers.get("grpc-message"), message);
  }
};

TEST_F(FilterChainGrpcTest, TheTerminalsReplyIsTrailersOnly) {
  buildGrpc({&a});
  chain.requestHead(false);
  chain.localReply({.status = 503,
                    .body = "no healthy endpoint\n",
                    .flag = ResponseFlag::kNoHealthyUpstream,
                    .detail = "no_endpoint"});
  expectTrailersOnly("14", "no healthy endpoint");
  EXPECT_EQ(info.grpc_status, GrpcStatus::kUnavailable);
  EXPECT_TRUE(info.hasFlag(ResponseFlag::kNoHealthyUpstream));
  EXPECT_EQ(info.detail, "no_endpoint");
  EXPECT_EQ(a.calls, "QR");
}

TEST_F(FilterChainGrpcTest, AReplyMaySayItsStatus) {
  buildGrpc({});
  chain.requestHead(true);
  chain.localReply({.status = 503, .body = "over", .grpc_status = GrpcStatus::kResourceExhausted});
  expectTrailersOnly("8", "over");
}

TEST_F(FilterChainGrpcTest, WithoutABodyTheReasonIsTheMessage) {
  buildGrpc({});
  chain.requestHead(true);
  chain.localReply({.status = 404});
  expectTrailersOnly("12", "Not Found");
}

TEST_F(FilterChainGrpcTest, TheMessageIsEncodedAndShort) {
  buildGrpc({});
  chain.requestHead(true);
  // The 1024th byte is in the midst of a character.
  chain.localReply({.status = 500, .body = std::string(1023, '%') + "\xc3\xa9" + "more"});
  std::string expected;
  for (int i = 0; i < 1023; ++i) expected += "%25";
  expectTrailersOnly("13", expected);
}

TEST_F(FilterChainGrpcTest, AFiltersReplyAndThatOfTheOwner) {
  b.request_head = [](FilterHandle& handle, RequestHead&, bool) {
    handle.localReply({.status = 403, .body = "no"});
    return Verdict::kPause;
  };
  buildGrpc({&a, &b});
  chain.requestHead(false);
  expectTrailersOnly("7", "no");
  EXPECT_EQ(a.calls, "QR");
}

TEST_F(FilterChainGrpcTest, TheOwnersReplyPassesNoFilter) {
  buildGrpc({&a});
  chain.requestHead(false);
  chain.replyAtOnce({.status = 413, .body = "too large\n", .close_connection = true});
  expectTrailersOnly("8", "too large");
  EXPECT_EQ(a.calls, "Q");
  EXPECT_TRUE(chain.closeAfterResponse());
}

TEST_F(FilterChainGrpcTest, ARequestRefusedBeforeItsHeadIsPassedOn) {
  buildGrpc({&a});
  chain.replyAtOnce({.status = 431, .body = "too large"});
  expectTrailersOnly("8", "too large");
  EXPECT_EQ(a.calls, "");
}

// Trailers only have the same form there.
TEST_F(FilterChainGrpcTest, GrpcWebClientsGetTheirStatusToo) {
  for (const std::string_view type :
       {"application/grpc-web", "application/grpc-web-text+proto", "Application/GRPC-web; a=b"}) {
    ChainUnderTest under_test;
    under_test.build({&under_test.a});
    under_test.request.headers.add("content-type", type);
    under_test.chain.requestHead(false);
    under_test.chain.replyAtOnce({.status = 504, .body = "late\n"});
    EXPECT_EQ(under_test.sink.status, 200);
    EXPECT_EQ(under_test.response.headers.get(HeaderId::kContentType),
              type.substr(0, type.find(';')));
    EXPECT_EQ(under_test.response.headers.get("grpc-status"), "4");
    EXPECT_TRUE(under_test.sink.ended);
    EXPECT_EQ(under_test.info.grpc_status, GrpcStatus::kDeadlineExceeded);
  }
}

// One that has begun has its trailers in the body: nobody here can write them.
TEST_F(FilterChainGrpcTest, AGrpcWebAnswerThatHasBegunIsReset) {
  build({});
  request.headers.add("content-type", "application/grpc-web");
  chain.requestHead(true);
  ResponseHead& head = terminal->begin(200, BodyFraming::kChunked);
  head.headers.add("content-type", "application/grpc-web");
  chain.respondHead(false);
  chain.localReply({.status = 503});
  EXPECT_EQ(sink.resets, 1);
}

// A filter that translates: in front of it the client does not speak gRPC, behind it all do.
TEST_F(FilterChainGrpcTest, WhatTheClientSpeaksDecides) {
  a.request_head = [](FilterHandle&, RequestHead& head, bool) {
    head.headers.set(HeaderId::kContentType, "application/grpc");
    return Verdict::kContinue;
  };
  build({&a, &b});
  request.headers.add("content-type", "application/json");
  chain.requestHead(false);
  chain.replyAtOnce({.status = 504, .body = "late\n"});
  EXPECT_EQ(sink.status, 504);
  EXPECT_EQ(sink.body, "late\n");
  EXPECT_EQ(info.grpc_status, std::nullopt);
}

TEST_F(FilterChainGrpcTest, TheTranslatorItselfAnswersItsClient) {
  a.request_head = [](FilterHandle&, RequestHead& head, bool) {
    head.headers.set(HeaderId::kContentType, "application/grpc");
    return Verdict::kContinue;
  };
  a.response_head = [](FilterHandle& handle, ResponseHead&, bool) {
    handle.localReply({.status = 502, .body = "not gRPC\n"});
    return Verdict::kContinue;
  };
  build({&a});
  request.headers.add("content-type", "application/json");
  chain.requestHead(true);
  terminal->respond(200, "x");
  EXPECT_EQ(sink.status, 502);
  EXPECT_EQ(sink.body, "not gRPC\n");
}

TEST_F(FilterChainGrpcTest, BehindATranslatorRepliesAreGrpc) {
  a.request_head = [](FilterHandle&, RequestHead& head, bool) {
    head.headers.set(HeaderId::kContentType, "application/grpc");
    return Verdict::kContinue;
  };
  build({&a, &b});
  request.headers.add("content-type", "application/grpc-web");
  chain.requestHead(true);
  chain.localReply({.status = 503, .body = "none"});
  expectTrailersOnly("14", "none");
  EXPECT_EQ(info.grpc_status, GrpcStatus::kUnavailable);
}

TEST_F(FilterChainGrpcTest, ForwardedStatusesAreNoted) {
  buildGrpc({});
  chain.requestHead(true);
  beginGrpcAnswer();
  terminal->send("message", false);
  EXPECT_EQ(info.grpc_status, std::nullopt);
  response_trailers.add("grpc-status", "5");
  chain.respondTrailers();
  EXPECT_EQ(info.grpc_status, GrpcStatus::kNotFound);
}

TEST_F(FilterChainGrpcTest, ForwardedTrailersOnlyAreNoted) {
  buildGrpc({});
  chain.requestHead(true);
  terminal->begin(200, BodyFraming::kNone).headers.add("grpc-status", "0");
  chain.respondHead(true);
  EXPECT_EQ(info.grpc_status, GrpcStatus::kOk);
}

TEST_F(FilterChainGrpcTest, AnAnswerThatHasBegunEndsWithTheStatus) {
  buildGrpc({&a});
  chain.requestHead(false);
  beginGrpcAnswer();
  terminal->send("mess", false);
  chain.localReply({.status = 502,
                    .body = "broke\n",
                    .flag = ResponseFlag::kUpstreamConnectionTermination,
                    .detail = "upstream_reset"});
  EXPECT_EQ(sink.status, 200);
  EXPECT_EQ(sink.body, "mess");
  EXPECT_TRUE(sink.trailers);
  EXPECT_EQ(sink.resets, 0);
  EXPECT_EQ(response_trailers.get("grpc-status"), "14");
  EXPECT_EQ(response_trailers.get("grpc-message"), "broke");
  EXPECT_EQ(info.grpc_status, GrpcStatus::kUnavailable);
  EXPECT_TRUE(info.hasFlag(ResponseFlag::kUpstreamConnectionTermination));
  EXPECT_EQ(info.detail, "upstream_reset");
  EXPECT_EQ(a.calls, "QRt");
  sendBody("goes nowhere", true);
  EXPECT_EQ(seen().body, "");
}

// What a filter holds back goes out before the status.
TEST_F(FilterChainGrpcTest, HeldBodyComesBeforeTheStatus) {
  a.needs.response = BodyMode::kStream;
  a.response_body = [](auto&&...) { return Verdict::kPause; };
  buildGrpc({&a});
  chain.requestHead(true);
  beginGrpcAnswer();
  terminal->send("held", false);
  chain.localReply({.status = 504, .body = "late"});
  EXPECT_EQ(sink.body, "");
  a.response_body = nullptr;
  a.handle->resumeResponse();
  EXPECT_EQ(sink.body, "held");
  EXPECT_TRUE(sink.trailers);
  EXPECT_FALSE(sink.after_end);
  EXPECT_TRUE(terminal_script.blocked.empty());
}

TEST_F(FilterChainGrpcTest, TheOwnerEndsAnAnswerThatHasBegun) {
  buildGrpc({&a});
  chain.requestHead(false);
  beginGrpcAnswer();
  chain.replyAtOnce({.status = 504, .body = "late"});
  EXPECT_TRUE(sink.trailers);
  EXPECT_EQ(response_trailers.get("grpc-status"), "4");
  EXPECT_EQ(a.calls, "QR");
  EXPECT_TRUE(seen().ended);
}

// There is no room for trailers behind a body of known length, nor in an answer that is not gRPC.
TEST_F(FilterChainGrpcTest, WithoutRoomForTrailersItIsReset) {
  buildGrpc({});
  chain.requestHead(true);
  beginGrpcAnswer(BodyFraming::kContentLength);
  chain.localReply({.status = 502});
  EXPECT_EQ(sink.resets, 1);
  EXPECT_FALSE(sink.trailers);
}

TEST_F(FilterChainGrpcTest, AnAnswerThatIsNotGrpcIsReset) {
  buildGrpc({});
  chain.requestHead(true);
  terminal->begin(503, BodyFraming::kChunked).headers.add("content-type", "text/html");
  chain.respondHead(false);
  chain.replyAtOnce({.status = 504});
  EXPECT_EQ(sink.resets, 1);
  EXPECT_FALSE(sink.trailers);
}

TEST_F(FilterChainGrpcTest, TheNextExchangeStartsAnew) {
  buildGrpc({});
  chain.requestHead(true);
  chain.localReply({.status = 503});
  chain.end();
  chain.clear();
  request.headers.clear();
  build({});
  chain.requestHead(true);
  chain.localReply({.status = 503, .body = "plain"});
  EXPECT_EQ(sink.status, 503);
  EXPECT_EQ(sink.body, "plain");
}

}  // namespace
}  // namespace weir::http
