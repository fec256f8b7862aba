#include "extensions/http_filters/local_rate_limit/local_rate_limit.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"

#include "source/http/dynamic_metadata.h"
#include "test/extensions/http_filters/common/lone_filter.h"
#include "test/support/allocation_counter.h"

namespace weir::extensions::http_filters::local_rate_limit {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

class LocalRateLimitTest : public ::testing::Test {
 protected:
  ~LocalRateLimitTest() override { proxy_.clear(); }

  // `requests` a second, by the header x-user unless `key` is another one.
  Limit limit(const std::string& name, uint32_t requests,
              RequestKey key = RequestKey({{.kind = RequestKeyPart::Kind::kHeader,
                                            .name = "x-user"}})) {
    Limit to{.name = name, .key = std::move(key)};
    to.requests = requests;
    to.rate = {1'000'000'000 / requests, requests};
    to.buckets = std::make_shared<LimitBuckets>(64, base::HashKey{1, 2});
    const auto counter = [&](const char* what) {
      return stats_.counter(std::string(what) + "_" + name, "A test's.");
    };
    to.stats = {counter("passed"), counter("refused"), counter("shadowed"), counter("displaced")};
    return to;
  }
  static RequestKey all() { return RequestKey(); }

  void start(LocalRateLimitSettings settings) {
    factory_ = std::make_unique<LocalRateLimitFactory>(
        "test", std::move(settings),
        FilterStats{stats_.counter("exempt", "A test's."), stats_.counter("limited", "A test's."),
                    stats_.counter("unlimited", "A test's.")});
    base::ServiceMap services;
    services.put<event::Dispatcher>(proxy_.dispatcher);
    services.put(stats_.block(1));
    worker_ = factory_->bind(services);
  }
  void start(std::vector<Limit> limits) {
    LocalRateLimitSettings settings;
    settings.limits = std::move(limits);
    start(std::move(settings));
  }

  // The status; 200 when it went through.
  int ask(LoneFilter::Fields fields = {}, const http::Route* route = nullptr) {
    proxy_.begin(*worker_, route);
    proxy_.info.downstream_remote = &client_;
    proxy_.request_head.method = "GET";
    proxy_.request_head.authority = "example.com";
    proxy_.request_head.path = "/";
    for (const auto& [name, value] : fields) proxy_.request_head.headers.add(name, value);
    proxy_.chain.requestHead(true);
    if (proxy_.client.status == 0) proxy_.terminal->respond(200, "");
    return proxy_.client.status;
  }
  int askAs(const char* user) { return ask({{"x-user", user}}); }
  bool told(const std::string& line) const {
    return proxy_.client.headers.find(line + "\n") != std::string::npos;
  }
  int64_t count(const std::string& name) { return stats_.valueOf(name); }

  stats::Store stats_;
  LoneFilter proxy_;
  network::Address client_ = *network::Address::parse("10.1.2.3:99");
  std::unique_ptr<LocalRateLimitFactory> factory_;
  std::unique_ptr<http::WorkerHttpFilterFactory> worker_;
};

TEST_F(LocalRateLimitTest, EachKeyHasItsOwnBucket) {
  start({limit("user", 2)});
  EXPECT_EQ(askAs("joe"), 200);
  EXPECT_EQ(askAs("joe"), 200);
  EXPECT_EQ(askAs("joe"), 429);
  EXPECT_EQ(askAs("ann"), 200);
  EXPECT_EQ(ask(), 200) << "those without one have one together";
  EXPECT_EQ(ask(), 200);
  EXPECT_EQ(ask(), 429);
  proxy_.dispatcher.advance(milliseconds(500));
  EXPECT_EQ(askAs("joe"), 200);
  EXPECT_EQ(askAs("joe"), 429);
  EXPECT_EQ(count("passed_user"), 6);
  EXPECT_EQ(count("refused_user"), 3);
  EXPECT_EQ(count("limited"), 3);
}

TEST_F(LocalRateLimitTest, SaysWhatIsLeftAndWhenToComeBack) {
  LocalRateLimitSettings settings;
  settings.limits.push_back(limit("user", 2));
  settings.scope.answer = RateLimitAnswer(429, "slow down\n", RateLimitAnswer::Fields::kBoth, true);
  start(std::move(settings));
  EXPECT_EQ(askAs("joe"), 200);
  EXPECT_TRUE(told("ratelimit: \"user\";r=1;t=1")) << proxy_.client.headers;
  EXPECT_TRUE(told("x-ratelimit-remaining: 1"));
  EXPECT_EQ(askAs("joe"), 200);
  EXPECT_EQ(askAs("joe"), 429);
  EXPECT_TRUE(told("ratelimit: \"user\";r=0;t=1"));
  EXPECT_TRUE(told("ratelimit-policy: \"user\";q=2;w=1"));
  EXPECT_TRUE(told("retry-after: 1"));
  EXPECT_EQ(proxy_.client.body, "slow down\n");
  EXPECT_EQ(proxy_.info.detail, "local_rate_limited");
  EXPECT_TRUE(proxy_.info.hasFlag(http::ResponseFlag::kRateLimited));
  const auto* limit = proxy_.info.dynamic_metadata->find("local_rate_limit", "limit");
  ASSERT_NE(limit, nullptr);
  EXPECT_EQ(std::get<std::string_view>(*limit), "user");
}

TEST_F(LocalRateLimitTest, WhatOneLimitRefusesCountsInNone) {
  start({limit("all", 5, all()), limit("user", 1)});
  EXPECT_EQ(askAs("joe"), 200);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(askAs("joe"), 429);
  EXPECT_TRUE(told("ratelimit-policy: \"user\";q=1;w=1"));
  // The offender has left the others' tokens alone.
  for (const char* user : {"a", "b", "c", "d"}) EXPECT_EQ(askAs(user), 200) << user;
  EXPECT_EQ(askAs("e"), 429);
  EXPECT_EQ(count("passed_all"), 5);
  EXPECT_EQ(count("refused_all"), 1);
}

TEST_F(LocalRateLimitTest, TheTightestIsTold) {
  LocalRateLimitSettings settings;
  settings.limits.push_back(limit("user", 5));
  settings.limits.push_back(limit("all", 3, all()));
  settings.scope.answer = RateLimitAnswer(429, "", RateLimitAnswer::Fields::kStandard, true);
  start(std::move(settings));
  EXPECT_EQ(askAs("joe"), 200);
  EXPECT_TRUE(told("ratelimit: \"all\";r=2;t=1"));
}

TEST_F(LocalRateLimitTest, ConditionsAndExemptions) {
  LocalRateLimitSettings settings;
  settings.limits.push_back(limit("post", 1, all()));
  settings.limits.back().headers.emplace_back("x-write", http::TextMatcher::present());
  const network::Prefix office = *network::Prefix::parse("192.0.2.0/24");
  settings.scope.exempt_addresses = network::CidrSet(std::span(&office, 1));
  settings.scope.exempt_headers = {
      {http::HeaderMatcher("x-probe", http::TextMatcher::exact("yes"))}};
  start(std::move(settings));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(), 200);
  EXPECT_EQ(count("unlimited"), 3);
  EXPECT_EQ(ask({{"x-write", "1"}}), 200);
  EXPECT_EQ(ask({{"x-write", "1"}}), 429);
  EXPECT_EQ(ask({{"x-write", "1"}, {"x-probe", "yes"}}), 200);
  EXPECT_EQ(ask({{"x-write", "1"}, {"x-probe", "no"}}), 429);
  client_ = *network::Address::parse("192.0.2.77:1");
  EXPECT_EQ(ask({{"x-write", "1"}}), 200);
  EXPECT_EQ(count("exempt"), 2);
}

TEST_F(LocalRateLimitTest, ShadowsCountAndRefuseNothing) {
  Limit shadow = limit("shadow", 1, all());
  shadow.shadow = true;
  start({std::move(shadow), limit("real", 2, all())});
  EXPECT_EQ(ask(), 200);
  EXPECT_EQ(ask(), 200);
  EXPECT_EQ(ask(), 429);
  EXPECT_EQ(count("shadowed_shadow"), 2);
  EXPECT_EQ(count("refused_shadow"), 0);
  EXPECT_EQ(count("refused_real"), 1);
}

TEST_F(LocalRateLimitTest, AShareIsAsked) {
  LocalRateLimitSettings settings;
  settings.limits.push_back(limit("all", 1, all()));
  settings.scope.enabled = http::Fraction{0};
  start(std::move(settings));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask(), 200);
}

