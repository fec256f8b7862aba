// What the router does for gRPC calls: statuses, and the time they have.

#include "test/router/grpc_fixture.h"

namespace weir::router {
namespace {

using http::GrpcStatus;
using http::ResponseFlag;

TEST_F(GrpcRouterTest, AnswersAreForwardedAndTheirStatusesCounted) {
  apply();
  auto s = call();
  s->sendHead();
  s->sendBody("ping", true);
  At at = arrived();
  at.sendHead();
  at.sendMessage("pong");
  at.sendTrailers("5");
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 200);
  EXPECT_EQ(s->sink.body, "pong");
  EXPECT_EQ(s->sink.grpc_status, "5");
  EXPECT_EQ(s->info.grpc_status, GrpcStatus::kNotFound);
  EXPECT_EQ(answers("NOT_FOUND"), 1);
}

TEST_F(GrpcRouterTest, TrailersOnly) {
  apply();
  auto s = call();
  s->sendHead();
  s->sendBody("ping", true);
  arrived().sendStatus("14");
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.grpc_status, "14");
  EXPECT_EQ(s->sink.heads, 1);
  EXPECT_EQ(answers("UNAVAILABLE"), 1);
  EXPECT_EQ(s->info.attempts, 1u);
}

// What gRPC's clients make of such answers.
TEST_F(GrpcRouterTest, AnswersOfPlainHttpCountAsWhatTheyMean) {
  apply();
  for (const auto& [answer, status] : std::map<std::string, std::string>{
           {"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n", "UNIMPLEMENTED"},
           {"HTTP/1.1 503 No\r\nContent-Length: 3\r\n\r\nno\n", "UNAVAILABLE"},
           {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "UNKNOWN"}}) {
    auto s = call();
    s->send();
    arrived("\r\n\r\n").send(answer);
    ASSERT_TRUE(ended(*s));
    EXPECT_EQ(answers(status), 1) << answer;
  }
}

TEST_F(GrpcRouterTest, WhatIsNotGrpcIsNotCounted) {
  apply();
  auto s = stream();
  s->send();
  arrived("\r\n\r\n").sendStatus("14");
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(answers("UNAVAILABLE"), 0);
  EXPECT_EQ(s->info.grpc_status, std::nullopt);
}

// --- What Weir answers itself ---

TEST_F(GrpcRouterTest, WithoutAnOriginItIsUnavailable) {
  origin.kill();
  apply();
  auto s = call();
  s->send();
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 200);
  EXPECT_EQ(s->sink.grpc_status, "14");
  EXPECT_EQ(s->sink.grpc_message, "cannot connect to the endpoint");
  EXPECT_TRUE(s->info.hasFlag(ResponseFlag::kUpstreamConnectionFailure));
  EXPECT_EQ(s->info.grpc_status, GrpcStatus::kUnavailable);
}

// Not DEADLINE_EXCEEDED: it is not the call's time that is over.
TEST_F(GrpcRouterTest, AConnectTimeoutIsUnavailable) {
  apply({.connect_timeout = milliseconds(100)});
  worker.dispatcher.setPollFds(false);
  auto s = call();
  s->send();
  worker.dispatcher.advance(milliseconds(200));
  EXPECT_EQ(s->sink.grpc_status, "14");
  worker.dispatcher.setPollFds(true);
}

TEST_F(GrpcRouterTest, WithoutARouteItIsUnimplemented) {
  auto s = call("/x");
  s->send();
  EXPECT_EQ(s->sink.status, 200);
  EXPECT_EQ(s->sink.grpc_status, "12");
}

TEST_F(GrpcRouterTest, DirectResponsesAndRedirectsAreStatusesToo) {
  auto direct = call("/hello");
  direct->send();
  EXPECT_EQ(direct->sink.status, 200);
  EXPECT_EQ(direct->sink.body, "");
  EXPECT_EQ(direct->sink.grpc_status, "2");
  EXPECT_EQ(direct->sink.grpc_message, "hi");
  auto redirect = call("/old");
  redirect->send();
  EXPECT_EQ(redirect->sink.grpc_status, "2");
  EXPECT_EQ(redirect->sink.location, "");
}

TEST_F(GrpcRouterTest, AnAnswerThatBreaksOffEndsAsUnavailable) {
  apply();
  auto s = call();
  s->sendHead();
  s->sendBody("ping", false);
  At at = arrived("ping\r\n");
  at.sendHead();
  at.sendMessage("pong");
  ASSERT_TRUE(worker.until([&] { return s->sink.body == "pong"; }));
  close(at);
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.grpc_status, "14");
  EXPECT_EQ(s->sink.reset.reason, http::ErrorReason::kNone);
  EXPECT_TRUE(s->info.hasFlag(ResponseFlag::kUpstreamConnectionTermination));
  s->sendBody("goes nowhere", true);
}

TEST_F(GrpcRouterTest, AnAnswerThatIsNotGrpcAndBreaksOffIsReset) {
  apply();
  auto s = call();
  s->send();
  At at = arrived("\r\n\r\n");
  at.send("HTTP/1.1 502 No\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhtml\r\n");
  ASSERT_TRUE(worker.until([&] { return s->sink.body == "html"; }));
  close(at);
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.grpc_status, "");
  EXPECT_EQ(s->sink.reset.reason, http::ErrorReason::kConnectionClosed);
}

