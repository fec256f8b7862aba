#include "extensions/clusters/original_destination/config.h"

#include <gtest/gtest.h>

#include "extensions/load_balancing/round_robin/config.h"
#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::extensions::clusters::original_destination {
namespace {

class OriginalDestinationConfigTest : public testing::Test {
 protected:
  OriginalDestinationConfigTest() {
    EXPECT_TRUE(registry_.add(std::make_unique<OriginalDestinationExtension>()).ok());
    EXPECT_TRUE(
        registry_.add(std::make_unique<load_balancing::round_robin::RoundRobinExtension>()).ok());
    EXPECT_TRUE(registry_.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  }
  // The findings for a cluster with these fields on line 2; empty: none.
  std::string findings(std::string_view cluster) {
    config::Diagnostics diagnostics;
    snapshot_ = loader_.loadText(
        base::concat("admin { address: \"127.0.0.1:1\" }\n", "clusters { ", cluster, " }"),
        "w.textproto", 1, diagnostics);
    return diagnostics.toString();
  }
  std::string discovery(std::string_view fields) {
    return base::concat("name: \"c\" discovery { config { [clusters/original_destination] {\n",
                        fields, " } } }");
  }

  base::Registry registry_;
  stats::Store store_;
  config::Loader loader_{registry_, store_};
  std::shared_ptr<const config::Snapshot> snapshot_;
};

TEST_F(OriginalDestinationConfigTest, MakesASourceOfEndpoints) {
  EXPECT_EQ(findings(discovery("")), "");
  const upstream::ClusterConfig& cluster = *snapshot_->clusters.at(0);
  ASSERT_NE(cluster.endpoint_source, nullptr);
  EXPECT_EQ(cluster.endpoint_source->maxEndpoints(), 1024u);
  EXPECT_TRUE(cluster.hosts->hosts.empty());
  EXPECT_FALSE(cluster.original_source);
  EXPECT_EQ(findings(discovery("max_endpoints: 7 port: 15006 allowed_prefixes: \"10.0.0.0/8\"") +
                     " original_source: true"),
            "");
  EXPECT_EQ(snapshot_->clusters.at(0)->endpoint_source->maxEndpoints(), 7u);
  EXPECT_TRUE(snapshot_->clusters.at(0)->original_source);
  EXPECT_EQ(findings(discovery("use_http_header: true allowed_prefixes: \"::/0\"")), "");
}

TEST_F(OriginalDestinationConfigTest, RefusesWhatIsOutOfRange) {
  EXPECT_EQ(findings(discovery("max_endpoints: 100001")),
            "w.textproto:3:16: clusters[0].discovery.config.max_endpoints: 100001 is out of range; "
            "it must be 1 to 100000\n");
  EXPECT_EQ(findings(discovery("port: 65536")),
            "w.textproto:3:7: clusters[0].discovery.config.port: 65536 is out of range; it must be "
            "0 to 65535\n");
  EXPECT_NE(findings(discovery("allowed_prefixes: \"10.0.0.1/8\"")), "");
}

TEST_F(OriginalDestinationConfigTest, AHeaderNeedsPrefixes) {
  const std::string text = findings(discovery("use_http_header: true"));
  EXPECT_NE(text.find("discovery.config.allowed_prefixes: requests name the address themselves"),
            std::string::npos)
      << text;
}

TEST_F(OriginalDestinationConfigTest, StandsAlone) {
  const std::string listed = findings(discovery("") + "\nendpoints { address: \"10.0.0.1:80\" }");
  EXPECT_EQ(listed,
            "w.textproto:4:1: clusters[0].endpoints: discovery finds the endpoints, so that none "
            "may be listed; remove either endpoints or discovery\n");
  const std::string balanced =
      findings(discovery("") + "\nload_balancing { config { [load_balancing/round_robin] {} } }");
  EXPECT_EQ(balanced,
            "w.textproto:4:1: clusters[0].load_balancing: discovery names the one endpoint that is "
            "meant: there is nothing to choose; remove load_balancing\n");
}

TEST_F(OriginalDestinationConfigTest, OnlyDiscoveryCanStandThere) {
  const std::string text =
      findings("name: \"c\" discovery { config { [load_balancing/round_robin] {} } }");
  EXPECT_NE(text.find("load_balancing/round_robin cannot stand here; this is a place for clusters: "
                      "original_destination"),
            std::string::npos)
      << text;
}

}  // namespace
}  // namespace weir::extensions::clusters::original_destination