TEST_F(LocalRateLimitTest, RoutesReplaceOrAdd) {
  LocalRateLimitSettings settings;
  settings.limits.push_back(limit("filter", 2, all()));
  start(std::move(settings));
  LocalRateLimitSettings strict;
  strict.limits.push_back(limit("route", 1, all()));
  const SettingRoute replaces(std::make_shared<LocalRateLimitRoute>(strict));
  EXPECT_EQ(ask({}, &replaces), 200);
  EXPECT_EQ(ask({}, &replaces), 429);
  EXPECT_EQ(count("passed_filter"), 0);
  strict.add_limits = true;
  strict.limits.front() = limit("more", 1, all());
  const SettingRoute adds(std::make_shared<LocalRateLimitRoute>(strict));
  EXPECT_EQ(ask({}, &adds), 200);
  EXPECT_EQ(ask({}, &adds), 429);
  EXPECT_EQ(count("passed_filter"), 1) << "the refused one was given back";
  LocalRateLimitSettings quiet;
  quiet.scope.shadow = true;
  const SettingRoute shadows(std::make_shared<LocalRateLimitRoute>(quiet));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(ask({}, &shadows), 200);
  EXPECT_EQ(count("shadowed_filter"), 4);
  EXPECT_EQ(ask(), 429) << "elsewhere it holds";
}

TEST_F(LocalRateLimitTest, CallsOfGrpcGetAStatus) {
  start({limit("all", 1, all())});
  EXPECT_EQ(ask({{"content-type", "application/grpc"}}), 200);
  EXPECT_EQ(ask({{"content-type", "application/grpc"}}), 200);
  EXPECT_TRUE(told("grpc-status: 8")) << proxy_.client.headers;
  EXPECT_TRUE(told("retry-after: 1"));
}

TEST_F(LocalRateLimitTest, PassingCostsNoAllocation) {
  if (!test::AllocationCounter::available()) GTEST_SKIP();
  start({limit("user", 1'000'000), limit("all", 1'000'000, all())});
  SilentTerminal terminal;
  proxy_.client.record = false;
  uint64_t allocations = 0;
  for (int i = 0; i < 60; ++i) {
    const test::AllocationCounter counter("");
    proxy_.begin(*worker_, terminal);
    proxy_.info.downstream_remote = &client_;
    proxy_.request_head.method = "GET";
    proxy_.request_head.path = "/";
    proxy_.request_head.headers.add("x-user", "joe");
    proxy_.chain.requestHead(true);
    proxy_.response_head.status = 200;
    proxy_.chain.respondHead(true);
    if (i >= 30) allocations += counter.count();
  }
  EXPECT_EQ(allocations, 0u);
  EXPECT_EQ(count("passed_user"), 60);
}

}  // namespace
}  // namespace weir::extensions::http_filters::local_rate_limit
