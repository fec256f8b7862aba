// Filters that decide late: about bodies from the head, about the head from what is behind it.
#include <gtest/gtest.h>

#include <string>

#include "source/http/filter_chain.h"
#include "test/http/filter_chain_fixture.h"

namespace weir::http {
namespace {

class HeldHeadTest : public ::testing::Test, protected ChainUnderTest {
 protected:
  void holdRequests(FilterScript& script) {
    script.needs.request = BodyMode::kStream;
    script.request_head = [](FilterHandle& handle, RequestHead&, bool) {
      handle.holdRequestHead();
      return Verdict::kContinue;
    };
  }
  void holdResponses(FilterScript& script) {
    script.needs.response = BodyMode::kStream;
    script.response_head = [](FilterHandle& handle, ResponseHead&, bool) {
      handle.holdResponseHead();
      return Verdict::kContinue;
    };
  }
  void add(std::string_view bytes, bool to_request, FilterHandle& handle) {
    buffer::Buffer data(blocks);
    data.append(bytes);
    to_request ? handle.addRequestBody(data) : handle.addResponseBody(data);
  }
};

TEST_F(HeldHeadTest, BodyIsShownWhileTheHeadWaits) {
  holdRequests(a);
  a.request_body = [&](FilterHandle& handle, buffer::Buffer& data, bool) {
    EXPECT_EQ(seen().line.empty(), data.toString() != "three");
    if (data.toString() == "two") {
      handle.requestHead().headers.add("x-late", "1");
      handle.resumeRequest();
    }
    return Verdict::kContinue;
  };
  build({&a, &b});
  chain.requestHead(false);
  sendBody("one", false);
  EXPECT_EQ(b.calls, "");
  sendBody("two", false);
  EXPECT_EQ(seen().headers, "x-late: 1\n");
  EXPECT_EQ(seen().body, "onetwo");
  sendBody("three", true);
  EXPECT_EQ(seen().body, "onetwothree");
  EXPECT_TRUE(seen().complete);
  EXPECT_EQ(a.calls, "Qqqq");
}

TEST_F(HeldHeadTest, TheEndOfTheMessageReleasesTheHead) {
  holdRequests(a);
  holdResponses(a);
  build({&a});
  chain.requestHead(false);
  sendBody("one", true);
  EXPECT_EQ(seen().body, "one");
  EXPECT_TRUE(seen().complete);
  terminal->begin(200, BodyFraming::kChunked);
  chain.respondHead(false);
  terminal->send("x", false);
  EXPECT_EQ(sink.heads, 0);
  response_trailers.add("sum", "1");
  chain.respondTrailers();
  EXPECT_EQ(sink.body, "x");
  EXPECT_TRUE(sink.trailers);
  EXPECT_EQ(a.calls, "QqRrt");
}

TEST_F(HeldHeadTest, TrailersMayTurnTheHead) {
  holdResponses(a);
  a.response_body = [](FilterHandle&, buffer::Buffer& data, bool) {
    data.clear();
    return Verdict::kContinue;
  };
  a.response_trailers = [&](FilterHandle& handle, HeaderMap& trailers) {
    handle.responseHead().status = 404;
    trailers.clear();
    add("not here", false, handle);
    return Verdict::kContinue;
  };
  build({&b, &a});
  chain.requestHead(true);
  terminal->begin(200, BodyFraming::kChunked);
  chain.respondHead(false);
  terminal->send("frame", false);
  response_trailers.add("grpc-status", "5");
  chain.respondTrailers();
  EXPECT_EQ(sink.status, 404);
  EXPECT_EQ(sink.body, "not here");
  EXPECT_TRUE(sink.ended);
  EXPECT_FALSE(sink.trailers);
  EXPECT_EQ(b.calls, "QR");
}

TEST_F(HeldHeadTest, EmptiedTrailersEndAFlowingBody) {
  a.needs.response = BodyMode::kStream;
  a.response_trailers = [&](FilterHandle& handle, HeaderMap& trailers) {
    trailers.clear();
    add("]", false, handle);
    return Verdict::kContinue;
  };
  build({&b, &a});
  chain.requestHead(true);
  terminal->begin(200, BodyFraming::kChunked);
  chain.respondHead(false);
  terminal->send("[", false);
  EXPECT_EQ(sink.body, "[");
  response_trailers.add("grpc-status", "0");
  chain.respondTrailers();
  EXPECT_EQ(sink.body, "[]");
  EXPECT_TRUE(sink.ended);
  EXPECT_FALSE(sink.trailers);
}

TEST_F(HeldHeadTest, BodyBeforeTrailersThatStay) {
  a.needs.request = BodyMode::kStream;
  a.request_trailers = [&](FilterHandle& handle, HeaderMap&) {
    add("more", true, handle);
    return Verdict::kContinue;
  };
  build({&a});
  chain.requestHead(false);
  sendBody("some", false);
  request_trailers.add("sum", "1");
  chain.requestTrailers();
  EXPECT_EQ(seen().body, "somemore");
  EXPECT_EQ(seen().trailers, "sum: 1\n");
}

TEST_F(HeldHeadTest, HeadsWithoutBodyGetOne) {
  const auto addTo = [&](bool to_request) {
    return [this, to_request](FilterHandle& handle, auto&, bool) {
      add("body", to_request, handle);
      return Verdict::kContinue;
    };
  };
  a.request_head = addTo(true);
  a.response_head = addTo(false);
  b.needs.request = BodyMode::kStream;
  build({&a, &b});
  chain.requestHead(true);
  EXPECT_EQ(seen().body, "body");
  EXPECT_TRUE(seen().complete);
  EXPECT_EQ(a.calls, "Q");
  EXPECT_EQ(b.calls, "Qq");
  terminal->respond(200, "");
  EXPECT_EQ(sink.body, "body");
  EXPECT_TRUE(sink.ended);
}

TEST_F(HeldHeadTest, WhoeverWaitsForTheBodyAsksForIt) {
  holdRequests(a);
  build({&a});
  request.expects_continue = true;
  chain.requestHead(false);
  EXPECT_EQ(sink.informational, std::vector<int>{100});
  sendBody("x", true);
  EXPECT_EQ(seen().body, "x");
}

TEST_F(HeldHeadTest, ReplyWhileTheHeadWaits) {
  holdResponses(a);
  a.response_body = [](FilterHandle& handle, buffer::Buffer&, bool) {
    handle.localReply({.status = 502, .body = "bad"});
    return Verdict::kContinue;
  };
  build({&a});
  chain.requestHead(true);
  terminal->begin(200, BodyFraming::kChunked);
  chain.respondHead(false);
  terminal->send("frame", false);
  EXPECT_EQ(sink.status, 502);
  EXPECT_EQ(sink.body, "bad");
  EXPECT_TRUE(seen().ended);
}

TEST_F(HeldHeadTest, NeedsMayFollowFromTheHead) {
  a.needs = {BodyMode::kStream, BodyMode::kStream};
  a.request_head = [](FilterHandle& handle, RequestHead&, bool) {
    handle.setBodyNeeds({.request = BodyMode::kCollect, .collect_limit_bytes = 6});
    return Verdict::kContinue;
  };
  build({&a});
  chain.requestHead(false);
  sendBody("one", false);
  EXPECT_EQ(seen().line, "");
  sendBody("two", true);
  EXPECT_EQ(seen().body, "onetwo");
  terminal->begin(200, BodyFraming::kContentLength, 5);
  chain.respondHead(false);
  EXPECT_TRUE(chain.responseBodyUnobserved());
  terminal->send("12345", true);
  EXPECT_EQ(a.calls, "QqR");
}

TEST_F(HeldHeadTest, ALimitThatFollowsFromTheHeadHolds) {
  a.request_head = [](FilterHandle& handle, RequestHead&, bool) {
    handle.setBodyNeeds({.request = BodyMode::kCollect, .collect_limit_bytes = 2});
    return Verdict::kContinue;
  };
  build({&a});
  chain.requestHead(false);
  sendBody("one", false);
  EXPECT_EQ(sink.status, 413);
}

}  // namespace
}  // namespace weir::http
