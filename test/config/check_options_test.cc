// What a cluster says about its health checks: taken over, or refused with the place.

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "extensions/health_checkers/tcp/config.h"
#include "source/base/concat.h"
#include "source/config/health_options.h"
#include "source/config/snapshot.h"
#include "test/config/fake_extensions.h"

namespace weir::config {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::AllOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::string_view kEndpoint = "endpoints { address: \"10.0.0.1:80\" }\n";
constexpr std::string_view kTcp = "config { [health_checkers/tcp] {} }";

class CheckOptionsTest : public testing::Test {
 protected:
  using Checks = std::vector<std::shared_ptr<const upstream::HealthCheckConfig>>;

  std::shared_ptr<const upstream::ClusterConfig> loadCluster(std::string_view fields) {
    const auto registry = fakeRegistry();
    EXPECT_TRUE(
        registry->add(std::make_unique<extensions::health_checkers::tcp::TcpCheckExtension>())
            .ok());
    stats::Store store;
    Loader loader(*registry, store);
    Diagnostics diagnostics;
    const std::string text = base::concat(
        "admin { address: \"127.0.0.1:1\" }\nclusters { name: \"c\"\n", fields, "\n}\n");
    const auto snapshot = loader.loadText(text, "w", 1, diagnostics);
    findings_ = diagnostics.toString();
    return snapshot == nullptr ? nullptr : snapshot->clusters.front();
  }
  // Of one tcp check with these fields; null: refused, for findings_.
  std::shared_ptr<const upstream::HealthCheckConfig> load(std::string_view fields) {
    const auto cluster =
        loadCluster(base::concat(kEndpoint, "health_checks { ", kTcp, " ", fields, " }"));
    if (cluster == nullptr) return nullptr;
    EXPECT_THAT(cluster->health_checks, SizeIs(1));
    return cluster->health_checks.front();
  }
  std::string findings(std::string_view fields) {
    EXPECT_EQ(load(fields), nullptr) << fields;
    return findings_;
  }
  std::string clusterFindings(std::string_view fields) {
    EXPECT_EQ(loadCluster(fields), nullptr) << fields;
    return findings_;
  }
  std::string findings_;
};

TEST_F(CheckOptionsTest, ThereAreNoneUnlessWanted) {
  const auto cluster = loadCluster(kEndpoint);
  ASSERT_NE(cluster, nullptr) << findings_;
  EXPECT_THAT(cluster->health_checks, IsEmpty());
  EXPECT_FALSE(cluster->policy.unknown_waits);
}

TEST_F(CheckOptionsTest, HasDefaults) {
  const auto check = load("");
  ASSERT_NE(check, nullptr) << findings_;
  EXPECT_EQ(check->name, "tcp");
  EXPECT_EQ(check->times, upstream::CheckTimes());
  EXPECT_EQ(check->times.interval, seconds(5));
  EXPECT_EQ(check->times.timeout, seconds(3));
  EXPECT_EQ(check->times.confirm_interval, seconds(1));
  EXPECT_EQ(check->times.no_traffic_interval, seconds(5));
  EXPECT_EQ(check->times.unhealthy_threshold, 3u);
  EXPECT_EQ(check->times.healthy_threshold, 2u);
  EXPECT_EQ(check->times.jitter_percent, 10u);
  EXPECT_FALSE(check->times.first_check_waits);
  EXPECT_EQ(check->port, 0);
  EXPECT_TRUE(check->settings.reuse_connection);
}

TEST_F(CheckOptionsTest, TakesEachOver) {
  const auto cluster = loadCluster(base::concat(
      kEndpoint, "health_checks { ", kTcp,
      " name: \"up\" interval { seconds: 60 } timeout { seconds: 60 } unhealthy_threshold: 1 "
      "healthy_threshold: 100 jitter_percent: 0 confirm_interval { nanos: 10000000 } "
      "no_traffic_interval { seconds: 86400 } port: 65535 new_connections: true "
      "first_check: FIRST_CHECK_WAITS plain: true }"));
  ASSERT_NE(cluster, nullptr) << findings_;
  const upstream::HealthCheckConfig& check = *cluster->health_checks.at(0);
  EXPECT_EQ(check.name, "up");
  EXPECT_EQ(check.times.interval, seconds(60));
  EXPECT_EQ(check.times.timeout, seconds(60));
  EXPECT_EQ(check.times.confirm_interval, milliseconds(10));
  EXPECT_EQ(check.times.no_traffic_interval, hours(24));
  EXPECT_EQ(check.times.unhealthy_threshold, 1u);
  EXPECT_EQ(check.times.healthy_threshold, 100u);
  EXPECT_EQ(check.times.jitter_percent, 0u);
  EXPECT_TRUE(check.times.first_check_waits);
  EXPECT_EQ(check.port, 65535);
  EXPECT_FALSE(check.settings.reuse_connection);
  EXPECT_TRUE(cluster->policy.unknown_waits);
}

TEST_F(CheckOptionsTest, DefaultsFollowAShortInterval) {
  const auto check = load("interval { nanos: 500000000 }");
  ASSERT_NE(check, nullptr) << findings_;
  EXPECT_EQ(check->times.timeout, milliseconds(500));
  EXPECT_EQ(check->times.confirm_interval, milliseconds(500));
  EXPECT_EQ(check->times.no_traffic_interval, milliseconds(500));
}

TEST_F(CheckOptionsTest, RefusesImpossibleThresholds) {
  for (const std::string field : {"unhealthy_threshold", "healthy_threshold"}) {
    for (const std::string value : {"0", "101", "4294967295"}) {
      EXPECT_THAT(findings(field + ": " + value),
                  AllOf(HasSubstr("w:4:"), HasSubstr("clusters[0].health_checks[0]." + field),
                        HasSubstr(value), HasSubstr("it must be 1 to 100")));
    }
  }
}

TEST_F(CheckOptionsTest, RefusesTimesThatDoNotFitTogether) {
  EXPECT_THAT(findings("timeout { seconds: 6 }"),
              AllOf(HasSubstr("w:4:"),
                    HasSubstr("clusters[0].health_checks[0].timeout: is longer than the interval "
                              "of 5 s, at the end of which the next probe begins; use at most 5 s, "
                              "or a longer interval")));
  EXPECT_THAT(findings("interval { seconds: 1 } timeout { seconds: 2 }"),
              HasSubstr("interval of 1 s"));
  EXPECT_THAT(findings("confirm_interval { seconds: 6 }"),
              HasSubstr("confirm_interval: is longer than the interval of 5 s; it is there to be "
                        "shorter: use less, or leave it out"));
  EXPECT_THAT(findings("no_traffic_interval { seconds: 4 }"),
              HasSubstr("no_traffic_interval: is shorter than the interval of 5 s; it is there to "
                        "be longer: use more, or leave it out"));
}

TEST_F(CheckOptionsTest, RefusesTimesOutOfRange) {
  EXPECT_THAT(findings("interval { nanos: 9000000 }"), HasSubstr("health_checks[0].interval: "));
  EXPECT_THAT(findings("interval {}"), HasSubstr("health_checks[0].interval: "));
  EXPECT_THAT(findings("interval { seconds: 86401 }"), HasSubstr("health_checks[0].interval: "));
  EXPECT_THAT(findings("interval { seconds: -5 }"), HasSubstr("health_checks[0].interval: "));
  EXPECT_THAT(findings("timeout {}"), HasSubstr("health_checks[0].timeout: "));
  EXPECT_THAT(findings("timeout { nanos: 1 }"), HasSubstr("health_checks[0].timeout: "));
  EXPECT_THAT(findings("confirm_interval {}"), HasSubstr("health_checks[0].confirm_interval: "));
  EXPECT_THAT(findings("no_traffic_interval { seconds: 86401 }"),
              HasSubstr("health_checks[0].no_traffic_interval: "));
  EXPECT_THAT(findings("jitter_percent: 51"), HasSubstr("health_checks[0].jitter_percent: "));
}

TEST_F(CheckOptionsTest, RefusesPortsThatThereAreNot) {
  EXPECT_THAT(findings("port: 65536"), HasSubstr("health_checks[0].port: "));
  EXPECT_THAT(clusterFindings(base::concat(kEndpoint,
                                           "endpoints { address: \"unix:/run/a.sock\" }\n"
                                           "health_checks { ",
                                           kTcp, " port: 9000 }")),
              AllOf(HasSubstr("w:5:"),
                    HasSubstr("health_checks[0].port: the endpoint \"unix:/run/a.sock\" is a unix "
                              "socket and has no port; leave it out")));
}

TEST_F(CheckOptionsTest, RefusesChecksThatCannotBeToldApart) {
  const std::string check = base::concat("health_checks { ", kTcp, " }\n");
  EXPECT_THAT(clusterFindings(base::concat(kEndpoint, check, check)),
              AllOf(HasSubstr("w:5:"), HasSubstr("there is another check \"tcp\"")));
  const auto named =
      loadCluster(base::concat(kEndpoint, check, "health_checks { name: \"b\" ", kTcp, " }"));
  ASSERT_NE(named, nullptr) << findings_;
  EXPECT_THAT(named->health_checks, SizeIs(2));
}

TEST_F(CheckOptionsTest, RefusesTooMany) {
  std::string checks;
  for (int i = 0; i < 9; ++i) {
    checks += base::concat("health_checks { name: \"", i, "\" ", kTcp, " }\n");
  }
  EXPECT_THAT(clusterFindings(base::concat(kEndpoint, checks)),
              HasSubstr("health_checks[8]: a cluster has at most 8 checks"));
}

TEST_F(CheckOptionsTest, RefusesACheckOfNothing) {
  EXPECT_THAT(clusterFindings(base::concat(kEndpoint, "health_checks {}")),
              HasSubstr("clusters[0].health_checks[0]"));
}

TEST_F(CheckOptionsTest, TheIdentityIsAllButTimesAndName) {
  const auto identity = [&](std::string_view fields) { return load(fields)->identity; };
  const std::string usual = identity("");
  EXPECT_EQ(identity("interval { seconds: 60 } unhealthy_threshold: 1 jitter_percent: 0 "
                     "first_check: FIRST_CHECK_WAITS name: \"x\""),
            usual);
  EXPECT_NE(identity("port: 1"), usual);
  EXPECT_NE(identity("new_connections: true"), usual);
}

}  // namespace
}  // namespace weir::config
