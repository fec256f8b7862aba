#include "extensions/http_filters/rate_limit/rate_limit.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/http/dynamic_metadata.h"
#include "source/network/io_context.h"
#include "test/extensions/http_filters/common/lone_filter.h"
#include "test/redis/fake_redis.h"

namespace weir::extensions::http_filters::rate_limit {
namespace {

using redis::test::FakeRedis;
using redis::test::RedisCommand;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

class RateLimitTest : public ::testing::Test {
 protected:
  RateLimitTest() : io_(proxy_.dispatcher, 0) {
    services_.put<event::Dispatcher>(proxy_.dispatcher);
    services_.put(io_);
    services_.put(stats_.block(1));
    redis_.script = [this](const RedisCommand& command) -> std::string {
      if (command[0] == "SCRIPT") return FakeRedis::text("digest");
      if (!command[0].starts_with("EVAL")) return redis_.answer(command);
      asked_ = command[3];
      return FakeRedis::text(says_);
    };
  }
  ~RateLimitTest() override {
    proxy_.clear();
    worker_.reset();
    proxy_.dispatcher.runUntilIdle();
  }

  Limit limit(const std::string& name, uint64_t requests = 10) {
    Limit to{.name = name,
             .key = RequestKey({{.kind = RequestKeyPart::Kind::kHeader, .name = "x-user"}})};
    to.requests = requests;
    to.key_prefix = name + ":w1000:";
    to.counted = CountedLimit(CountedLimit::Kind::kWindow, requests, milliseconds(1000), requests);
    to.local_rate = {1'000'000'000 / static_cast<Nanoseconds>(requests),
                     static_cast<uint32_t>(requests)};
    to.local = std::make_shared<LocalBuckets>(base::HashKey{1, 2});
    const auto counter = [&](const char* what) { return stats_.counter(what + name, "A test's."); };
    to.stats = {counter("passed_"), counter("refused_"), counter("shadowed_")};
    return to;
  }
  void start(std::vector<Limit> limits, OnFailure on_failure = OnFailure::kPass) {
    RateLimitConfig config;
    config.name = "test";
    config.counters.server.address = redis_.address();
    config.counters.key_prefix = "{t}:";
    config.settings.limits = std::move(limits);
    config.settings.on_failure = on_failure;
    const auto counter = [&](const char* name) { return stats_.counter(name, "A test's."); };
    config.stats = {counter("exempt"),        counter("limited"),        counter("unlimited"),
                    counter("failed_passed"), counter("failed_refused"), counter("failed_local")};
    config.counter_stats = CounterStats::create(stats_, "test");
    factory_ = std::make_unique<RateLimitFactory>(std::move(config));
    worker_ = factory_->bind(services_);
    ASSERT_TRUE(until([this] { return redis_.count("SCRIPT") == 1; }));
    proxy_.dispatcher.runUntilIdle();
  }
  bool until(const std::function<bool()>& done) {
    proxy_.dispatcher.post([] {});
    return proxy_.dispatcher.runUntil(done);
  }
  void begin(LoneFilter::Fields fields = {{"x-user", "joe"}}, const http::Route* route = nullptr) {
    proxy_.begin(*worker_, route);
    proxy_.request_head.method = "GET";
    for (const auto& [name, value] : fields) proxy_.request_head.headers.add(name, value);
    proxy_.chain.requestHead(true);
  }
  bool passed() const { return !proxy_.seen().line.empty(); }
  bool decided() const { return passed() || proxy_.client.status != 0; }
  // The status that the client gets.
  int ask(LoneFilter::Fields fields = {{"x-user", "joe"}}, const http::Route* route = nullptr) {
    begin(fields, route);
    EXPECT_TRUE(until([this] { return decided(); }));
    if (proxy_.client.status == 0) proxy_.terminal->respond(200, "");
    return proxy_.client.status;
  }
  int64_t count(const std::string& name) { return stats_.valueOf(name); }

