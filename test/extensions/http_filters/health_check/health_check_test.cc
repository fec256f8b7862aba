#include "extensions/http_filters/health_check/health_check.h"

#include <memory>
#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/drain_state.h"
#include "test/extensions/http_filters/common/lone_filter.h"
#include "test/support/allocation_counter.h"

namespace weir::extensions::http_filters::health_check {
namespace {

using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kFail[] = "x-envoy-immediate-health-check-fail: true\n";

class HealthCheckTest : public ::testing::Test {
 protected:
  ~HealthCheckTest() override { proxy_.clear(); }

  HealthCheckSettings settings(const std::string& name = "a") {
    HealthCheckSettings to;
    to.path = "/healthz";
    to.word = word_;
    const auto counter = [&](const char* what) { return stats_.counter(what + name, "A test's."); };
    to.stats = {counter("well_"), counter("failing_"), counter("kept_"), counter("passed_")};
    return to;
  }
  void start(HealthCheckSettings settings) {
    factory_ = std::make_unique<HealthCheckFactory>(std::move(settings));
    base::ServiceMap services;
    services.put<event::Dispatcher>(proxy_.dispatcher);
    services.put(stats_.block(1));
    services.put(drain_);
    worker_ = factory_->bind(services);
  }
  // The status that the client gets; an endpoint answers with `endpoint`, which is counted.
  int ask(const std::string& path, uint16_t endpoint = 200, LoneFilter::Fields fields = {},
          const http::Route* route = nullptr) {
    proxy_.begin(*worker_, route);
    proxy_.request_head.method = "GET";
    proxy_.request_head.path = path;
    for (const auto& [name, value] : fields) proxy_.request_head.headers.add(name, value);
    proxy_.chain.requestHead(true);
    if (proxy_.client.status != 0) return proxy_.client.status;
    ++at_endpoint_;
    proxy_.terminal->respond(endpoint, "");
    return proxy_.client.status;
  }
  int64_t count(const std::string& name) { return stats_.valueOf(name); }

