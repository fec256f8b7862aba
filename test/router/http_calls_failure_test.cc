// Calls that come to nothing.

#include <string>
#include <vector>

#include "test/router/http_calls_fixture.h"

namespace weir::router {
namespace {

using http::ErrorReason;

class HttpCallsFailureTest : public HttpCallsTest {
 protected:
  void expectFailure(ErrorReason reason, uint16_t status, http::ResponseFlag flag,
                     const std::string& counted) {
    ASSERT_TRUE(told());
    EXPECT_EQ(listener.told, 1);
    EXPECT_EQ(listener.status, 0);
    EXPECT_EQ(listener.error.reason, reason) << listener.error.detail();
    EXPECT_EQ(http::statusFor(listener.error), status);
    EXPECT_EQ(http::flagFor(listener.error), flag);
    EXPECT_EQ(failures(counted), 1);
  }
};

TEST_F(HttpCallsFailureTest, NoClusterIsToldLater) {
  HttpCallHandle handle = start(get());
  EXPECT_TRUE(handle);
  EXPECT_EQ(listener.told, 0);
  expectFailure(ErrorReason::kNoCluster, 503, http::ResponseFlag::kNoClusterFound, "no_cluster");
  EXPECT_FALSE(handle);
}

TEST_F(HttpCallsFailureTest, NoEndpoint) {
  worker.clusters.apply({process.config({})});
  const HttpCallHandle handle = start(get());
  EXPECT_EQ(listener.told, 0);
  expectFailure(ErrorReason::kNoHealthyEndpoint, 503, http::ResponseFlag::kNoHealthyUpstream,
                "no_endpoint");
}

TEST_F(HttpCallsFailureTest, Refused) {
  apply();
  origin.kill();
  const HttpCallHandle handle = start(get());
  expectFailure(ErrorReason::kConnectFailure, 503, http::ResponseFlag::kUpstreamConnectionFailure,
                "connect");
}

TEST_F(HttpCallsFailureTest, ConnectTimeout) {
  apply({.connect_timeout = milliseconds(100)});
  worker.dispatcher.setPollFds(false);
  const HttpCallHandle handle = start(get());
  worker.dispatcher.advance(milliseconds(200));
  worker.dispatcher.setPollFds(true);
  expectFailure(ErrorReason::kConnectTimeout, 504, http::ResponseFlag::kUpstreamConnectionFailure,
                "connect");
}

TEST_F(HttpCallsFailureTest, Overflow) {
  apply({.max_connections = 1, .max_pending_requests = 0});
  RecordingListener first;
  const HttpCallHandle other = calls->start(get(), first);
  const HttpCallHandle handle = start(get());
  expectFailure(ErrorReason::kOverflow, 503, http::ResponseFlag::kUpstreamOverflow, "overflow");
  received(0);
  origin.send(0, kOk);
  EXPECT_TRUE(worker.until([&] { return first.told == 1; }));
}

TEST_F(HttpCallsFailureTest, Timeout) {
  apply();
  HttpCallRequest request = get();
  request.timeout = milliseconds(300);
  const HttpCallHandle handle = start(request);
  received(0);
  worker.dispatcher.advance(milliseconds(250));
  EXPECT_EQ(listener.told, 0);
  worker.dispatcher.advance(milliseconds(100));
  expectFailure(ErrorReason::kRequestTimeout, 504, http::ResponseFlag::kUpstreamRequestTimeout,
                "timeout");
}

TEST_F(HttpCallsFailureTest, TimeoutInTheMidstOfTheAnswer) {
  apply();
  HttpCallRequest request = get();
  request.timeout = milliseconds(300);
  const HttpCallHandle handle = start(request);
  received(0);
  origin.send(0, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart");
  worker.run();
  worker.dispatcher.advance(milliseconds(400));
  expectFailure(ErrorReason::kRequestTimeout, 504, http::ResponseFlag::kUpstreamRequestTimeout,
                "timeout");
}

// Time that passes in the queue counts.
TEST_F(HttpCallsFailureTest, TimeoutWhileItWaitsForRoom) {
  apply({.max_connections = 1, .queue_timeout = milliseconds(60'000)});
  RecordingListener first;
  const HttpCallHandle other = calls->start(get(), first);
  received(0);
  HttpCallRequest request = get();
  request.timeout = milliseconds(300);
  const HttpCallHandle handle = start(request);
  worker.dispatcher.advance(milliseconds(400));
  expectFailure(ErrorReason::kRequestTimeout, 504, http::ResponseFlag::kUpstreamRequestTimeout,
                "timeout");
  origin.send(0, kOk);
  EXPECT_TRUE(worker.until([&] { return first.told == 1; }));
}

// What a peer of gRPC is told is no way around the caller's time.
TEST_F(HttpCallsFailureTest, TheTimeOfGrpcDoesNotReachBeyondTheTimeout) {
  apply();
  const std::vector<HttpCallField> fields = {{"content-type", "application/grpc"},
                                             {"grpc-timeout", "100H"}};
  HttpCallRequest request = get();
  request.method = "POST";
  request.fields = fields;
  request.timeout = milliseconds(300);
  const HttpCallHandle handle = start(request);
  received(0);
  worker.dispatcher.advance(milliseconds(400));
  expectFailure(ErrorReason::kRequestTimeout, 504, http::ResponseFlag::kUpstreamRequestTimeout,
                "timeout");
}

TEST_F(HttpCallsFailureTest, ATimeoutOfZeroIsNoneAndALessIsAtOnce) {
  apply();
  HttpCallRequest request = get();
  request.timeout = milliseconds(0);
  {
    const HttpCallHandle handle = start(request);
    received(0);
    worker.dispatcher.advance(std::chrono::hours(2));
    EXPECT_EQ(listener.told, 0);
  }
  request.timeout = milliseconds(-5);
  const HttpCallHandle handle = start(request);
  worker.dispatcher.advance(milliseconds(100));
  expectFailure(ErrorReason::kRequestTimeout, 504, http::ResponseFlag::kUpstreamRequestTimeout,
                "timeout");
}

TEST_F(HttpCallsFailureTest, ClosedWithoutAnAnswer) {
  apply();
  const HttpCallHandle handle = start(get());
  received(0);
  origin.close(0);
  expectFailure(ErrorReason::kConnectionClosed, 502,
                http::ResponseFlag::kUpstreamConnectionTermination, "reset");
}

TEST_F(HttpCallsFailureTest, BrokenInTheMidstOfTheAnswer) {
  apply();
  const HttpCallHandle handle = start(get());
  received(0);
  origin.send(0, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\npart");
  worker.run();
  origin.close(0, /*reset=*/true);
  expectFailure(ErrorReason::kConnectionReset, 502,
                http::ResponseFlag::kUpstreamConnectionTermination, "reset");
  EXPECT_EQ(listener.body, "");
}

TEST_F(HttpCallsFailureTest, NotHttp) {
  apply();
  const HttpCallHandle handle = start(get());
  received(0);
  origin.send(0, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n");
  expectFailure(ErrorReason::kProtocol, 502, http::ResponseFlag::kUpstreamProtocolError,
                "protocol");
}

TEST_F(HttpCallsFailureTest, AnAnswerThatSaysItIsTooLarge) {
  apply();
  HttpCallRequest request = get();
  request.max_response_bytes = 10;
  const HttpCallHandle handle = start(request);
  received(0);
  origin.send(0, "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n");
  expectFailure(ErrorReason::kBodyTooLarge, 502, http::ResponseFlag::kNone, "too_large");
  EXPECT_TRUE(worker.until([&] { return origin.peerClosed(0); }));
}

TEST_F(HttpCallsFailureTest, AnAnswerThatTurnsOutTooLarge) {
  apply();
  for (const std::string_view end : {"", "0\r\n\r\n"}) {
    listener = {};
    HttpCallRequest request = get();
    request.max_response_bytes = 10;
    const HttpCallHandle handle = start(request);
    const size_t number = end.empty() ? 0 : 1;
    received(number);
    origin.send(number, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\na\r\n0123456789\r\n");
    worker.run();
    EXPECT_EQ(listener.told, 0);
    origin.send(number, "1\r\nx\r\n" + std::string(end));
    ASSERT_TRUE(told());
    EXPECT_EQ(listener.error.reason, ErrorReason::kBodyTooLarge);
  }
  EXPECT_EQ(failures("too_large"), 2);
}

TEST_F(HttpCallsFailureTest, AnAnswerAsLargeAsItMayBe) {
  apply();
  for (const uint32_t size : {10u, 200'000u}) {
    listener = {};
    HttpCallRequest request = get();
    request.max_response_bytes = size;
    const HttpCallHandle handle = start(request);
    received(0);
    const std::string body(size, 'b');
    origin.send(0, "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(size) + "\r\n\r\n");
    for (size_t at = 0; at < body.size(); at += 20'000) {
      origin.send(0, body.substr(at, 20'000));
      worker.run();
    }
    ASSERT_TRUE(told());
    EXPECT_EQ(listener.body, body);
  }
}

}  // namespace
}  // namespace weir::router
