#include "gtest/gtest.h"

#include "extensions/http_filters/ip_filter/ip_filter.h"
#include "test/extensions/http_filters/common/access/filter_stage.h"

namespace weir::extensions::http_filters::ip_filter {
namespace {

IpFilterStats countersIn(stats::Store& store) {
  return {.allowed = store.counter("allowed", "A test's."),
          .denied = store.counter("denied", "A test's."),
          .shadow_denied = store.counter("shadow", "A test's.")};
}

TEST(IpFilterChain, AllowsDeniesAndFollowsItsLists) {
  auto rules = std::make_shared<IpRules>();
  const auto prefix = [](const char* text) { return *network::Prefix::parse(text); };
  rules->lists.set(*loadPrefixLists({.prefixes = {prefix("192.0.2.7")}},
                                    {.prefixes = {prefix("192.0.2.0/24")}}));
  rules->body = "no";
  FilterStage stage;
  const IpFilterStats ids = countersIn(stage.stats);
  stage.use(IpFilterFactory(rules, ids, "edge"));
  stage.ask("/", {}, "GET", "192.0.2.1:1");
  EXPECT_FALSE(stage.passed());
  EXPECT_EQ(stage.client.status, 403);
  EXPECT_EQ(stage.client.body, "no");
  EXPECT_EQ(stage.info.detail, "ip_denied");
  EXPECT_TRUE(stage.info.hasFlag(http::ResponseFlag::kUnauthorized));
  stage.ask("/", {}, "GET", "192.0.2.7:1");
  EXPECT_TRUE(stage.passed());
  stage.ask("/", {}, "GET", "unix:/run/x");
  EXPECT_TRUE(stage.passed());
  rules->lists.set(std::make_shared<const network::CidrSet>());
  stage.ask("/", {}, "GET", "192.0.2.1:1");
  EXPECT_TRUE(stage.passed());
  EXPECT_EQ(stage.stats.value(ids.allowed), 3u);
  EXPECT_EQ(stage.stats.value(ids.denied), 1u);
}

TEST(IpFilterChain, AShadowRefusesNothing) {
  auto rules = std::make_shared<IpRules>();
  rules->allow_by_default = false;
  rules->shadow = true;
  FilterStage stage;
  const IpFilterStats ids = countersIn(stage.stats);
  stage.use(IpFilterFactory(rules, ids, "edge"));
  stage.ask("/");
  EXPECT_TRUE(stage.passed());
  EXPECT_EQ(stage.stats.value(ids.shadow_denied), 1u);
}

}  // namespace
}  // namespace weir::extensions::http_filters::ip_filter
