#include "extensions/http_filters/admission_control/admission_control.h"

#include <memory>
#include <string>

#include "gtest/gtest.h"

#include "test/extensions/http_filters/common/lone_filter.h"
#include "test/support/allocation_counter.h"

namespace weir::extensions::http_filters::admission_control {
namespace {

using http::ResponseFlag;
using std::chrono::milliseconds;

class AdmissionControlTest : public ::testing::Test {
 protected:
  ~AdmissionControlTest() override { proxy_.clear(); }

  // All that can be refused is, so that nothing depends on chance.
  AdmissionSettings settings(const std::string& name) {
    AdmissionSettings to;
    to.law.threshold = 1;
    to.law.aggression = 1e9;
    to.law.max_rejection = 1;
    const auto counter = [&](const char* what) { return stats_.counter(what + name, "A test's."); };
    to.stats = {counter("passed_"), counter("refused_"), counter("shadowed_"),
                counter("succeeded_"), counter("failed_")};
    return to;
  }
  void start(AdmissionSettings settings) {
    factory_ = std::make_unique<AdmissionControlFactory>(std::move(settings));
    base::ServiceMap services;
    services.put<event::Dispatcher>(proxy_.dispatcher);
    services.put(stats_.block(1));
    worker_ = factory_->bind(services);
  }
  void begin(const http::Route* route = nullptr, bool check = false) {
    proxy_.begin(*worker_, route);
    proxy_.request_head.method = "GET";
    proxy_.info.health_check = check;
    proxy_.chain.requestHead(true);
  }
  // The status that the client gets of an endpoint that answers with `status`.
  int ask(uint16_t status, ResponseFlag flag = ResponseFlag::kNone,
          const http::Route* route = nullptr) {
    begin(route);
    if (proxy_.client.status != 0) return proxy_.client.status;
    proxy_.info.addFlag(flag);
    if (status != 0) proxy_.terminal->respond(status, "");
    proxy_.clear();
    return status;
  }
  int64_t count(const std::string& name) { return stats_.valueOf(name); }

  stats::Store stats_;
  LoneFilter proxy_;
  std::unique_ptr<AdmissionControlFactory> factory_;
  std::unique_ptr<http::WorkerHttpFilterFactory> worker_;
};

TEST_F(AdmissionControlTest, RefusesAfterFailuresAndForgetsThem) {
  start(settings("a"));
  for (int i = 0; i < 10; ++i) EXPECT_EQ(ask(200), 200);
  EXPECT_EQ(ask(500), 500);
  EXPECT_EQ(ask(200), 503);
  EXPECT_EQ(proxy_.info.detail, "admission_control_refused");
  EXPECT_TRUE(proxy_.info.hasFlag(ResponseFlag::kDropOverload));
  EXPECT_EQ(count("succeeded_a"), 10);
  EXPECT_EQ(count("failed_a"), 1);
  EXPECT_EQ(count("refused_a"), 1);
  proxy_.dispatcher.advance(std::chrono::seconds(31));
  EXPECT_EQ(ask(200), 200);
}

TEST_F(AdmissionControlTest, WhatBreaksOffHasFailed) {
  for (const ResponseFlag flag :
       {ResponseFlag::kUpstreamConnectionTermination, ResponseFlag::kUpstreamRemoteReset,
        ResponseFlag::kUpstreamProtocolError, ResponseFlag::kUpstreamRequestTimeout}) {
    start(settings("a"));
    ask(200, flag);
    EXPECT_EQ(ask(200), 503);
  }
  start(settings("b"));
  ask(0, ResponseFlag::kDownstreamConnectionTermination);
  EXPECT_EQ(ask(200), 200) << "nobody knows what it would have become";
  ask(200, ResponseFlag::kDownstreamConnectionTermination);
  EXPECT_EQ(count("succeeded_b"), 2);
}

TEST_F(AdmissionControlTest, CriteriaAreAsConfigured) {
  AdmissionSettings strict = settings("a");
  strict.success.http.reset(404);
  start(std::move(strict));
  EXPECT_EQ(ask(403), 403);
  EXPECT_EQ(ask(404), 404);
  EXPECT_EQ(ask(200), 503);
}

TEST_F(AdmissionControlTest, CallsOfGrpcCountByTheirStatus) {
  start(settings("a"));
  const auto call = [this](http::GrpcStatus status) {
    begin();
    if (proxy_.client.status != 0) return false;
    proxy_.info.grpc_status = status;
    proxy_.terminal->respond(200, "");
    proxy_.clear();
    return true;
  };
  EXPECT_TRUE(call(http::GrpcStatus::kOk));
  EXPECT_TRUE(call(http::GrpcStatus::kNotFound));
  EXPECT_TRUE(call(http::GrpcStatus::kUnavailable));
  EXPECT_FALSE(call(http::GrpcStatus::kOk));
}

TEST_F(AdmissionControlTest, ShadowsAndChecksPass) {
  AdmissionSettings shadow = settings("a");
  shadow.shadow = true;
  start(std::move(shadow));
  ask(500);
  EXPECT_EQ(ask(200), 200);
  EXPECT_EQ(count("shadowed_a"), 1);
  start(settings("b"));
  ask(500);
  begin(nullptr, /*check=*/true);
  EXPECT_EQ(proxy_.client.status, 0);
  EXPECT_EQ(count("refused_b"), 0);
}

TEST_F(AdmissionControlTest, RoutesAreJudgedByThemselves) {
  start(settings("a"));
  const SettingRoute route(std::make_shared<AdmissionControlRoute>(settings("route")));
  EXPECT_EQ(ask(500, ResponseFlag::kNone, &route), 500);
  EXPECT_EQ(ask(200), 200);
  EXPECT_EQ(ask(200, ResponseFlag::kNone, &route), 503);
  EXPECT_EQ(count("refused_route"), 1);
}

TEST_F(AdmissionControlTest, PassingCostsNoAllocation) {
  if (!test::AllocationCounter::available()) GTEST_SKIP();
  start(settings("a"));
  SilentTerminal terminal;
  proxy_.client.record = false;
  uint64_t allocations = 0;
  for (int i = 0; i < 60; ++i) {
    const test::AllocationCounter counter("");
    proxy_.begin(*worker_, terminal);
    proxy_.request_head.method = "GET";
    proxy_.chain.requestHead(true);
    proxy_.response_head.status = 200;
    proxy_.chain.respondHead(true);
    proxy_.clear();
    if (i >= 30) allocations += counter.count();
  }
  EXPECT_EQ(allocations, 0u);
  EXPECT_EQ(count("succeeded_a"), 60);
}

}  // namespace
}  // namespace weir::extensions::http_filters::admission_control
