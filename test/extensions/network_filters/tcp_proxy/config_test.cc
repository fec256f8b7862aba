#include "extensions/network_filters/tcp_proxy/config.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "test/extensions/network_filters/common/findings.h"

namespace weir::extensions::network_filters::tcp_proxy {
namespace {

using testing::HasSubstr;

std::string findings(std::string_view fields) {
  return network::test::findings(
      base::concat("filters { config { [network_filters/tcp_proxy] { ", fields, " } } }"),
      "clusters { name: \"web\" endpoints { address: \"10.0.0.1:80\" } }\n"
      "clusters { name: \"mail\" endpoints { address: \"10.0.0.2:25\" } }"
      "clusters { name: \"shop\" endpoints { address: \"10.0.0.3:80\" } stickiness { config {"
      "  [stickiness/header] { request_header: \"x-session\" } } } }"
      "clusters { name: \"games\" endpoints { address: \"10.0.0.4:99\" } stickiness { config {"
      "  [stickiness/source_ip] {} } } }");
}

TEST(TcpProxyConfig, TakesWhatIsRight) {
  EXPECT_EQ(findings(""), "");  // the cluster is for a filter in front to choose
  EXPECT_EQ(findings("cluster: \"web\""), "");
  EXPECT_EQ(findings(R"(weighted_clusters { clusters { cluster: "web" weight: 9 }
                                            clusters { cluster: "mail" } })"),
            "");
  EXPECT_EQ(findings(R"(stat_prefix: "p" cluster: "web" hash_policy: HASH_POLICY_SOURCE_IP
                        max_connect_attempts: 16 idle_timeout { seconds: 0 }
                        max_connection_duration { seconds: 3600 } log_at_connect: true
                        access_logs { config { [access_loggers/stdout] {} } })"),
            "");
}

TEST(TcpProxyConfig, Clusters) {
  EXPECT_THAT(findings("cluster: \"wev\""), HasSubstr("cluster: "));
  EXPECT_THAT(findings("cluster: \"wev\""), HasSubstr("\"web\""));  // did you mean
  EXPECT_NE(findings("cluster: \"\""), "");
  EXPECT_THAT(findings("weighted_clusters {}"),
              HasSubstr("weighted_clusters.clusters: is empty; name at least one"));
  EXPECT_THAT(findings("weighted_clusters { clusters { cluster: \"web\" weight: 0 } }"),
              HasSubstr("no cluster has a weight; give one of them more than 0"));
  EXPECT_THAT(findings("weighted_clusters { clusters { cluster: \"none\" } }"),
              HasSubstr("weighted_clusters.clusters[0].cluster"));
  EXPECT_THAT(findings("weighted_clusters { clusters { cluster: \"web\" weight: 1000001 } }"),
              HasSubstr("1000001 is out of range; it must be 0 to 1000000"));
  EXPECT_THAT(findings("weighted_clusters { clusters { cluster: \"web\" } "
                       "clusters { cluster: \"web\" } }"),
              HasSubstr("weighted_clusters.clusters[1].cluster"));
}

TEST(TcpProxyConfig, ClustersWhoseClientsOnlyHttpKnows) {
  EXPECT_EQ(findings("cluster: \"games\""), "");
  EXPECT_THAT(findings("cluster: \"shop\""),
              HasSubstr("cluster: the clients of \"shop\" are known by stickiness/header, which "
                        "needs HTTP, and here are connections; use stickiness/source_ip"));
  EXPECT_THAT(findings("weighted_clusters { clusters { cluster: \"shop\" } }"),
              HasSubstr("weighted_clusters.clusters[0].cluster: the clients of \"shop\""));
}

TEST(TcpProxyConfig, Ranges) {
  EXPECT_THAT(findings("cluster: \"web\" max_connect_attempts: 17"),
              HasSubstr("max_connect_attempts: 17 is out of range; it must be 1 to 16"));
  EXPECT_THAT(findings("cluster: \"web\" idle_timeout { seconds: 90000 }"),
              HasSubstr("idle_timeout: "));
  EXPECT_THAT(findings("cluster: \"web\" max_connection_duration { seconds: -1 }"),
              HasSubstr("max_connection_duration: a duration cannot be negative"));
  EXPECT_THAT(findings("cluster: \"web\" log_at_connect: true"),
              HasSubstr("log_at_connect: there is nowhere to log; add access_logs, or remove it"));
}

TEST(TcpProxyConfig, StandsLast) {
  EXPECT_NE(network::test::findings("filters { config { [network_filters/tcp_proxy] {} } }"
                                    "filters { config { [network_filters/echo] {} } }"),
            "");
}

}  // namespace
}  // namespace weir::extensions::network_filters::tcp_proxy