// --- Time ---

TEST_F(GrpcRouterTest, TheClientsTimeRunsFromTheHead) {
  apply();
  auto s = call("/c", "300m");
  s->sendHead();
  s->sendBody("ping", false);
  At at = arrived("ping\r\n");
  EXPECT_EQ(at.field("grpc-timeout"), "300000u");
  worker.dispatcher.advance(milliseconds(290));
  EXPECT_FALSE(s->sink.ended);
  worker.dispatcher.advance(milliseconds(30));
  EXPECT_EQ(s->sink.grpc_status, "4");
  EXPECT_EQ(s->sink.grpc_message, "the endpoint did not answer in time");
  EXPECT_EQ(s->info.detail, "grpc_timeout");
  EXPECT_TRUE(s->info.hasFlag(ResponseFlag::kUpstreamRequestTimeout));
  EXPECT_EQ(worker.pool().openConnections(), 0u);  // the endpoint is told
}

// The time of the call replaces the route's, which would be 1 s.
TEST_F(GrpcRouterTest, TheClientsTimeMayBeLongerThanTheRoutes) {
  apply();
  auto s = call("/c", "5S");
  s->send();
  At at = arrived("\r\n\r\n");
  worker.dispatcher.advance(milliseconds(4900));
  EXPECT_FALSE(s->sink.ended);
  at.sendStatus("0");
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.grpc_status, "0");
}

TEST_F(GrpcRouterTest, WithoutTheFieldTheRoutesTimeoutHolds) {
  apply();
  auto s = call();
  s->send();
  EXPECT_EQ(arrived("\r\n\r\n").field("grpc-timeout"), "");
  worker.dispatcher.advance(milliseconds(1100));
  EXPECT_EQ(s->sink.grpc_status, "4");
  EXPECT_EQ(s->info.detail, "route_timeout");
}

TEST_F(GrpcRouterTest, TheTimeIsCapped) {
  apply();
  auto s = call("/capped", "10H");
  s->send();
  EXPECT_EQ(arrived("\r\n\r\n").field("grpc-timeout"), "500000u");
  worker.dispatcher.advance(milliseconds(600));
  EXPECT_EQ(s->sink.grpc_status, "4");
}

TEST_F(GrpcRouterTest, TheTimeMayBeLeftToTheEndpoint) {
  apply();
  auto s = call("/own", "100m");
  s->send();
  EXPECT_EQ(arrived("\r\n\r\n").field("grpc-timeout"), "100m");
  worker.dispatcher.advance(milliseconds(900));
  EXPECT_FALSE(s->sink.ended);
  worker.dispatcher.advance(milliseconds(200));
  EXPECT_EQ(s->info.detail, "route_timeout");
}

TEST_F(GrpcRouterTest, ATimeThatCannotBeReadIsRefused) {
  apply();
  for (const char* bad : {"100", "1s", "-1S", "999999999S", "x"}) {
    auto s = call("/c", bad);
    s->send();
    EXPECT_EQ(s->sink.grpc_status, "13") << bad;
    EXPECT_EQ(s->info.detail, "grpc_timeout_malformed");
  }
  auto twice = call("/c", "1S");
  twice->request.headers.add("grpc-timeout", "2S");
  twice->send();
  EXPECT_EQ(twice->sink.grpc_status, "13");
  EXPECT_EQ(origin.accepted(), 0u);
}

TEST_F(GrpcRouterTest, NoTimeAtAll) {
  apply();
  auto s = call("/c", "0S");
  s->send();
  EXPECT_EQ(s->sink.grpc_status, "4");
  EXPECT_EQ(origin.accepted(), 0u);
}

TEST_F(GrpcRouterTest, TheLongestTime) {
  apply();
  auto s = call("/c", "99999999H");
  s->send();
  At at = arrived("\r\n\r\n");
  EXPECT_EQ(at.field("grpc-timeout"), "99999999H");
  at.sendStatus("0");
  ASSERT_TRUE(ended(*s));
}

TEST_F(GrpcRouterTest, WhenTheTimeIsOverInTheMidstOfTheAnswer) {
  apply();
  auto s = call("/c", "1S");
  s->send();
  At at = arrived("\r\n\r\n");
  at.sendHead();
  at.sendMessage("pong");
  ASSERT_TRUE(worker.until([&] { return s->sink.body == "pong"; }));
  worker.dispatcher.advance(milliseconds(1100));
  EXPECT_TRUE(s->sink.ended);
  EXPECT_EQ(s->sink.status, 200);
  EXPECT_EQ(s->sink.grpc_status, "4");
  EXPECT_EQ(worker.pool().openConnections(), 0u);
}

TEST_F(GrpcRouterTest, ATimeoutOfOtherRequestsIsNobodysBusiness) {
  apply();
  auto s = stream();
  s->request.headers.add("grpc-timeout", "1m");
  s->send();
  At at = arrived("\r\n\r\n");
  EXPECT_EQ(at.field("grpc-timeout"), "1m");
  worker.dispatcher.advance(milliseconds(500));
  at.send(kOk);
  ASSERT_TRUE(ended(*s));
  EXPECT_EQ(s->sink.status, 200);
}

}  // namespace
}  // namespace weir::router