  stats::Store stats_;
  LoneFilter proxy_;
  base::DrainState drain_;
  const std::shared_ptr<HealthWord> word_ = std::make_shared<HealthWord>();
  std::unique_ptr<HealthCheckFactory> factory_;
  std::unique_ptr<http::WorkerHttpFilterFactory> worker_;
  int at_endpoint_ = 0;
};

TEST_F(HealthCheckTest, AnswersChecksAndLetsTheRestPass) {
  start(settings());
  EXPECT_EQ(ask("/healthz", 500), 200);
  EXPECT_EQ(proxy_.client.body, "ok\n");
  EXPECT_THAT(proxy_.client.headers, HasSubstr("cache-control: no-store\n"));
  EXPECT_TRUE(proxy_.info.health_check);
  EXPECT_EQ(ask("/healthz?x=1", 500), 200);
  EXPECT_EQ(at_endpoint_, 0);
  for (const char* other : {"/", "/healthz/", "/healthzz", "/HEALTHZ"}) {
    EXPECT_EQ(ask(other, 404), 404) << other;
    EXPECT_FALSE(proxy_.info.health_check);
  }
  EXPECT_EQ(count("well_a"), 2);
}

TEST_F(HealthCheckTest, HeadersMustMatchToo) {
  HealthCheckSettings with = settings();
  with.path.clear();
  with.headers.emplace_back("user-agent", http::TextMatcher::prefix("ELB-HealthChecker/"));
  start(std::move(with));
  EXPECT_EQ(ask("/", 404), 404);
  EXPECT_EQ(ask("/any", 404, {{"user-agent", "ELB-HealthChecker/2.0"}}), 200);
}

TEST_F(HealthCheckTest, SaysThatTheProcessLeaves) {
  start(settings());
  EXPECT_EQ(ask("/"), 200);
  EXPECT_THAT(proxy_.client.headers, Not(HasSubstr(kFail)));
  for (const bool drains : {true, false}) {
    drain_.draining = drains;
    word_->failing = !drains;
    EXPECT_EQ(ask("/healthz"), 503);
    EXPECT_THAT(proxy_.client.headers, HasSubstr(kFail));
    EXPECT_EQ(proxy_.client.body, "failing\n");
    EXPECT_EQ(proxy_.info.detail, "health_check_leaving");
    EXPECT_TRUE(proxy_.info.hasFlag(http::ResponseFlag::kFailedLocalHealthCheck));
    EXPECT_EQ(ask("/"), 200) << "what else comes is served";
    EXPECT_THAT(proxy_.client.headers, HasSubstr(kFail));
  }
  word_->failing = false;
  EXPECT_EQ(ask("/healthz"), 200);
  EXPECT_EQ(count("failing_a"), 2);
}

TEST_F(HealthCheckTest, ClustersThatAreNotThereAreNotWell) {
  HealthCheckSettings with = settings();
  with.clusters.push_back({"web", 0.5});
  start(std::move(with));
  EXPECT_EQ(ask("/healthz"), 503);
  EXPECT_EQ(proxy_.info.detail, "health_check_clusters");
  EXPECT_THAT(proxy_.client.headers, Not(HasSubstr(kFail))) << "it does not leave";
}

TEST_F(HealthCheckTest, PassesChecksOn) {
  HealthCheckSettings through = settings();
  through.pass_through = true;
  start(std::move(through));
  EXPECT_EQ(ask("/healthz", 204), 204);
  EXPECT_EQ(ask("/healthz", 500), 500);
  EXPECT_TRUE(proxy_.info.health_check);
  EXPECT_EQ(at_endpoint_, 2);
  word_->failing = true;
  EXPECT_EQ(ask("/healthz", 204), 503);
  EXPECT_EQ(at_endpoint_, 2);
}

TEST_F(HealthCheckTest, KeepsWhatAnEndpointSaid) {
  HealthCheckSettings through = settings();
  through.pass_through = true;
  through.cache_time = milliseconds(1000);
  start(std::move(through));
  EXPECT_EQ(ask("/healthz", 503), 503);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask("/healthz", 200), 503);
  EXPECT_EQ(at_endpoint_, 1);
  EXPECT_EQ(ask("/other", 200), 200) << "is no check and nobody's answer";
  proxy_.clear();
  proxy_.dispatcher.advance(milliseconds(1001));
  EXPECT_EQ(ask("/healthz", 200), 200);
  EXPECT_EQ(ask("/healthz", 503), 200);
  EXPECT_EQ(count("kept_a"), 6);
  EXPECT_EQ(count("passed_a"), 2);
}

TEST_F(HealthCheckTest, RoutesReplaceTheSettings) {
  start(settings());
  HealthCheckSettings other = settings("route");
  other.path = "/ready";
  const SettingRoute route(std::make_shared<HealthCheckRoute>(std::move(other)));
  EXPECT_EQ(ask("/ready", 404, {}, &route), 200);
  EXPECT_EQ(ask("/healthz", 404, {}, &route), 404);
  EXPECT_EQ(count("well_route"), 1);
}

TEST_F(HealthCheckTest, PassingCostsNoAllocation) {
  if (!test::AllocationCounter::available()) GTEST_SKIP();
  start(settings());
  SilentTerminal terminal;
  proxy_.client.record = false;
  uint64_t allocations = 0;
  for (int i = 0; i < 60; ++i) {
    const test::AllocationCounter counter("");
    proxy_.begin(*worker_, terminal);
    proxy_.request_head.method = "GET";
    proxy_.request_head.path = i % 2 == 0 ? "/other" : "/healthz";
    proxy_.chain.requestHead(true);
    if (i % 2 == 0) {
      proxy_.response_head.status = 200;
      proxy_.chain.respondHead(true);
    }
    proxy_.clear();
    if (i >= 30) allocations += counter.count();
  }
  EXPECT_EQ(allocations, 0u);
  EXPECT_EQ(count("well_a"), 30);
}

}  // namespace
}  // namespace weir::extensions::http_filters::health_check
