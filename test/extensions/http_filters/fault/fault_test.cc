#include "extensions/http_filters/fault/fault.h"

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "extensions/http_filters/fault/asked.h"
#include "source/base/service_map.h"
#include "source/stats/stats.h"
#include "test/http/recorded_chain.h"
#include "test/support/allocation_counter.h"

namespace weir::extensions::http_filters::fault {
namespace {

using std::chrono::milliseconds;

// A chain with the filter alone between a client's side and a fake terminal. Worker-confined.
class Chain : public http::RecordedChain {
 public:
  explicit Chain(FaultPolicy policy, uint32_t max_active = 10) {
    FaultConfig config;
    config.policy = std::move(policy);
    config.max_active = max_active;
    config.stats =
        ids = {stats.counter("delays", "A test's."), stats.counter("aborts", "A test's."),
               stats.counter("rates", "A test's."), stats.counter("overflows", "A test's."),
               stats.gauge("active", "A test's.")};
    active = config.active;
    shared_ = std::make_unique<FaultFilterFactory>(std::move(config));
    base::ServiceMap services;
    services.put(stats.block(1));
    factory_ = shared_->bind(services);
  }
  ~Chain() { chain.clear(); }

  using List = std::vector<std::pair<std::string, std::string>>;
  void request(const List& fields = {}) {
    terminal = arena.create<http::FakeTerminal>(script, chain);
    chain.addFilter(*factory_->create(arena));
    chain.setTerminal(*terminal);
    request_head.method = "POST";
    request_head.authority = "example.com";
    request_head.path = "/";
    for (const auto& [name, value] : fields) request_head.headers.add(name, value);
    chain.requestHead(true);
  }
  bool arrived() const { return !script.requests.back().line.empty(); }

  stats::Store stats;
  FaultStats ids{};
  std::shared_ptr<std::atomic<uint32_t>> active;

