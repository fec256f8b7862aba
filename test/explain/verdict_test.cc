#include "source/explain/verdict.h"

#include <gtest/gtest.h>

namespace weir::explain {
namespace {

using http::RecentRequest;
using http::ResponseFlag;

uint32_t bit(ResponseFlag flag) {
  return static_cast<uint32_t>(flag);
}

TEST(Verdict, AnEndpointThatDidNotAnswerInTime) {
  RecentRequest request;
  request.status = 504;
  request.local = true;
  request.cluster = "web";
  request.endpoint = "10.0.0.1:80";
  request.attempts = 2;
  request.detail = "upstream_timeout";
  request.upstream_us = 100;
  request.response_us = 3'000'000;
  request.flags = bit(ResponseFlag::kUpstreamRequestTimeout);
  const Verdict verdict = judge(request);
  EXPECT_EQ(verdict.what,
            "Weir answered 504 itself after 2 attempts, the last at endpoint 10.0.0.1:80 of "
            "cluster \"web\" (upstream_timeout)");
  EXPECT_EQ(verdict.stage, "sent to an endpoint");
  ASSERT_EQ(verdict.flags.size(), 1u);
  EXPECT_EQ(verdict.flags[0].name, "UT");
  EXPECT_EQ(verdict.flags[0].meaning, "the endpoint did not answer in time");
}

TEST(Verdict, NoEndpoint) {
  RecentRequest request;
  request.status = 503;
  request.local = true;
  request.cluster = "web";
  request.detail = "no_eligible_endpoint";
  request.flags = bit(ResponseFlag::kNoHealthyUpstream);
  const Verdict verdict = judge(request);
  EXPECT_EQ(verdict.what,
            "Weir answered 503 itself, without asking an endpoint (no_eligible_endpoint)");
  EXPECT_EQ(verdict.stage, "routed to a cluster");
  EXPECT_EQ(verdict.flags.at(0).name, "UH");
}

TEST(Verdict, AFilter) {
  RecentRequest request;
  request.status = 403;
  request.local = true;
  request.filter = "guard";
  request.detail = "denied";
  request.virtual_host = "shop";
  const Verdict verdict = judge(request);
  EXPECT_EQ(verdict.what, "http filter \"guard\" answered 403 (denied)");
  EXPECT_EQ(verdict.stage, "routed");
  EXPECT_TRUE(verdict.flags.empty());
}

TEST(Verdict, TheEndpointItself) {
  RecentRequest request;
  request.status = 500;
  request.cluster = "web";
  request.endpoint = "10.0.0.1:80";
  request.upstream_us = 1;
  request.first_byte_us = 2;
  request.response_us = 3;
  const Verdict verdict = judge(request);
  EXPECT_EQ(verdict.what, "endpoint 10.0.0.1:80 of cluster \"web\" answered 500");
  EXPECT_EQ(verdict.stage, "answered");
}

TEST(Verdict, TheClientWent) {
  RecentRequest request;
  request.detail = "downstream_disconnect";
  request.flags = bit(ResponseFlag::kDownstreamConnectionTermination);
  const Verdict verdict = judge(request);
  EXPECT_EQ(verdict.what, "no answer was sent (downstream_disconnect)");
  EXPECT_EQ(verdict.stage, "received");
  EXPECT_EQ(verdict.flags.at(0).name, "DC");
}

}  // namespace
}  // namespace weir::explain
