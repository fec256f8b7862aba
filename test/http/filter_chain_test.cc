#include "source/http/filter_chain.h"

#include <gtest/gtest.h>

#include <string>

#include "source/http/route.h"
#include "test/http/filter_chain_fixture.h"

namespace weir::http {
namespace {

Verdict pauseHead(FilterHandle&, RequestHead&, bool) {
  return Verdict::kPause;
}

class FilterChainTest : public ::testing::Test, protected ChainUnderTest {};

TEST_F(FilterChainTest, WithoutFiltersEventsReachTerminalAndSink) {
  build({});
  chain.requestHead(false);
  sendBody("hello", true);
  EXPECT_EQ(seen().body, "hello");
  EXPECT_TRUE(seen().complete);
  terminal->respond(200, "bye");
  EXPECT_EQ(sink.status, 200);
  EXPECT_EQ(sink.body, "bye");
  EXPECT_TRUE(sink.ended);
  chain.end();
  EXPECT_TRUE(seen().ended);
}

TEST_F(FilterChainTest, RequestsPassInOrderResponsesInReverse) {
  std::string order;
  a.request_head = [&](auto&&...) { return order += "a", Verdict::kContinue; };
  b.request_head = [&](auto&&...) { return order += "b", Verdict::kContinue; };
  a.response_head = [&](auto&&...) { return order += "A", Verdict::kContinue; };
  b.response_head = [&](auto&&...) { return order += "B", Verdict::kContinue; };
  build({&a, &b});
  chain.requestHead(true);
  terminal->respond(200, "x");
  EXPECT_EQ(order, "abBA");
  EXPECT_EQ(a.calls, "QR");  // bodies were not asked for
}

TEST_F(FilterChainTest, PausedHeadHoldsEverythingUntilResume) {
  a.request_head = pauseHead;
  build({&a, &b});
  chain.requestHead(false);
  sendBody("one", false);
  sendBody("two", true);
  EXPECT_EQ(b.calls, "");
  EXPECT_EQ(seen().line, "");
  a.handle->resumeRequest();
  EXPECT_EQ(seen().body, "onetwo");
  EXPECT_TRUE(seen().complete);
  a.handle->resumeRequest();  // idempotent
  EXPECT_EQ(seen().body, "onetwo");
}

TEST_F(FilterChainTest, ResumeInsideTheOwnCallTakesEffectAfterIt) {
  a.request_head = [&](FilterHandle& handle, RequestHead&, bool) {
    handle.resumeRequest();
    EXPECT_EQ(seen().line, "");
    return Verdict::kPause;
  };
  build({&a});
  chain.requestHead(true);
  EXPECT_TRUE(seen().complete);
}

TEST_F(FilterChainTest, ResumeOfOneDirectionFromACallOfTheOther) {
  a.request_head = pauseHead;
  a.informational = [&](FilterHandle& handle, ResponseHead&) {
    handle.resumeRequest();
    EXPECT_EQ(seen().line, "");
    return Verdict::kContinue;
  };
  build({&a});
  chain.requestHead(true);
  response.status = 103;
  chain.respondInformational();
  EXPECT_TRUE(seen().complete);
  EXPECT_EQ(sink.informational, std::vector<int>{103});
}

TEST_F(FilterChainTest, InterimResponseCanBeDropped) {
  a.informational = [](auto&&...) { return Verdict::kPause; };
  build({&a});
  chain.requestHead(true);
  response.status = 103;
  chain.respondInformational();
  EXPECT_TRUE(sink.informational.empty());
  terminal->respond(200, "");
  EXPECT_EQ(sink.status, 200);
}

TEST_F(FilterChainTest, StreamingFilterSeesPiecesAndMayChangeThem) {
  a.needs.request = BodyMode::kStream;
  a.request_body = [](FilterHandle&, buffer::Buffer& data, bool) {
    data.prepend("<");
    data.append(">");
    return Verdict::kContinue;
  };
  build({&a});
  chain.requestHead(false);
  sendBody("1", false);
  sendBody("2", true);
  EXPECT_EQ(seen().body, "<1><2>");
  EXPECT_EQ(a.calls, "Qqq");
}

TEST_F(FilterChainTest, CollectingFilterSeesTheWholeBodyOnceAndCorrectsTheLength) {
  a.needs.request = BodyMode::kCollect;
  a.request_body = [](FilterHandle&, buffer::Buffer& data, bool end) {
    EXPECT_TRUE(end);
    EXPECT_EQ(data.toString(), "onetwo");
    data.append("three");
    return Verdict::kContinue;
  };
  build({&a});
  request.framing = BodyFraming::kContentLength;
  request.content_length = 6;
  chain.requestHead(false);
  sendBody("one", false);
  EXPECT_EQ(seen().line, "");
  sendBody("two", true);
  EXPECT_EQ(seen().body, "onetwothree");
  EXPECT_EQ(request.content_length, 11u);
  EXPECT_EQ(a.calls, "Qq");
}

TEST_F(FilterChainTest, TrailersFollowACollectedBody) {
  a.needs.request = BodyMode::kCollect;
  a.needs.response = BodyMode::kCollect;
  build({&a});
  chain.requestHead(false);
  sendBody("x", false);
  request_trailers.add("sum", "1");
  chain.requestTrailers();
  EXPECT_EQ(seen().body, "x");
  EXPECT_EQ(seen().trailers, "sum: 1\n");
  terminal->begin(200, BodyFraming::kChunked);
  chain.respondHead(false);
  terminal->send("y", false);
  EXPECT_EQ(sink.heads, 0);
  chain.respondTrailers();
  EXPECT_EQ(sink.body, "y");
  EXPECT_TRUE(sink.trailers);
  EXPECT_EQ(a.calls, "QqTRrt");
}

TEST_F(FilterChainTest, CollectLimits) {
  a.needs = {BodyMode::kCollect, BodyMode::kNone, 4};
  build({&b, &a});
  chain.requestHead(false);
  sendBody("12345", false);
  EXPECT_EQ(sink.status, 413);
  EXPECT_TRUE(chain.closeAfterResponse());
  EXPECT_EQ(b.calls, "QR");  // the reply passed the filter before
  EXPECT_EQ(seen().line, "");
  sendBody("more", true);
  EXPECT_EQ(sink.heads, 1);
}

TEST_F(FilterChainTest, CollectLimitByDeclaredLength) {
  a.needs = {BodyMode::kCollect, BodyMode::kNone, 4};
  build({&a});
  request.framing = BodyFraming::kContentLength;
  request.content_length = 5;
  chain.requestHead(false);
  EXPECT_EQ(sink.status, 413);
}

TEST_F(FilterChainTest, CollectLimitOfResponseIs500) {
  a.needs = {BodyMode::kNone, BodyMode::kCollect, 4};
  build({&a});
  chain.requestHead(true);
  terminal->begin(200, BodyFraming::kChunked);
  chain.respondHead(false);
  terminal->send("12345", false);
  EXPECT_EQ(sink.status, 500);
  EXPECT_TRUE(seen().ended);
  terminal->send("late", true);
  EXPECT_EQ(sink.heads, 1);
  EXPECT_EQ(sink.body, "response body too large\n");
}

TEST_F(FilterChainTest, CollectingAnswersExpectItself) {
  a.needs.request = BodyMode::kCollect;
  build({&a});
  request.expects_continue = true;
  request.headers.add(HeaderId::kExpect, "100-continue");
  chain.requestHead(false);
  EXPECT_EQ(sink.informational, std::vector<int>{100});
  sendBody("x", true);
  EXPECT_EQ(seen().headers, "");
}

TEST_F(FilterChainTest, TunnelsAreNotCollected) {
  a.needs.request = BodyMode::kCollect;
  build({&a});
  request.upgrade = "websocket";
  chain.requestHead(false);
  EXPECT_NE(seen().line, "");
  sendBody("frame", false);
  EXPECT_EQ(seen().body, "frame");
}

TEST_F(FilterChainTest, BackpressureOfAPausedRequest) {
  a.needs.request = BodyMode::kStream;
  a.request_body = [](auto&&...) { return Verdict::kPause; };
  build({&a});
  chain.requestHead(false);
  const std::string piece(64 * 1024, 'x');
  for (int i = 0; i < 4; ++i) sendBody(piece, false);
  EXPECT_TRUE(sink.reading());
  sendBody("x", false);
  EXPECT_FALSE(sink.reading());
  a.request_body = nullptr;
  a.handle->resumeRequest();
  EXPECT_TRUE(sink.reading());
  EXPECT_EQ(seen().body.size(), 4 * piece.size() + 1);
}

TEST_F(FilterChainTest, TerminalAndChainBothMayStopReading) {
  a.request_head = pauseHead;
  build({&a});
  chain.requestHead(false);
  sendBody(std::string(300 * 1024, 'x'), false);
  chain.setRequestReadEnabled(false);
  a.handle->resumeRequest();
  EXPECT_FALSE(sink.reading());
  chain.setRequestReadEnabled(true);
  EXPECT_TRUE(sink.reading());
  EXPECT_EQ(sink.reads, (std::vector<bool>{false, true}));
}

TEST_F(FilterChainTest, BackpressureOfAPausedResponse) {
  a.response_head = [](auto&&...) { return Verdict::kPause; };
  build({&a});
  chain.requestHead(true);
  terminal->begin(200, BodyFraming::kChunked);
  chain.respondHead(false);
  terminal->send(std::string(257 * 1024, 'x'), false);
  EXPECT_EQ(terminal_script.blocked, std::vector<bool>{true});
  chain.responseBlocked(true);
  a.handle->resumeResponse();
  EXPECT_EQ(terminal_script.blocked, std::vector<bool>{true});
  chain.responseBlocked(false);
  EXPECT_EQ(terminal_script.blocked, (std::vector<bool>{true, false}));
}

TEST_F(FilterChainTest, LocalReplyFromTheRequestSide) {
  b.request_head = [](FilterHandle& handle, RequestHead&, bool) {
    handle.localReply({.status = 403, .body = "no", .flag = ResponseFlag::kUnauthorized});
    return Verdict::kContinue;  // of no effect any more
  };
  build({&a, &b, &c});
  chain.requestHead(false);
  EXPECT_EQ(sink.status, 403);
  EXPECT_EQ(sink.body, "no");
  EXPECT_EQ(a.calls, "QR");
  EXPECT_EQ(b.calls, "Q");
  EXPECT_EQ(c.calls, "");
  EXPECT_TRUE(info.hasFlag(ResponseFlag::kUnauthorized));
  sendBody("rest", true);
  EXPECT_EQ(a.calls, "QR");
  chain.end();
  EXPECT_EQ(a.ended + b.ended + c.ended, 3);
}

TEST_F(FilterChainTest, LocalReplyInsteadOfTheResponse) {
  a.response_head = [](FilterHandle& handle, ResponseHead&, bool) {
    handle.localReply({.status = 502, .body = "bad"});
    handle.localReply({.status = 503});  // the first one counts
    return Verdict::kContinue;
  };
  build({&b, &a});
  chain.requestHead(true);
  terminal->respond(200, "secret");
  EXPECT_EQ(sink.status, 502);
  EXPECT_EQ(sink.body, "bad");
  EXPECT_EQ(b.calls, "QR");
  EXPECT_TRUE(seen().ended);
}

TEST_F(FilterChainTest, LocalReplyAfterTheHeadIsOutResets) {
  a.needs.response = BodyMode::kStream;
  a.response_body = [](FilterHandle& handle, buffer::Buffer&, bool) {
    handle.localReply({.status = 500});
    return Verdict::kContinue;
  };
  build({&a});
  chain.requestHead(true);
  terminal->respond(200, "x");
  EXPECT_EQ(sink.heads, 1);
  EXPECT_EQ(sink.resets, 1);
  EXPECT_EQ(sink.body, "");
  EXPECT_EQ(a.ended, 1);
}

TEST_F(FilterChainTest, LocalReplyNeverPassesAFilterTwice) {
  a.response_head = [](auto&&...) { return Verdict::kPause; };  // has seen the answer's head
  build({&a, &b});
  chain.requestHead(true);
  terminal->respond(200, "x");
  b.handle->localReply({.status = 500});
  EXPECT_EQ(sink.heads, 0);
  EXPECT_EQ(sink.resets, 1);
  EXPECT_EQ(a.calls, "QR");
}

TEST_F(FilterChainTest, TerminalsReplyPassesAllFilters) {
  terminal_script.head = [](FakeTerminal& t, RequestHead&, bool) {
    t.chain().localReply({.status = 404, .location = "/there"});
  };
  build({&a, &b});
  chain.requestHead(true);
  EXPECT_EQ(sink.status, 404);
  EXPECT_EQ(response.headers.get(HeaderId::kLocation), "/there");
  EXPECT_EQ(a.calls, "QR");
  EXPECT_EQ(b.calls, "QR");
  chain.end();
  EXPECT_TRUE(seen().ended);
}

TEST_F(FilterChainTest, ReplyToHeadHasNoBody) {
  build({});
  request.method = "HEAD";
  chain.requestHead(true);
  chain.localReply({.status = 404, .body = "nothing"});
  EXPECT_EQ(sink.content_length, 7u);
  EXPECT_EQ(sink.body, "");
  EXPECT_TRUE(sink.ended);
}

TEST_F(FilterChainTest, ReplyAtOncePassesNoFilter) {
  a.response_head = [](auto&&...) { return Verdict::kPause; };
  build({&a});
  chain.requestHead(true);
  terminal->respond(200, "x");
  chain.replyAtOnce({.status = 408});
  EXPECT_EQ(sink.status, 408);
  EXPECT_EQ(a.calls, "QR");
}

TEST_F(FilterChainTest, ResetAndEndInsideACallWaitForItsEnd) {
  a.request_head = [&](FilterHandle& handle, RequestHead&, bool) {
    handle.reset({ErrorOrigin::kLocal, ErrorReason::kFilter});
    EXPECT_EQ(sink.resets, 0);
    chain.end();
    EXPECT_EQ(a.ended, 0);
    return Verdict::kContinue;
  };
  build({&a});
  chain.requestHead(true);
  EXPECT_EQ(a.ended, 1);
  EXPECT_EQ(seen().line, "");
  EXPECT_TRUE(seen().ended);
  chain.end();
  EXPECT_EQ(a.ended, 1);
}

TEST_F(FilterChainTest, UnobservedResponseBody) {
  a.needs.response = BodyMode::kStream;
  build({&a});
  chain.requestHead(true);
  terminal->begin(200, BodyFraming::kContentLength, 5);
  EXPECT_FALSE(chain.responseBodyUnobserved());
  chain.respondHead(false);
  EXPECT_FALSE(chain.responseBodyUnobserved());
  EXPECT_EQ(chain.beginRawResponseBody(5), nullptr);
}

TEST_F(FilterChainTest, IsReusableAfterClear) {
  for (int i = 0; i < 3; ++i) {
    a.calls.clear();
    build({&a});
    chain.requestHead(true);
    terminal->respond(200, "x");
    EXPECT_EQ(a.calls, "QR");
    chain.end();
    chain.clear();
    arena.clear();
    EXPECT_EQ(a.ended, i + 1);
    EXPECT_EQ(a.destroyed, i + 1);
    EXPECT_EQ(sink.heads, i + 1);
  }
  EXPECT_EQ(blocks.bytesInUse(), 0u);
}

// --- what routes say of filters ---------------------------------------------------------------

// Says of the second filter what the test wants.
struct TestRoute final : Route {
  std::string_view name() const override { return "r"; }
  std::string_view virtualHostName() const override { return "v"; }
  std::string_view clusterName() const override { return {}; }
  const RouteFilter* filter(uint32_t position) const override {
    return position == settings.position ? &settings : nullptr;
  }
  RouteFilter settings{.position = 1};
};

TEST_F(FilterChainTest, ARouteDisablesAFilter) {
  TestRoute route;
  route.settings.disabled = true;
  sink.route = &route;
  a.needs = b.needs = {.request = BodyMode::kStream, .response = BodyMode::kCollect};
  b.request_head = pauseHead;
  build({&a, &b, &c});
  chain.askRouteForFilters();
  chain.requestHead(false);
  sendBody("up", true);
  EXPECT_EQ(seen().body, "up");
  terminal->respond(200, "down");
  EXPECT_EQ(sink.body, "down");
  chain.end();
  EXPECT_EQ(a.calls, "QqRr");
  EXPECT_EQ(b.calls, "");
  EXPECT_EQ(c.calls, "QR");
  EXPECT_EQ(b.ended, 0);
  chain.clear();
  EXPECT_EQ(b.destroyed, 1);
}

TEST_F(FilterChainTest, ACollectingFilterThatIsDisabledHoldsNothing) {
  TestRoute route;
  route.settings.disabled = true;
  sink.route = &route;
  b.needs = {.request = BodyMode::kCollect, .collect_limit_bytes = 1};
  build({&a, &b});
  chain.askRouteForFilters();
  chain.requestHead(false);
  sendBody("more than a byte", false);
  EXPECT_EQ(seen().body, "more than a byte");
  sendBody("", true);
  EXPECT_TRUE(seen().complete);
  EXPECT_EQ(sink.heads, 0);
}

TEST_F(FilterChainTest, AFilterAsksForTheSettingsOfItsRoute) {
  struct Settings final : RouteFilterConfig {};
  TestRoute route;
  route.settings.config = std::make_shared<const Settings>();
  sink.route = &route;
  const RouteFilterConfig* of_a = nullptr;
  const RouteFilterConfig* of_b = nullptr;
  a.request_head = [&](FilterHandle& handle, auto&&...) {
    of_a = handle.routeConfig();
    return Verdict::kContinue;
  };
  b.request_head = [&](FilterHandle& handle, auto&&...) {
    of_b = handle.routeConfig();
    return Verdict::kContinue;
  };
  build({&a, &b});
  chain.askRouteForFilters();
  chain.requestHead(true);
  EXPECT_EQ(of_a, nullptr);
  EXPECT_EQ(of_b, route.settings.config.get());
  EXPECT_EQ(b.calls, "Q");
}

TEST_F(FilterChainTest, WithoutRouteNoFilterIsDisabled) {
  build({&a, &b});
  chain.askRouteForFilters();
  chain.requestHead(true);
  EXPECT_EQ(b.calls, "Q");
}

}  // namespace
}  // namespace weir::http
