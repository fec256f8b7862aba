#include "extensions/http_filters/adaptive_concurrency/adaptive_concurrency.h"

#include <memory>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/lone_filter.h"
#include "test/support/allocation_counter.h"

namespace weir::extensions::http_filters::adaptive_concurrency {
namespace {

using ::testing::HasSubstr;

using Stream = LoneFilter;  // one of several that are under way at a time

class AdaptiveConcurrencyTest : public ::testing::Test {
 protected:
  AdaptiveConcurrencyTest() : usual_(limit("usual", 2)), factory_(usual_) {
    services_.put<event::Dispatcher>(clock_.dispatcher);
    services_.put(stats_.block(1));
    worker_ = factory_.bind(services_);
  }
  ConfiguredLimit limit(const std::string& name, uint32_t least) {
    const GradientSettings settings{.min_concurrency = least, .min_rtt_requests = 2};
    ConfiguredLimit to;
    to.limit = std::make_shared<GradientLimit>(settings, 1);
    to.shown = std::make_shared<ShownState>();
    const auto counter = [&](const char* what) { return stats_.counter(what + name, "A test's."); };
    const auto gauge = [&](const char* what) { return stats_.gauge(what + name, "A test's."); };
    to.stats = {counter("passed_"), counter("refused_"),  counter("samples_"), gauge("in_flight_"),
                gauge("limit_"),    gauge("min_rtt_us_"), gauge("measuring_")};
    to.retry_after = "7";
    return to;
  }
  // Begins one; it is refused when its client has an answer.
  void begin(Stream& stream, const http::Route* route = nullptr, bool check = false) {
    stream.begin(*worker_, route);
    stream.request_head.method = "GET";
    stream.info.health_check = check;
    stream.info.upstream_address = &endpoint_;
    stream.chain.requestHead(true);
  }
  int64_t value(const std::string& name) { return stats_.valueOf(name); }

  stats::Store stats_;
  base::ServiceMap services_;
  Stream clock_;  // whose time counts
  network::Address endpoint_;
  ConfiguredLimit usual_;
  AdaptiveConcurrencyFactory factory_;
  std::unique_ptr<http::WorkerHttpFilterFactory> worker_;
};

TEST_F(AdaptiveConcurrencyTest, RefusesWhatIsOverTheLimit) {
  Stream one;
  Stream two;
  Stream three;
  begin(one);
  begin(two);
  begin(three);
  EXPECT_EQ(one.client.status, 0);
  EXPECT_EQ(two.client.status, 0);
  EXPECT_EQ(three.client.status, 503);
  EXPECT_THAT(three.client.headers, HasSubstr("retry-after: 7\n"));
  EXPECT_EQ(three.info.detail, "adaptive_concurrency_limit");
  EXPECT_TRUE(three.info.hasFlag(http::ResponseFlag::kDropOverload));
  EXPECT_EQ(value("in_flight_usual"), 2);
  EXPECT_EQ(value("refused_usual"), 1);
  one.terminal->respond(200, "");
  one.clear();
  two.clear();  // its client has gone
  three.clear();
  EXPECT_EQ(value("in_flight_usual"), 0);
  EXPECT_EQ(usual_.limit->state().in_flight, 0u);
}

TEST_F(AdaptiveConcurrencyTest, LearnsFromAnswersOfEndpointsOnly) {
  const auto answer = [&](int status, std::string_view detail) {
    Stream stream;
    begin(stream);
    clock_.dispatcher.advance(milliseconds(10));
    stream.info.detail = detail;
    stream.terminal->respond(static_cast<uint16_t>(status), "");
  };
  answer(503, "");
  answer(200, "route_answered");
  EXPECT_EQ(value("samples_usual"), 0);
  answer(200, "");
  answer(404, "");
  EXPECT_EQ(value("samples_usual"), 2);
  EXPECT_NEAR(static_cast<double>(value("min_rtt_us_usual")), 10'000, 700);
  EXPECT_EQ(value("limit_usual"), 2);
  EXPECT_EQ(value("measuring_usual"), 0);
}

TEST_F(AdaptiveConcurrencyTest, TunnelsDoNotCountForAsLongAsTheyLast) {
  Stream stream;
  begin(stream);
  http::ResponseHead& head = stream.terminal->begin(101, http::BodyFraming::kTunnel);
  (void)head;
  stream.chain.respondHead(false);
  EXPECT_EQ(value("in_flight_usual"), 0);
  stream.clear();
  EXPECT_EQ(usual_.limit->state().in_flight, 0u);
}

TEST_F(AdaptiveConcurrencyTest, RoutesHaveLimitsOfTheirOwnAndChecksHaveNone) {
  const ConfiguredLimit own = limit("route", 1);
  const SettingRoute route(std::make_shared<AdaptiveConcurrencyRoute>(own));
  Stream a;
  Stream b;
  Stream c;
  Stream d;
  begin(a, &route);
  begin(b, &route);
  begin(c);
  begin(d, &route, /*check=*/true);
  EXPECT_EQ(a.client.status, 0);
  EXPECT_EQ(b.client.status, 503);
  EXPECT_EQ(c.client.status, 0);
  EXPECT_EQ(d.client.status, 0);
  EXPECT_EQ(value("in_flight_route"), 1);
  EXPECT_EQ(value("in_flight_usual"), 1);
}

TEST_F(AdaptiveConcurrencyTest, PassingCostsNoAllocation) {
  if (!test::AllocationCounter::available()) GTEST_SKIP();
  Stream stream;
  SilentTerminal terminal;
  stream.client.record = false;
  uint64_t allocations = 0;
  for (int i = 0; i < 60; ++i) {
    const test::AllocationCounter counter("");
    stream.begin(*worker_, terminal);
    stream.request_head.method = "GET";
    stream.info.upstream_address = &endpoint_;
    stream.chain.requestHead(true);
    stream.response_head.status = 200;
    stream.chain.respondHead(true);
    stream.clear();
    if (i >= 30) allocations += counter.count();
  }
  EXPECT_EQ(allocations, 0u);
  EXPECT_EQ(value("samples_usual"), 60);
}

}  // namespace
}  // namespace weir::extensions::http_filters::adaptive_concurrency
