// gRPC calls over HTTP/2 on both sides, frame by frame: what endpoints refuse is sent again, what
// breaks off has a status.

#include <atomic>
#include <functional>
#include <mutex>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/support/configs.h"
#include "test/support/eventually.h"
#include "test/support/http2_peer.h"
#include "test/support/in_process_proxy.h"
#include "test/support/scripted_origin.h"

namespace weir {
namespace {

using namespace test::http2;
using ::testing::HasSubstr;

const Fields kCall = {{"content-type", "application/grpc"}, {"te", "trailers"}};

std::string trailersOnly(uint32_t stream, std::string_view status) {
  return headers(stream,
                 hpack::block({{":status", "200"},
                               {"content-type", "application/grpc"},
                               {"grpc-status", std::string(status)}}),
                 kEndHeaders | kEndStream);
}
std::string answerHead(uint32_t stream) {
  return headers(stream, hpack::block({{":status", "200"}, {"content-type", "application/grpc"}}));
}
std::string trailers(uint32_t stream, std::string_view status) {
  return headers(stream, hpack::block({{"grpc-status", std::string(status)}}),
                 kEndHeaders | kEndStream);
}

// An origin that speaks HTTP/2; `script` is called for each request's head, `attempt` counts them
// over all connections.
class Origin {
 public:
  using Script = std::function<void(Http2Peer& peer, uint32_t stream, int attempt)>;
  explicit Origin(Script script)
      : script_(std::move(script)), origin_([this](test::RawConnection& connection, int) {
          Http2Peer peer(connection);
          if (!peer.start()) return;
          while (const auto stream = peer.nextRequest()) script_(peer, *stream, attempts_++);
        }) {}
  std::string address() const { return origin_.address(); }
  int attempts() const { return attempts_; }
  int connections() const { return origin_.connections(); }