 private:
  std::unique_ptr<FaultFilterFactory> shared_;
  std::unique_ptr<http::WorkerHttpFilterFactory> factory_;
};

FaultPolicy delaying(int ms) {
  FaultPolicy policy;
  policy.delay = Delay{.mean = milliseconds(ms)};
  return policy;
}

FaultPolicy aborting() {
  FaultPolicy policy;
  policy.abort = Abort{.status = 418, .body = "no\n"};
  return policy;
}

TEST(Fault, NothingIsNothing) {
  Chain proxy(FaultPolicy{});
  proxy.request();
  EXPECT_TRUE(proxy.arrived());
}

TEST(Fault, ADelayIsAsLongAsItSays) {
  Chain proxy(delaying(500));
  proxy.request();
  EXPECT_EQ(proxy.stats.value(proxy.ids.active), 1);
  proxy.dispatcher.advance(milliseconds(499));
  EXPECT_FALSE(proxy.arrived());
  proxy.dispatcher.advance(milliseconds(31));
  EXPECT_TRUE(proxy.arrived());
  EXPECT_TRUE(proxy.info.hasFlag(http::ResponseFlag::kDelayInjected));
  EXPECT_FALSE(proxy.info.hasFlag(http::ResponseFlag::kFaultInjected));
  EXPECT_EQ(proxy.stats.value(proxy.ids.delays), 1u);
  EXPECT_EQ(proxy.stats.value(proxy.ids.active), 0);
  proxy.terminal->respond(200, "fine");
  EXPECT_EQ(proxy.client.body, "fine");
}

TEST(Fault, AnAbortComesBehindTheDelay) {
  FaultPolicy policy = aborting();
  policy.delay = Delay{.mean = milliseconds(100)};
  Chain proxy(std::move(policy));
  proxy.request();
  EXPECT_EQ(proxy.client.status, 0);
  proxy.dispatcher.advance(milliseconds(130));
  EXPECT_EQ(proxy.client.status, 418);
  EXPECT_EQ(proxy.client.body, "no\n");
  EXPECT_EQ(proxy.info.detail, "fault_injected");
  EXPECT_TRUE(proxy.info.hasFlag(http::ResponseFlag::kFaultInjected));
  EXPECT_FALSE(proxy.arrived());
}

TEST(Fault, CallsOfGrpcGetAStatusOfGrpc) {
  FaultPolicy policy;
  policy.abort = Abort{.grpc_status = http::GrpcStatus::kResourceExhausted};
  Chain proxy(std::move(policy));
  proxy.request({{"content-type", "application/grpc"}});
  EXPECT_EQ(proxy.client.status, 200);
  EXPECT_NE(proxy.client.headers.find("grpc-status: 8\n"), std::string::npos);
}

TEST(Fault, OnlyRequestsThatAreMeant) {
  FaultPolicy policy = aborting();
  policy.headers.emplace_back("x-canary", http::TextMatcher::present());
  policy.headers.emplace_back("x-user", http::TextMatcher::exact("a"));
  const auto status = [&](const Chain::List& fields) {
    Chain proxy(policy);
    proxy.request(fields);
    return proxy.client.status;
  };
  EXPECT_EQ(status({{"x-canary", ""}, {"x-user", "a"}}), 418);
  EXPECT_EQ(status({{"x-user", "a"}}), 0);
  EXPECT_EQ(status({}), 0);
}

TEST(Fault, SharesAreDrawn) {
  FaultPolicy policy = aborting();
  policy.abort->share.millionths = 500'000;
  Chain proxy(std::move(policy));
  for (int i = 0; i < 1000; ++i) {
    proxy.request();
    proxy.clear();
  }
  // Half of 1000, six standard deviations to each side.
  EXPECT_NEAR(static_cast<double>(proxy.stats.value(proxy.ids.aborts)), 500, 95);
  EXPECT_EQ(proxy.active->load(), 0u);
}

TEST(Fault, NoMoreThanMayBe) {
  Chain proxy(delaying(1000), 1);
  proxy.active->store(1);  // another worker's
  proxy.request();
  EXPECT_TRUE(proxy.arrived());
  EXPECT_EQ(proxy.stats.value(proxy.ids.overflows), 1u);
  EXPECT_EQ(proxy.active->load(), 1u);
}

TEST(Fault, AClientThatLeavesWhileItWaits) {
  Chain proxy(delaying(1000));
  proxy.request();
  proxy.clear();
  EXPECT_EQ(proxy.active->load(), 0u);
  proxy.dispatcher.advance(milliseconds(2000));
  EXPECT_FALSE(proxy.arrived());
}

TEST(Fault, ResponsesComeAtTheirRate) {
  FaultPolicy policy;
  policy.response_rate = ResponseRate{.bytes_per_second = 10'000};
  Chain proxy(std::move(policy));
  proxy.request();
  EXPECT_TRUE(proxy.arrived());
  proxy.terminal->respond(200, std::string(50'000, 'x'));
  proxy.dispatcher.advance(milliseconds(2000));
  EXPECT_NEAR(static_cast<double>(proxy.client.body.size()), 20'000, 1'100);
  EXPECT_FALSE(proxy.client.ended);
  proxy.dispatcher.advance(milliseconds(3100));
  EXPECT_TRUE(proxy.client.ended);
  EXPECT_EQ(proxy.client.body.size(), 50'000u);
  proxy.clear();
  EXPECT_EQ(proxy.active->load(), 0u);
}

TEST(Fault, RequestsAskOnlyWhereTheyMay) {
  const Chain::List fields = {{"x-envoy-fault-abort-request", "404"},
                              {"x-envoy-fault-delay-request", "100"}};
  Chain deaf(FaultPolicy{});
  deaf.request(fields);
  EXPECT_TRUE(deaf.arrived());
  FaultPolicy policy = aborting();
  policy.allow_request_headers = true;
  Chain proxy(std::move(policy));
  proxy.request(fields);
  EXPECT_EQ(proxy.client.status, 0);
  proxy.dispatcher.advance(milliseconds(130));
  EXPECT_EQ(proxy.client.status, 404);
}

TEST(Fault, WhatRequestsAskFor) {
  const auto read = [](const Chain::List& fields) {
    base::Arena arena;
    http::HeaderMap headers(arena);
    for (const auto& [name, value] : fields) headers.add(name, value);
    return readAskedFaults(headers);
  };
  const AskedFaults all = read({{"x-envoy-fault-delay-request", "3600000"},
                                {"x-envoy-fault-delay-request-percentage", "25"},
                                {"x-envoy-fault-abort-grpc-request", "16"},
                                {"x-envoy-fault-abort-request-percentage", "101"},
                                {"x-envoy-fault-throughput-response", "3"}});
  EXPECT_EQ(all.delay->mean, kLongestDelay);
  EXPECT_EQ(all.delay->share.millionths, 250'000u);
  EXPECT_EQ(all.abort_grpc_status, http::GrpcStatus::kUnauthenticated);
  EXPECT_EQ(all.abort_share.millionths, 0u);
  EXPECT_EQ(all.response_rate->bytes_per_second, 3072u);
  EXPECT_EQ(all.response_rate->share.millionths, http::Fraction::kAll);
  for (const char* bad : {"", "0", "-1", "3600001", "1x", " 1", "99999999999999999999999"}) {
    EXPECT_FALSE(read({{"x-envoy-fault-delay-request", bad}}).delay) << bad;
  }
  for (const char* bad : {"199", "600", "OK"}) {
    EXPECT_FALSE(read({{"x-envoy-fault-abort-request", bad}}).abort_status) << bad;
  }
  EXPECT_FALSE(read({{"x-envoy-fault-abort-grpc-request", "17"}}).abort_grpc_status);
}

TEST(Fault, DrawnDelaysAreWithinTheirBounds) {
  base::Random random(3);
  const Delay uniform{Delay::Kind::kUniform, milliseconds(10), {}, milliseconds(20)};
  const Delay exponential{Delay::Kind::kExponential, {}, milliseconds(100), milliseconds(300)};
  int64_t sum = 0;
  bool low = false;
  bool high = false;
  for (int i = 0; i < 10'000; ++i) {
    const auto even = uniform.draw(random);
    ASSERT_GE(even, milliseconds(10));
    ASSERT_LE(even, milliseconds(20));
    low |= even == milliseconds(10);
    high |= even == milliseconds(20);
    const auto drawn = exponential.draw(random);
    ASSERT_GE(drawn, milliseconds(0));
    ASSERT_LE(drawn, milliseconds(300));
    sum += drawn.count();
  }
  EXPECT_TRUE(low && high);
  EXPECT_NEAR(static_cast<double>(sum) / 10'000, 95.0, 5.0);  // 100 (1 - e^-3)
}

}  // namespace
}  // namespace weir::extensions::http_filters::fault
