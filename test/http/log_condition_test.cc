#include "source/http/log_condition.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <vector>

#include "source/http/response_flags.h"

namespace weir::http {
namespace {

using By = LogCondition;
using std::chrono::milliseconds;

// An exchange as a test describes it.
struct Exchange {
  RequestHead request;
  ResponseHead response;
  StreamInfo info;

  Exchange() {
    info.started = event::MonotonicTime(milliseconds(1000));
    info.ended = event::MonotonicTime(milliseconds(1250));
    info.status = response.status = 200;
    info.request_id = "a-request";
    request.method = "GET";
    request.path = "/a";
    request.headers.add("x-user", "ann");
    response.headers.add("content-type", "text/plain");
  }
  bool holds(const LogCondition& condition) const {
    return condition.holds(request, response, info);
  }
};

TEST(LogCondition, LooksAtTheStatus) {
  Exchange exchange;
  EXPECT_TRUE(exchange.holds(LogCondition(By::Status{200, 300})));
  EXPECT_FALSE(exchange.holds(LogCondition(By::Status{201, 300})));
  EXPECT_FALSE(exchange.holds(LogCondition(By::Status{100, 200})));
  exchange.info.status = 0;
  EXPECT_TRUE(exchange.holds(LogCondition(By::Status{0, 1})));
}

TEST(LogCondition, LooksAtHowLongItTook) {
  const Exchange exchange;
  EXPECT_TRUE(exchange.holds(LogCondition(By::AtLeast{milliseconds(250)})));
  EXPECT_FALSE(exchange.holds(LogCondition(By::AtLeast{milliseconds(251)})));
}

TEST(LogCondition, LooksAtFlags) {
  Exchange exchange;
  const LogCondition any(By::Flags{~uint32_t{0}});
  const LogCondition timeout(
      By::Flags{static_cast<uint32_t>(ResponseFlag::kUpstreamRequestTimeout)});
  EXPECT_FALSE(exchange.holds(any));
  exchange.info.addFlag(ResponseFlag::kRateLimited);
  EXPECT_TRUE(exchange.holds(any));
  EXPECT_FALSE(exchange.holds(timeout));
}

TEST(LogCondition, LooksAtBothHeads) {
  const Exchange exchange;
  const HeaderMatcher ann("x-user", TextMatcher::exact("ann"));
  const HeaderMatcher text("content-type", TextMatcher::prefix("text/"));
  EXPECT_TRUE(exchange.holds(LogCondition(By::RequestHeader{ann})));
  EXPECT_TRUE(exchange.holds(
      LogCondition(By::RequestHeader{HeaderMatcher(":path", TextMatcher::exact("/a"))})));
  EXPECT_FALSE(exchange.holds(LogCondition(By::ResponseHeader{ann})));
  EXPECT_TRUE(exchange.holds(LogCondition(By::ResponseHeader{text})));
}

TEST(LogCondition, SamplesByRequestIdSoThatAllProxiesAgree) {
  const LogCondition tenth(By::Sample{{Fraction::kAll / 10}});
  const LogCondition half(By::Sample{{Fraction::kAll / 2}});
  Exchange exchange;
  int taken = 0;
  for (int i = 0; i < 2000; ++i) {
    const std::string id = "request-" + std::to_string(i);
    exchange.info.request_id = id;
    const bool holds = exchange.holds(tenth);
    EXPECT_EQ(exchange.holds(tenth), holds);
    // A larger share has all of a smaller one.
    EXPECT_TRUE(!holds || exchange.holds(half));
    taken += holds ? 1 : 0;
  }
  EXPECT_GT(taken, 100);  // the same in every run
  EXPECT_LT(taken, 300);
}

TEST(LogCondition, WithoutARequestIdTheConnectionDecides) {
  const LogCondition half(By::Sample{{Fraction::kAll / 2}});
  Exchange exchange;
  exchange.info.request_id = {};
  int taken = 0;
  for (uint64_t i = 0; i < 1000; ++i) {
    exchange.info.connection_id = i;
    taken += exchange.holds(half) ? 1 : 0;
  }
  EXPECT_GT(taken, 400);
  EXPECT_LT(taken, 600);
}

TEST(LogCondition, KnowsWhatWentWrong) {
  Exchange exchange;
  EXPECT_FALSE(wentWrong(exchange.info));
  exchange.info.status = 404;
  EXPECT_FALSE(wentWrong(exchange.info));
  exchange.info.status = 503;
  EXPECT_TRUE(wentWrong(exchange.info));
  exchange.info.status = 0;
  EXPECT_TRUE(wentWrong(exchange.info));
  exchange.info.status = 200;
  for (const ResponseFlag note : {ResponseFlag::kResponseFromCache, ResponseFlag::kDelayInjected,
                                  ResponseFlag::kHedged, ResponseFlag::kInternalRedirect}) {
    exchange.info.addFlag(note);
    EXPECT_FALSE(wentWrong(exchange.info));
  }
  exchange.info.grpc_status = GrpcStatus::kNotFound;
  EXPECT_FALSE(wentWrong(exchange.info));
  exchange.info.grpc_status = GrpcStatus::kUnavailable;
  EXPECT_TRUE(wentWrong(exchange.info));
  exchange.info.grpc_status.reset();
  exchange.info.addFlag(ResponseFlag::kDownstreamConnectionTermination);
  EXPECT_TRUE(wentWrong(exchange.info));
}

TEST(LogCondition, Combines) {
  Exchange exchange;
  const LogCondition yes(By::Status{200, 201});
  const LogCondition no(By::Status{500, 600});
  EXPECT_TRUE(exchange.holds(LogCondition(By::All{{yes, yes}})));
  EXPECT_FALSE(exchange.holds(LogCondition(By::All{{yes, no}})));
  EXPECT_TRUE(exchange.holds(LogCondition(By::Any{{no, yes}})));
  EXPECT_FALSE(exchange.holds(LogCondition(By::Any{{no, no}})));
  EXPECT_TRUE(exchange.holds(!no));
  EXPECT_FALSE(exchange.holds(!LogCondition(By::Any{{no, yes}})));
  EXPECT_FALSE(exchange.holds(LogCondition(By::HealthCheck{})));
  exchange.info.health_check = true;
  EXPECT_TRUE(exchange.holds(LogCondition(By::HealthCheck{})));
}

TEST(ResponseFlags, EachHasANameOfItsOwnAndWords) {
  uint32_t all = 0;
  for (const ResponseFlagText& text : responseFlagTexts()) {
    EXPECT_EQ(all & static_cast<uint32_t>(text.flag), 0u) << text.name;
    all |= static_cast<uint32_t>(text.flag);
    EXPECT_EQ(responseFlagNamed(text.name), text.flag);
    EXPECT_FALSE(text.meaning.empty()) << text.name;
    EXPECT_FALSE(text.look.empty()) << text.name;
  }
  EXPECT_EQ(responseFlagNamed("XX"), std::nullopt);
}

}  // namespace
}  // namespace weir::http