 private:
  Script script_;
  std::atomic<int> attempts_{0};
  test::ScriptedOrigin origin_;
};

class GrpcIntegrationTest : public testing::Test {
 protected:
  void run(Origin& origin, std::string_view route = {}) {
    proxy_ = std::make_unique<test::InProcessProxy>(
        test::edgeListener({},
                           "routes { route { cluster: \"origin\" " + std::string(route) + " } }") +
        test::cluster("origin", {origin.address()}, "http_protocol: HTTP_PROTOCOL_HTTP2") +
        test::runtime(1));
    client_ = std::make_unique<Http2Peer>(Http2Peer::connectTo(proxy_->port("edge")));
    ASSERT_TRUE(client_->start());
  }
  uint32_t call(std::string_view body, bool end = true, const Fields& more = {}) {
    Fields fields = kCall;
    fields.insert(fields.end(), more.begin(), more.end());
    const uint32_t stream = client_->request(post("/test.Echo/Call", fields), false);
    for (; body.size() > 10'000; body.remove_prefix(10'000)) {
      client_->send(data(stream, body.substr(0, 10'000)));
    }
    client_->send(data(stream, body, end ? kEndStream : kNoFlags));
    return stream;
  }
  int64_t ended(const std::string& status) {
    return proxy_->stat("http_grpc_responses_total", {{"manager", "edge"}, {"status", status}});
  }
  void TearDown() override {
    ASSERT_TRUE(client_ && proxy_);
    EXPECT_EQ(client_->violations(), "");
    client_.reset();
    EXPECT_TRUE(proxy_->waitForStat("cluster_active_requests", 0, {{"cluster", "origin"}}));
  }

  std::unique_ptr<test::InProcessProxy> proxy_;
  std::unique_ptr<Http2Peer> client_;
};

// Whatever the method and without any policy: the endpoint says that it did nothing.
TEST_F(GrpcIntegrationTest, RefusedStreamsAreSentAgainWithTheirBody) {
  std::string got;
  Origin origin([&](Http2Peer& peer, uint32_t stream, int attempt) {
    if (attempt < 3) {
      peer.until([&] { return !peer.message(stream).body.empty(); });
      peer.send(rstStream(stream, ErrorCode::kRefusedStream));
      return;
    }
    got = peer.finish(stream).body;
    peer.send(trailersOnly(stream, "0"));
  });
  run(origin);
  const Message& answer = client_->finish(call("the request"));
  EXPECT_EQ(answer.header("grpc-status"), "0") << answer.text();
  EXPECT_EQ(got, "the request");
  EXPECT_EQ(origin.attempts(), 4);
  EXPECT_EQ(proxy_->stat("cluster_retries_total", {{"cluster", "origin"}}), 3);
}

TEST_F(GrpcIntegrationTest, AnEndpointThatAlwaysRefusesIsUnavailable) {
  Origin origin([&](Http2Peer& peer, uint32_t stream, int) {
    peer.send(rstStream(stream, ErrorCode::kRefusedStream));
  });
  run(origin);
  const Message& answer = client_->finish(call("x"));
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.header("grpc-status"), "14") << answer.text();
  EXPECT_EQ(answer.header("grpc-message"), "the endpoint gave the request up");
  EXPECT_GE(origin.attempts(), 4);
  EXPECT_LE(origin.attempts(), 20);
  EXPECT_EQ(ended("UNAVAILABLE"), 1);
}

TEST_F(GrpcIntegrationTest, OtherRequestsAreSentAgainToo) {
  Origin origin([&](Http2Peer& peer, uint32_t stream, int attempt) {
    if (attempt == 0) return void(peer.send(rstStream(stream, ErrorCode::kRefusedStream)));
    peer.respond(stream, 200, peer.finish(stream).body);
  });
  run(origin);
  const uint32_t stream = client_->request(post("/form"), false);
  client_->send(data(stream, "a=b", kEndStream));
  const Message& answer = client_->finish(stream);
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.body, "a=b");
}

// Streams above the last one of a GOAWAY, on a new connection.
TEST_F(GrpcIntegrationTest, AGoawayThatExcludesACallCostsNothing) {
  Origin origin([&](Http2Peer& peer, uint32_t stream, int attempt) {
    if (attempt == 0) {
      peer.send(goaway(0, ErrorCode::kNoError));
      peer.readToEnd();
      return;
    }
    peer.finish(stream);
    peer.send(trailersOnly(stream, "0"));
  });
  run(origin);
  const Message& answer = client_->finish(call("x"));
  EXPECT_EQ(answer.header("grpc-status"), "0") << answer.text();
  EXPECT_EQ(origin.connections(), 2);
}

TEST_F(GrpcIntegrationTest, AnUnfinishedRequestIsSentAgainAndGoesOn) {
  std::string got;
  std::atomic<bool> refused{false};
  Origin origin([&](Http2Peer& peer, uint32_t stream, int attempt) {
    if (attempt == 0) {
      peer.until([&] { return peer.message(stream).body == "one "; });
      peer.send(rstStream(stream, ErrorCode::kRefusedStream));
      refused = true;
      return;
    }
    got = peer.finish(stream).body;
    peer.send(answerHead(stream) + data(stream, got) + trailers(stream, "0"));
  });
  run(origin);
  const uint32_t stream = call("one ", /*end=*/false);
  ASSERT_TRUE(test::eventually([&] { return refused && origin.attempts() == 2; }));
  client_->send(data(stream, "two", kEndStream));
  const Message& answer = client_->finish(stream);
  EXPECT_EQ(answer.body, "one two");
  EXPECT_EQ(answer.trailer("grpc-status"), "0");
}

TEST_F(GrpcIntegrationTest, ALongRequestThatIsRefusedFails) {
  Origin origin([&](Http2Peer& peer, uint32_t stream, int) {
    peer.finish(stream);
    peer.send(rstStream(stream, ErrorCode::kRefusedStream));
  });
  run(origin);
  const Message& answer = client_->finish(call(std::string(70'000, 'x')));
  EXPECT_EQ(answer.header("grpc-status"), "14") << answer.text();
  EXPECT_EQ(origin.attempts(), 1);
}

TEST_F(GrpcIntegrationTest, WhatTheEndpointGaveUpIsNotSentAgainWithoutAPolicy) {
  Origin origin([&](Http2Peer& peer, uint32_t stream, int) {
    peer.send(rstStream(stream, ErrorCode::kInternalError));
  });
  run(origin);
  const Message& answer = client_->finish(call("x"));
  EXPECT_EQ(answer.header("grpc-status"), "14") << answer.text();
  EXPECT_EQ(origin.attempts(), 1);
}

TEST_F(GrpcIntegrationTest, WithAPolicyItIs) {
  Origin origin([&](Http2Peer& peer, uint32_t stream, int attempt) {
    if (attempt == 0) return void(peer.send(rstStream(stream, ErrorCode::kInternalError)));
    if (attempt == 1) return void(peer.send(trailersOnly(stream, "8")));
    peer.send(answerHead(stream) + data(stream, peer.finish(stream).body) + trailers(stream, "0"));
  });
  run(origin,
      "retry { grpc_statuses: UNAVAILABLE grpc_statuses: RESOURCE_EXHAUSTED max_retries: 2 "
      "base_interval { nanos: 1000000 } }");
  const Message& answer = client_->finish(call("ping", true, {{"grpc-timeout", "10S"}}));
  EXPECT_EQ(answer.body, "ping") << answer.text();
  EXPECT_EQ(answer.trailer("grpc-status"), "0");
  EXPECT_EQ(ended("OK"), 1);
  EXPECT_EQ(ended("RESOURCE_EXHAUSTED"), 0);
}

TEST_F(GrpcIntegrationTest, WhenTheTimeIsOverTheEndpointIsTold) {
  std::atomic<bool> told{false};
  std::string timeout;
  Origin origin([&](Http2Peer& peer, uint32_t stream, int) {
    timeout = peer.message(stream).header("grpc-timeout");
    peer.until([&] { return peer.message(stream).reset.has_value(); });
    told = peer.message(stream).reset == ErrorCode::kCancel;
  });
  run(origin);
  const Message& answer = client_->finish(call("x", false, {{"grpc-timeout", "200m"}}));
  EXPECT_EQ(answer.status(), 200);
  EXPECT_EQ(answer.header("grpc-status"), "4") << answer.text();
  EXPECT_TRUE(test::eventually([&] { return told.load(); }));
  EXPECT_GT(std::stoul(timeout), 50'000u);
  EXPECT_LE(std::stoul(timeout), 200'000u);
  EXPECT_EQ(timeout.back(), 'u');
}

TEST_F(GrpcIntegrationTest, AnAnswerBeforeTheRequestsEnd) {
  Origin origin([&](Http2Peer& peer, uint32_t stream, int) {
    peer.send(trailersOnly(stream, "7"));
    peer.until([&] { return peer.message(stream).reset.has_value(); });
  });
  run(origin);
  const Message& answer = client_->finish(call("x", /*end=*/false));
  EXPECT_EQ(answer.header("grpc-status"), "7") << answer.text();
}

TEST_F(GrpcIntegrationTest, AnAnswerThatBreaksOffHasAStatus) {
  Origin origin([&](Http2Peer& peer, uint32_t stream, int attempt) {
    peer.send(answerHead(stream) + data(stream, "half"));
    if (attempt == 0) {
      peer.send(rstStream(stream, ErrorCode::kInternalError));
    } else {
      peer.abort();
    }
  });
  run(origin);
  for (int i = 0; i < 2; ++i) {
    const Message& answer = client_->finish(call("x", /*end=*/false));
    EXPECT_EQ(answer.status(), 200);
    EXPECT_EQ(answer.trailer("grpc-status"), "14") << answer.text();
  }
  EXPECT_EQ(origin.attempts(), 2);
}

// Told before any of it has gone on, although its head was good.
TEST_F(GrpcIntegrationTest, AnAnswerThatEndsShortOfItsLength) {
  Origin origin([&](Http2Peer& peer, uint32_t stream, int) {
    peer.send(headers(stream, hpack::block({{":status", "200"}, {"content-length", "10"}})) +
              data(stream, "short", kEndStream));
  });
  run(origin);
  const Message& answer = client_->finish(client_->request());
  EXPECT_EQ(answer.status(), 502);
}

// Several calls share the connection to the endpoint; what becomes of one is not the others'
// business.
TEST_F(GrpcIntegrationTest, CallsOnOneConnectionFailAlone) {
  std::vector<uint32_t> streams;
  Origin origin([&](Http2Peer& peer, uint32_t stream, int) {
    streams.push_back(stream);
    if (streams.size() < 4) return;
    peer.send(rstStream(streams[1], ErrorCode::kInternalError));
    peer.send(trailersOnly(streams[3], "5"));
    for (const uint32_t good : {streams[0], streams[2]}) {
      peer.send(answerHead(good) + data(good, peer.finish(good).body) + trailers(good, "0"));
    }
  });
  run(origin);
  std::vector<uint32_t> calls;
  for (const char* body : {"a", "b", "c", "d"}) calls.push_back(call(body));
  std::string statuses;
  std::string bodies;
  for (const uint32_t stream : calls) {
    const Message& answer = client_->finish(stream);
    statuses += answer.header("grpc-status") + answer.trailer("grpc-status") + " ";
    bodies += answer.body;
  }
  EXPECT_EQ(statuses, "0 14 0 5 ");
  EXPECT_EQ(bodies, "ac");
  EXPECT_EQ(origin.connections(), 1);
}

// A WebSocket needs extended CONNECT, of which this endpoint does not say that it takes it.
TEST_F(GrpcIntegrationTest, AnUpgradeThatTheEndpointDoesNotTake) {
  Origin origin([](Http2Peer&, uint32_t, int) {});
  run(origin);
  test::RawConnection client = test::RawConnection::connectTo(proxy_->port("edge"));
  client.send(
      "GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
      "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
  EXPECT_EQ(client.readMessage().status(), 502);
}

}  // namespace
}  // namespace weir
