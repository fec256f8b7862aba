// What a cluster says about outlier detection: taken over, or refused with the place.

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "source/config/health_options.h"
#include "source/config/snapshot.h"
#include "test/config/fake_extensions.h"

namespace weir::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

class OutlierOptionsTest : public testing::Test {
 protected:
  // The policy; empty when there is none, or findings_ say why the configuration is refused.
  std::optional<upstream::OutlierPolicy> loadCluster(std::string_view fields) {
    const auto registry = fakeRegistry();
    stats::Store store;
    Loader loader(*registry, store);
    Diagnostics diagnostics;
    const std::string text = base::concat(
        "admin { address: \"127.0.0.1:1\" }\nclusters { name: \"c\"\n", fields, "\n}\n");
    const auto snapshot = loader.loadText(text, "w", 1, diagnostics);
    findings_ = diagnostics.toString();
    if (snapshot == nullptr) return std::nullopt;
    return snapshot->clusters.front()->outliers;
  }
  std::optional<upstream::OutlierPolicy> load(std::string_view fields) {
    return loadCluster(
        base::concat("endpoints { address: \"10.0.0.1:80\" }\noutlier_detection { ", fields, " }"));
  }
  std::string findings(std::string_view fields) {
    EXPECT_EQ(load(fields), std::nullopt);
    return findings_;
  }
  std::string findings_;
};

TEST_F(OutlierOptionsTest, ThereIsNoneUnlessItIsWanted) {
  EXPECT_EQ(loadCluster("endpoints { address: \"10.0.0.1:80\" }"), std::nullopt);
  EXPECT_EQ(findings_, "");
}

TEST_F(OutlierOptionsTest, HasDefaults) {
  const auto policy = load("");
  ASSERT_TRUE(policy) << findings_;
  EXPECT_EQ(*policy, upstream::OutlierPolicy());
  EXPECT_EQ(policy->consecutive_5xx, 5u);
  EXPECT_EQ(policy->consecutive_gateway_errors, 5u);
  EXPECT_EQ(policy->consecutive_connect_failures, 5u);
  EXPECT_EQ(policy->interval, seconds(10));
  EXPECT_EQ(policy->base_ejection_time, seconds(30));
  EXPECT_EQ(policy->max_ejection_time, seconds(300));
  EXPECT_EQ(policy->max_ejection_percent, 10u);
  EXPECT_DOUBLE_EQ(policy->success_rate_stdev_factor, 1.9);
  EXPECT_EQ(policy->success_rate_min_endpoints, 5u);
  EXPECT_EQ(policy->min_requests, 100u);
  EXPECT_EQ(policy->failure_percentage, 0u);
  EXPECT_EQ(policy->latency_percent_of_median, 0u);
}

TEST_F(OutlierOptionsTest, TakesEachOver) {
  const auto policy = load(
      "consecutive_5xx: 0 consecutive_gateway_errors: 10000 consecutive_connect_failures: 1 "
      "interval { nanos: 100000000 } base_ejection_time { seconds: 1 } "
      "max_ejection_time { seconds: 604800 } max_ejection_percent: 0 "
      "success_rate_stdev_factor: 0 success_rate_min_endpoints: 3 min_requests: 1 "
      "failure_percentage: 85 latency_percent_of_median: 110");
  ASSERT_TRUE(policy) << findings_;
  EXPECT_EQ(policy->consecutive_5xx, 0u);
  EXPECT_EQ(policy->consecutive_gateway_errors, 10'000u);
  EXPECT_EQ(policy->consecutive_connect_failures, 1u);
  EXPECT_EQ(policy->interval, milliseconds(100));
  EXPECT_EQ(policy->base_ejection_time, seconds(1));
  EXPECT_EQ(policy->max_ejection_time, hours(7 * 24));
  EXPECT_EQ(policy->max_ejection_percent, 0u);
  EXPECT_EQ(policy->success_rate_stdev_factor, 0);
  EXPECT_EQ(policy->success_rate_min_endpoints, 3u);
  EXPECT_EQ(policy->min_requests, 1u);
  EXPECT_EQ(policy->failure_percentage, 85u);
  EXPECT_EQ(policy->latency_percent_of_median, 110u);
}

TEST_F(OutlierOptionsTest, ALongBaseTimeIsTheLongestToo) {
  const auto policy = load("base_ejection_time { seconds: 1000 }");
  ASSERT_TRUE(policy) << findings_;
  EXPECT_EQ(policy->max_ejection_time, seconds(1000));
}

TEST_F(OutlierOptionsTest, NumbersOutOfRangeAreRefusedWithTheirPlace) {
  struct {
    std::string_view fields, field, range;
  } const cases[] = {
      {"consecutive_5xx: 10001", "consecutive_5xx", "10000"},
      {"consecutive_gateway_errors: 4000000000", "consecutive_gateway_errors", "10000"},
      {"consecutive_connect_failures: 10001", "consecutive_connect_failures", "10000"},
      {"max_ejection_percent: 101", "max_ejection_percent", "100"},
      {"success_rate_stdev_factor: 10001", "success_rate_stdev_factor", "10000"},
      {"success_rate_min_endpoints: 2", "success_rate_min_endpoints", "3"},
      {"min_requests: 1000001", "min_requests", "1000000"},
      {"failure_percentage: 101", "failure_percentage", "100"},
      {"latency_percent_of_median: 109", "latency_percent_of_median", "110"},
      {"interval { nanos: 99000000 }", "interval", "100 ms"},
      {"interval { seconds: 3601 }", "interval", "1 h"},
      {"base_ejection_time { nanos: 1000000 }", "base_ejection_time", "100 ms"},
      {"base_ejection_time { seconds: 86401 }", "base_ejection_time", "24 h"},
      {"max_ejection_time { seconds: 604801 }", "max_ejection_time", "168 h"},
  };
  for (const auto& each : cases) {
    const std::string found = findings(each.fields);
    EXPECT_THAT(found, testing::StartsWith("w:4:")) << each.fields;
    EXPECT_THAT(found, HasSubstr(base::concat("clusters[0].outlier_detection.", each.field)));
    EXPECT_THAT(found, HasSubstr(std::string(each.range))) << each.fields;
  }
}

TEST_F(OutlierOptionsTest, ALongestTimeBelowTheBaseIsRefused) {
  const std::string found =
      findings("base_ejection_time { seconds: 10 } max_ejection_time { seconds: 9 }");
  EXPECT_THAT(found, HasSubstr("w:4:56"));
  EXPECT_THAT(found, HasSubstr("is shorter than base_ejection_time, 10 s"));
}

TEST_F(OutlierOptionsTest, WithoutAnyReasonItIsRefused) {
  const std::string found = findings(
      "consecutive_5xx: 0 consecutive_gateway_errors: 0 consecutive_connect_failures: 0 "
      "success_rate_stdev_factor: 0");
  EXPECT_THAT(found, HasSubstr("no endpoint can be ejected: every reason is 0"));
  EXPECT_THAT(found, HasSubstr("clusters[0].outlier_detection"));
  EXPECT_TRUE(
      load("consecutive_5xx: 0 consecutive_gateway_errors: 0 "
           "consecutive_connect_failures: 0 success_rate_stdev_factor: 0 "
           "latency_percent_of_median: 300"))
      << findings_;
}

}  // namespace
}  // namespace weir::config
