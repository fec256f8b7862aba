#include "extensions/network_filters/sni_cluster/sni_cluster.h"

#include "gtest/gtest.h"

#include "test/extensions/network_filters/common/filter_host.h"
#include "test/upstream/test_cluster.h"

namespace weir::extensions::network_filters::sni_cluster {
namespace {

using network::test::FilterHost;
using network::test::SinkFactory;

TEST(SniClusterName, WithPrefixAndSuffix) {
  SniClusterConfig config;
  std::string room;
  EXPECT_EQ(config.clusterFor("a.example", room), "a.example");
  config.prefix = "to-";
  config.suffix = ":443";
  EXPECT_EQ(config.clusterFor("a.example", room), "to-a.example:443");
}

TEST(SniClusterName, ListedOnesGoFirstTheLongestWildcardBest) {
  SniClusterConfig config;
  config.exact = {{"a.b.example", "exact"}};
  config.suffixes = {{".example", "top"}, {".b.example", "deep"}};
  std::string room;
  EXPECT_EQ(config.clusterFor("a.b.example", room), "exact");
  EXPECT_EQ(config.clusterFor("x.b.example", room), "deep");
  EXPECT_EQ(config.clusterFor("b.example", room), "top");
  EXPECT_EQ(config.clusterFor("example", room), "example");
  EXPECT_EQ(config.clusterFor(".example", room), ".example");
  config.listed_only = true;
  EXPECT_EQ(config.clusterFor("example", room), "");
}

class SniClusterTest : public testing::Test {
 protected:
  SniClusterTest() {
    host_.services.put(clusters_);
    config_->stats.chosen = host_.stats.counter("chosen", "");
    config_->stats.without = host_.stats.counter("without", "");
    host_.use({std::make_shared<SniClusterFactory>(config_), std::make_shared<SinkFactory>(seen_)});
    host_.act([this] { clusters_.apply({process_.config({})}); });
  }
  ~SniClusterTest() override {
    host_.closeAll();
    host_.act([this] { clusters_.apply({}); });
  }
  FilterHost::Client& connect(std::string name) {
    auto info = std::make_unique<network::ConnectionInfo>();
    info->server_name = std::move(name);
    return host_.connect(std::move(info));
  }

  FilterHost host_;
  upstream::TestProcess process_;  // has cluster "c"
  upstream::ClusterSet clusters_{host_.services};
  std::shared_ptr<SniClusterConfig> config_ = std::make_shared<SniClusterConfig>();
  SinkFactory::Seen seen_;
};

TEST_F(SniClusterTest, TheNameIsTheCluster) {
  connect("c").send("hello");
  EXPECT_EQ(seen_.connected, 1);
  EXPECT_EQ(seen_.cluster, "c");
  EXPECT_EQ(seen_.data, "hello");
  EXPECT_EQ(host_.stats.valueOf("chosen"), 1);
}

TEST_F(SniClusterTest, OnlyClustersThatAreThere) {
  EXPECT_FALSE(connect("d").closed());
  EXPECT_FALSE(connect("").closed());
  EXPECT_FALSE(host_.connect().closed());
  EXPECT_EQ(seen_.cluster, "");
  EXPECT_EQ(seen_.connected, 3);
  EXPECT_EQ(host_.stats.valueOf("without"), 3);
}

TEST_F(SniClusterTest, OrTheConnectionCloses) {
  config_->close_without = true;
  EXPECT_TRUE(connect("d").closed());
  EXPECT_TRUE(host_.connect().closed());
  EXPECT_EQ(seen_.connected, 0);
  EXPECT_FALSE(connect("c").closed());
}

}  // namespace
}  // namespace weir::extensions::network_filters::sni_cluster