  stats::Store stats_;
  LoneFilter proxy_;
  network::IoContext io_;
  base::ServiceMap services_;
  FakeRedis redis_{proxy_.dispatcher};
  std::string says_ = "1 9 0 1000;";
  std::string asked_;
  std::unique_ptr<RateLimitFactory> factory_;
  std::unique_ptr<http::WorkerHttpFilterFactory> worker_;
};

TEST_F(RateLimitTest, WaitsForTheAnswer) {
  start({limit("user")});
  begin();
  EXPECT_FALSE(decided());
  ASSERT_TRUE(until([this] { return decided(); }));
  EXPECT_TRUE(passed());
  EXPECT_EQ(asked_, "{t}:user:w1000:joe");
  EXPECT_EQ(count("passed_user"), 1);
}

TEST_F(RateLimitTest, RefusesWithWhatTheClientShouldKnow) {
  start({limit("user")});
  says_ = "0 0 1500 2500;";
  EXPECT_EQ(ask(), 429);
  EXPECT_THAT(proxy_.client.headers, HasSubstr("ratelimit-policy: \"user\";q=10;w=1\n"));
  EXPECT_THAT(proxy_.client.headers, HasSubstr("ratelimit: \"user\";r=0;t=2\n"));
  EXPECT_THAT(proxy_.client.headers, HasSubstr("retry-after: 2\n"));
  EXPECT_EQ(proxy_.info.detail, "rate_limited");
  EXPECT_TRUE(proxy_.info.hasFlag(http::ResponseFlag::kRateLimited));
  const auto* name = proxy_.info.dynamic_metadata->find("rate_limit", "limit");
  ASSERT_NE(name, nullptr);
  EXPECT_EQ(std::get<std::string_view>(*name), "user");
  EXPECT_EQ(count("refused_user"), 1);
  EXPECT_EQ(count("limited"), 1);
}

TEST_F(RateLimitTest, CallsOfGrpcGetAStatus) {
  start({limit("user")});
  says_ = "0 0 1500 2500;";
  EXPECT_EQ(ask({{"content-type", "application/grpc"}}), 200);
  EXPECT_THAT(proxy_.client.headers, HasSubstr("grpc-status: 8\n"));
}

TEST_F(RateLimitTest, ClientsMayLeaveWhileItWaits) {
  start({limit("user")});
  redis_.holds = true;
  begin();
  proxy_.clear();
  redis_.release();
  proxy_.dispatcher.advance(milliseconds(100));
  EXPECT_EQ(ask(), 200);
}

TEST_F(RateLimitTest, OfSeveralTheOneThatRefusesIsTold) {
  Limit shadow = limit("shadow");
  shadow.shadow = true;
  start({limit("a"), limit("b"), std::move(shadow)});
  says_ = "1 1 0 900;0 0 250 500;0 0 5000 9000;";
  EXPECT_EQ(ask(), 429);
  EXPECT_THAT(proxy_.client.headers, HasSubstr("ratelimit: \"b\";r=0;t=1\n"));
  EXPECT_EQ(count("passed_a"), 0);
  EXPECT_EQ(count("refused_b"), 1);
  EXPECT_EQ(count("shadowed_shadow"), 1);
  says_ = "1 1 0 900;1 1 0 500;0 0 5000 9000;";
  EXPECT_EQ(ask(), 200);
  EXPECT_EQ(count("passed_a"), 1);
  EXPECT_EQ(count("shadowed_shadow"), 2);
}

TEST_F(RateLimitTest, PassesWhenNobodyCanSay) {
  start({limit("user")});
  redis_.holds = true;
  begin();
  proxy_.dispatcher.advance(milliseconds(25));
  EXPECT_TRUE(passed());
  EXPECT_EQ(count("failed_passed"), 1);
}

TEST_F(RateLimitTest, RefusesWhenNobodyCanSay) {
  start({limit("user")}, OnFailure::kRefuse);
  redis_.holds = true;
  begin();
  proxy_.dispatcher.advance(milliseconds(25));
  EXPECT_EQ(proxy_.client.status, 503);
  EXPECT_EQ(proxy_.info.detail, "rate_limit_unavailable");
  EXPECT_TRUE(proxy_.info.hasFlag(http::ResponseFlag::kRateLimitServiceError));
  // And at once, when there is no connection.
  redis_.dropClients();
  redis_.stopListening();
  proxy_.dispatcher.advance(milliseconds(100));
  begin();
  EXPECT_EQ(proxy_.client.status, 503);
}

TEST_F(RateLimitTest, CountsByItselfWhenNobodyCanSay) {
  start({limit("user", 2), limit("other", 3)}, OnFailure::kLocal);
  redis_.dropClients();
  redis_.stopListening();
  proxy_.dispatcher.advance(milliseconds(100));
  EXPECT_EQ(ask(), 200);
  EXPECT_EQ(ask(), 200);
  EXPECT_EQ(ask(), 429);
  EXPECT_THAT(proxy_.client.headers, HasSubstr("ratelimit: \"user\";r=0;t=1\n"));
  EXPECT_EQ(ask({{"x-user", "ann"}}), 200);
  EXPECT_EQ(count("failed_local"), 4);
  EXPECT_EQ(count("passed_other"), 3);
}

TEST_F(RateLimitTest, RoutesReplaceAndAdd) {
  start({limit("filter")}, OnFailure::kPass);
  RateLimitSettings more;
  more.limits.push_back(limit("route"));
  const SettingRoute replaces(std::make_shared<RateLimitRoute>(more));
  EXPECT_EQ(ask({{"x-user", "joe"}}, &replaces), 200);
  EXPECT_EQ(asked_, "{t}:route:w1000:joe");
  more.add_limits = true;
  const SettingRoute adds(std::make_shared<RateLimitRoute>(more));
  says_ = "1 9 0 1000;0 0 100 1000;";
  EXPECT_EQ(ask({{"x-user", "joe"}}, &adds), 429);
  EXPECT_EQ(redis_.commands.back()[2], "2");
  RateLimitSettings shadow;
  shadow.scope.shadow = true;
  const SettingRoute shadows(std::make_shared<RateLimitRoute>(shadow));
  says_ = "0 0 100 1000;";
  EXPECT_EQ(ask({{"x-user", "joe"}}, &shadows), 200);
  EXPECT_EQ(redis_.commands.back().back(), "1") << "Redis counts it by itself";
}

TEST_F(RateLimitTest, NothingIsAskedForWhatHasNoLimit) {
  Limit posts = limit("posts");
  posts.headers.emplace_back(":method", http::TextMatcher::exact("POST"));
  start({std::move(posts)});
  begin();
  EXPECT_TRUE(passed());
  EXPECT_EQ(count("unlimited"), 1);
}

}  // namespace
}  // namespace weir::extensions::http_filters::rate_limit
