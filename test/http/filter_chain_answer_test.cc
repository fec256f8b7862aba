// Answers that filters give in pieces.
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "source/http/filter_chain.h"
#include "test/http/filter_chain_fixture.h"

namespace weir::http {
namespace {

class FilterChainAnswerTest : public ::testing::Test, protected ChainUnderTest {
 protected:
  // From `filter`, which has been called.
  bool begin(FilterScript& filter, uint16_t status = 200,
             BodyFraming framing = BodyFraming::kChunked, uint64_t length = 0) {
    ResponseHead* const head = filter.handle->beginAnswer();
    if (head == nullptr) return false;
    head->status = status;
    head->framing = framing;
    head->content_length = length;
    return true;
  }
  static bool say(FilterHandle& handle, std::string_view bytes, bool end) {
    buffer::Buffer data(handle.blocks());
    data.append(bytes);
    return handle.answerBody(data, end);
  }
  bool say(FilterScript& filter, std::string_view bytes, bool end) {
    return say(*filter.handle, bytes, end);
  }
  static Verdict pause(FilterHandle&, RequestHead&, bool) { return Verdict::kPause; }
  // The request has come to `b`, which pauses.
  void reachB() {
    b.request_head = pause;
    build({&a, &b, &c});
    chain.requestHead(true);
  }
};

TEST_F(FilterChainAnswerTest, ComesInPiecesThroughTheFiltersBefore) {
  a.needs.response = BodyMode::kStream;
  a.response_body = [](FilterHandle&, buffer::Buffer& data, bool) {
    data.prepend("<");
    data.append(">");
    return Verdict::kContinue;
  };
  reachB();
  ASSERT_TRUE(begin(b, 203));
  EXPECT_EQ(sink.heads, 0);
  b.handle->answerHead(false);
  EXPECT_EQ(sink.status, 203);
  EXPECT_TRUE(say(b, "one", false));
  EXPECT_TRUE(say(b, "two", false));
  EXPECT_FALSE(sink.ended);
  EXPECT_TRUE(say(b, "three", true));
  EXPECT_EQ(sink.body, "<one><two><three>");
  EXPECT_TRUE(sink.ended);
  EXPECT_EQ(a.calls, "QRrrr");
  EXPECT_EQ(b.calls, "Q");
  EXPECT_EQ(c.calls, "");
  EXPECT_TRUE(terminal_script.requests.empty() || seen().ended);
  EXPECT_FALSE(say(b, "more", true));
  EXPECT_EQ(sink.body, "<one><two><three>");
}

TEST_F(FilterChainAnswerTest, FromInsideACallItWaitsForTheCallsEnd) {
  b.request_head = [this](FilterHandle& handle, RequestHead&, bool) {
    handle.beginAnswer()->status = 200;
    handle.answerHead(false);
    EXPECT_TRUE(say(handle, "one", false));
    EXPECT_TRUE(say(handle, "two", true));
    EXPECT_FALSE(say(handle, "three", true));
    EXPECT_EQ(sink.heads, 0);
    return Verdict::kContinue;  // means nothing now
  };
  build({&a, &b, &c});
  chain.requestHead(true);
  EXPECT_EQ(sink.status, 200);
  EXPECT_EQ(sink.body, "onetwo");
  EXPECT_TRUE(sink.ended);
  EXPECT_EQ(c.calls, "");
}

TEST_F(FilterChainAnswerTest, BegunInsideACallGoesOnLater) {
  b.request_head = [](FilterHandle& handle, RequestHead&, bool) {
    handle.beginAnswer()->status = 200;
    return Verdict::kContinue;
  };
  build({&a, &b, &c});
  chain.requestHead(true);
  EXPECT_EQ(c.calls, "");
  EXPECT_EQ(sink.heads, 0);
  b.handle->answerHead(false);
  EXPECT_TRUE(say(b, "x", true));
  EXPECT_EQ(sink.body, "x");
}

TEST_F(FilterChainAnswerTest, ReplacesTheUpstreamsAnswerFromTheCallForItsHead) {
  b.response_head = [this](FilterHandle& handle, ResponseHead& head, bool) {
    if (head.status != 304) return Verdict::kContinue;
    handle.beginAnswer()->status = 200;
    handle.answerHead(false);
    say(handle, "stored", true);
    return Verdict::kContinue;
  };
  build({&a, &b, &c});
  chain.requestHead(true);
  terminal->respond(304, "");
  EXPECT_EQ(sink.status, 200);
  EXPECT_EQ(sink.body, "stored");
  EXPECT_EQ(a.calls, "QR");
  EXPECT_EQ(c.calls, "QR");
  EXPECT_TRUE(seen().ended);
}

TEST_F(FilterChainAnswerTest, ReplacesAnAnswerThatItHolds) {
  b.response_head = [](FilterHandle&, ResponseHead&, bool) { return Verdict::kPause; };
  build({&a, &b});
  chain.requestHead(true);
  terminal->respond(200, "the upstream's");
  ASSERT_TRUE(begin(b, 599));
  EXPECT_TRUE(seen().ended);
  b.handle->answerHead(false);
  say(b, "mine", true);
  EXPECT_EQ(sink.status, 599);
  EXPECT_EQ(sink.body, "mine");
}

TEST_F(FilterChainAnswerTest, IsTooLateWhenAResponseHasLeft) {
  build({&a, &b});
  chain.requestHead(true);
  terminal->begin(200, BodyFraming::kChunked);
  chain.respondHead(false);
  EXPECT_FALSE(begin(b));
  terminal->send("x", true);
  EXPECT_EQ(sink.body, "x");
}

TEST_F(FilterChainAnswerTest, IsTooLateWhenANearerFilterHoldsAResponse) {
  a.response_head = [](FilterHandle&, ResponseHead&, bool) { return Verdict::kPause; };
  build({&a, &b});
  chain.requestHead(true);
  terminal->respond(200, "x");
  EXPECT_EQ(b.handle->beginAnswer(), nullptr);
  EXPECT_TRUE(begin(a, 500));
  EXPECT_EQ(a.handle->beginAnswer(), nullptr);
}

TEST_F(FilterChainAnswerTest, IsTooLateInACallThatHasRepliedOrReset) {
  b.request_head = [](FilterHandle& handle, RequestHead&, bool) {
    handle.localReply({.status = 403});
    EXPECT_EQ(handle.beginAnswer(), nullptr);
    return Verdict::kPause;
  };
  build({&a, &b});
  chain.requestHead(true);
  EXPECT_EQ(sink.status, 403);
}

TEST_F(FilterChainAnswerTest, ANearerFilterMayTakeItAway) {
  a.response_head = [](FilterHandle&, ResponseHead&, bool) { return Verdict::kPause; };
  reachB();
  ASSERT_TRUE(begin(b));
  b.handle->answerHead(false);
  EXPECT_TRUE(say(b, "one", false));
  a.handle->localReply({.status = 504, .body = "late"});
  EXPECT_EQ(sink.status, 504);
  EXPECT_EQ(sink.body, "late");
  EXPECT_FALSE(say(b, "two", true));
  EXPECT_EQ(sink.body, "late");
}

TEST_F(FilterChainAnswerTest, AReplyInTheSameCallTakesItsPlace) {
  b.request_head = [](FilterHandle& handle, RequestHead&, bool) {
    handle.beginAnswer()->status = 200;
    handle.localReply({.status = 403});
    return Verdict::kPause;
  };
  build({&a, &b});
  chain.requestHead(true);
  EXPECT_EQ(sink.status, 403);
  EXPECT_TRUE(sink.ended);
}

TEST_F(FilterChainAnswerTest, ReplyBeforeTheHeadIsAReply) {
  reachB();
  ASSERT_TRUE(begin(b));
  b.handle->localReply({.status = 500, .body = "x"});
  EXPECT_EQ(sink.status, 500);
  EXPECT_EQ(sink.body, "x");
}

TEST_F(FilterChainAnswerTest, ReplyAfterTheHeadBreaksItOff) {
  reachB();
  ASSERT_TRUE(begin(b));
  b.handle->answerHead(false);
  b.handle->localReply({.status = 500, .body = "x"});
  EXPECT_EQ(sink.resets, 1);
  EXPECT_EQ(b.ended, 1);
  EXPECT_EQ(a.ended, 1);
}

TEST_F(FilterChainAnswerTest, ResetBreaksItOff) {
  reachB();
  ASSERT_TRUE(begin(b));
  b.handle->answerHead(false);
  say(b, "half", false);
  FilterHandle& handle = *b.handle;
  handle.reset({ErrorOrigin::kLocal, ErrorReason::kFilter});
  EXPECT_EQ(sink.resets, 1);
  EXPECT_FALSE(say(handle, "rest", true));
}

TEST_F(FilterChainAnswerTest, OfAnotherLengthThanAnnouncedResetsTheStream) {
  for (const std::string body : {"four", "sixsix"}) {
    ChainUnderTest one;
    one.b.request_head = pause;
    one.build({&one.a, &one.b});
    one.chain.requestHead(true);
    ResponseHead* head = one.b.handle->beginAnswer();
    head->status = 200;
    head->framing = BodyFraming::kContentLength;
    head->content_length = 5;
    one.b.handle->answerHead(false);
    EXPECT_FALSE(say(*one.b.handle, body, true) && one.sink.resets == 0);
    EXPECT_EQ(one.sink.resets, 1);
    EXPECT_FALSE(one.sink.ended);
  }
  reachB();
  ASSERT_TRUE(begin(b, 200, BodyFraming::kContentLength, 5));
  b.handle->answerHead(false);
  EXPECT_TRUE(say(b, "fi", false));
  EXPECT_TRUE(say(b, "ves", true));
  EXPECT_EQ(sink.resets, 0);
  EXPECT_EQ(sink.body, "fives");
}

TEST_F(FilterChainAnswerTest, ToHeadEndsWithItsHead) {
  b.request_head = pause;
  build({&a, &b});
  request.method = "HEAD";
  chain.requestHead(true);
  ASSERT_TRUE(begin(b, 200, BodyFraming::kContentLength, 1000));
  b.handle->answerHead(false);
  EXPECT_TRUE(sink.ended);
  EXPECT_EQ(sink.content_length, 1000u);
  EXPECT_FALSE(say(b, "x", true));
  EXPECT_EQ(sink.body, "");
}

TEST_F(FilterChainAnswerTest, OfAStatusWithoutBodyEndsWithItsHead) {
  reachB();
  ASSERT_TRUE(begin(b, 304, BodyFraming::kNone));
  b.handle->answerHead(false);
  EXPECT_TRUE(sink.ended);
}

TEST_F(FilterChainAnswerTest, WithoutFramingIsChunked) {
  reachB();
  ASSERT_TRUE(begin(b, 200, BodyFraming::kNone));
  b.handle->answerHead(false);
  EXPECT_EQ(response.framing, BodyFraming::kChunked);
}

TEST_F(FilterChainAnswerTest, MayEndWithTrailers) {
  const ReplyField fields[] = {{"grpc-status", "0"}};
  reachB();
  ASSERT_TRUE(begin(b));
  b.handle->answerHead(false);
  say(b, "x", false);
  EXPECT_TRUE(b.handle->answerTrailers(fields));
  EXPECT_TRUE(sink.trailers);
  EXPECT_EQ(response_trailers.get("grpc-status"), "0");
  EXPECT_FALSE(b.handle->answerTrailers(fields));
}

TEST_F(FilterChainAnswerTest, MayEndWithTrailersFromInsideTheCall) {
  const ReplyField fields[] = {{"grpc-status", "0"}};
  for (const std::string body : {"", "x"}) {
    ChainUnderTest one;
    one.b.request_head = [&](FilterHandle& handle, RequestHead&, bool) {
      handle.beginAnswer()->status = 200;
      handle.answerHead(false);
      if (!body.empty()) say(handle, body, false);
      handle.answerTrailers(fields);
      return Verdict::kPause;
    };
    one.build({&one.a, &one.b});
    one.chain.requestHead(true);
    EXPECT_EQ(one.sink.body, body);
    EXPECT_TRUE(one.sink.trailers);
  }
}

TEST_F(FilterChainAnswerTest, GrpcCallsGetWhatTheFilterSays) {
  const ReplyField fields[] = {{"grpc-status", "5"}};
  b.request_head = pause;
  build({&a, &b});
  request.headers.add("content-type", "application/grpc");
  chain.requestHead(true);
  ASSERT_TRUE(begin(b));
  response.headers.add("content-type", "application/grpc");
  b.handle->answerHead(false);
  EXPECT_EQ(sink.status, 200);
  b.handle->answerTrailers(fields);
  EXPECT_EQ(info.grpc_status, GrpcStatus::kNotFound);
}

TEST_F(FilterChainAnswerTest, GrpcAnswersBreakOffWithAStatus) {
  b.request_head = pause;
  build({&a, &b});
  request.headers.add("content-type", "application/grpc");
  chain.requestHead(true);
  ASSERT_TRUE(begin(b));
  response.headers.add("content-type", "application/grpc");
  b.handle->answerHead(false);
  b.handle->localReply({.status = 503, .body = "gone"});
  EXPECT_TRUE(sink.trailers);
  EXPECT_EQ(sink.resets, 0);
  EXPECT_EQ(response_trailers.get("grpc-status"), "14");
}

TEST_F(FilterChainAnswerTest, TheRestOfTheRequestGoesNowhere) {
  b.request_head = pause;
  build({&a, &b});
  chain.requestHead(false);
  sendBody(std::string(FilterChain::kHighWatermarkBytes + 1, 'x'), false);
  EXPECT_FALSE(sink.reading());
  ASSERT_TRUE(begin(b));
  EXPECT_TRUE(sink.reading());
  b.handle->answerHead(false);
  sendBody("more", true);
  say(b, "answer", true);
  EXPECT_EQ(sink.body, "answer");
  EXPECT_TRUE(terminal_script.requests.empty() || seen().body.empty());
}

TEST_F(FilterChainAnswerTest, IsToldOfASlowClient) {
  reachB();
  ASSERT_TRUE(begin(b));
  b.handle->answerHead(false);
  chain.responseBlocked(true);
  chain.responseBlocked(true);
  EXPECT_EQ(b.calls, "QB");
  chain.responseBlocked(false);
  EXPECT_EQ(b.calls, "QBb");
  EXPECT_TRUE(terminal_script.blocked.empty());
}

TEST_F(FilterChainAnswerTest, IsToldOfAClientThatWasSlowBefore) {
  reachB();
  chain.responseBlocked(true);
  ASSERT_TRUE(begin(b));
  EXPECT_EQ(b.calls, "Q");
  b.handle->answerHead(false);
  EXPECT_EQ(b.calls, "QB");
}

TEST_F(FilterChainAnswerTest, IsToldOfASlowFilterBefore) {
  a.needs.response = BodyMode::kStream;
  a.response_head = [](FilterHandle&, ResponseHead&, bool) { return Verdict::kPause; };
  std::string expected;
  int piece = 0;
  const auto write = [&](FilterHandle& handle) {
    const std::string text(100'000, static_cast<char>('a' + piece % 26));
    expected += text;
    say(handle, text, ++piece == 20);
  };
  bool blocked = false;
  b.answer_blocked = [&](FilterHandle& handle, bool now) {
    blocked = now;
    while (!blocked && piece < 20) write(handle);
  };
  reachB();
  ASSERT_TRUE(begin(b));
  b.handle->answerHead(false);
  while (!blocked && piece < 20) write(*b.handle);
  EXPECT_EQ(piece, 3);
  a.handle->resumeResponse();
  EXPECT_EQ(piece, 20);
  EXPECT_TRUE(sink.ended);
  EXPECT_TRUE(sink.body == expected);
}

TEST_F(FilterChainAnswerTest, EndsWithTheStream) {
  reachB();
  FilterHandle& handle = *b.handle;
  ASSERT_TRUE(begin(b));
  b.handle->answerHead(false);
  chain.end();
  EXPECT_FALSE(say(handle, "x", true));
  EXPECT_EQ(handle.beginAnswer(), nullptr);
  EXPECT_EQ(b.ended, 1);
  chain.clear();
  EXPECT_EQ(blocks.bytesInUse(), 0u);
}

TEST_F(FilterChainAnswerTest, AStreamMayEndInsideTheCall) {
  b.request_head = [this](FilterHandle& handle, RequestHead&, bool) {
    handle.beginAnswer()->status = 200;
    handle.answerHead(false);
    say(handle, "held", false);
    chain.end();
    return Verdict::kPause;
  };
  build({&a, &b});
  chain.requestHead(true);
  EXPECT_EQ(sink.heads, 0);
  EXPECT_EQ(b.ended, 1);
  chain.clear();
  EXPECT_EQ(blocks.bytesInUse(), 0u);
}

TEST_F(FilterChainAnswerTest, ATooLargeAnswerForACollectingFilterIsReplaced) {
  a.needs.response = BodyMode::kCollect;
  a.needs.collect_limit_bytes = 5;
  reachB();
  ASSERT_TRUE(begin(b));
  b.handle->answerHead(false);
  EXPECT_TRUE(say(b, "five!", false));
  EXPECT_FALSE(say(b, "six", false));
  EXPECT_EQ(sink.status, 500);
}

}  // namespace
}  // namespace weir::http
