#include "extensions/clusters/aggregate/config.h"

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "extensions/load_balancing/round_robin/config.h"
#include "extensions/transport_sockets/plain/config.h"
#include "source/base/concat.h"
#include "source/config/snapshot.h"

namespace weir::extensions::clusters::aggregate {
namespace {

class AggregateConfigTest : public ::testing::Test {
 protected:
  AggregateConfigTest() {
    EXPECT_TRUE(registry_.add(std::make_unique<AggregateExtension>()).ok());
    EXPECT_TRUE(
        registry_.add(std::make_unique<load_balancing::round_robin::RoundRobinExtension>()).ok());
    EXPECT_TRUE(registry_.add(std::make_unique<transport_sockets::plain::PlainExtension>()).ok());
  }
  // "" when it is fine. Lines count from 1: after the leaf clusters "a" and "b".
  std::string findings(std::string_view clusters) {
    config::Diagnostics diagnostics;
    snapshot_ = loader_.loadText(
        base::concat(clusters,
                     "\nadmin { address: \"127.0.0.1:1\" }\n"
                     "clusters { name: \"a\" endpoints { address: \"10.0.0.1:80\" } }\n"
                     "clusters { name: \"b\" endpoints { address: \"10.0.0.2:80\" } }\n"),
        "w.textproto", 1, diagnostics);
    return diagnostics.toString();
  }
  static std::string aggregate(std::string_view name, const std::vector<std::string>& others) {
    std::string text =
        base::concat("clusters { name: \"", name, "\" discovery { config { [clusters/aggregate] {");
    for (const std::string& other : others) text += base::concat(" clusters: \"", other, "\"");
    return text + " } } } }\n";
  }

  base::Registry registry_;
  stats::Store store_;
  config::Loader loader_{registry_, store_};
  std::shared_ptr<const config::Snapshot> snapshot_;
};

TEST_F(AggregateConfigTest, NamesOthersInOrder) {
  ASSERT_EQ(findings(aggregate("all", {"b", "a"})), "");
  EXPECT_EQ(snapshot_->clusters.at(0)->clusters, (std::vector<std::string>{"b", "a"}));
  EXPECT_TRUE(snapshot_->clusters.at(0)->hosts->hosts.empty());
}

TEST_F(AggregateConfigTest, MayBeNestedFourDeep) {
  std::string text = aggregate("x1", {"a"});
  for (int i = 2; i <= 4; ++i) {
    text += aggregate("x" + std::to_string(i), {"x" + std::to_string(i - 1), "b"});
  }
  EXPECT_EQ(findings(text), "");
  EXPECT_EQ(findings(text + aggregate("x5", {"b", "x4"})),
            "w.textproto:5:91: clusters[4].discovery.config.clusters[1]: aggregates are nested 5 "
            "deep; at most 4 are allowed; name the clusters behind it instead\n");
}

TEST_F(AggregateConfigTest, NeedsClustersThatAreThere) {
  EXPECT_EQ(findings(aggregate("all", {})),
            "w.textproto:1:45: clusters[0].discovery.config.clusters: an aggregate needs a "
            "cluster; add clusters: \"primary\"\n");
  const std::string unknown = findings(aggregate("all", {"a", "bb"}));
  EXPECT_NE(unknown.find("clusters[0].discovery.config.clusters[1]: "), std::string::npos)
      << unknown;
  EXPECT_NE(unknown.find("\"b\""), std::string::npos) << "what was meant: " << unknown;
  const std::string twice = findings(aggregate("all", {"a", "a"}));
  EXPECT_NE(twice.find("clusters[0].discovery.config.clusters[1]: "), std::string::npos) << twice;
  const std::string many = findings(aggregate("all", std::vector<std::string>(17, "a")));
  EXPECT_NE(many.find("there are 17 clusters; at most 16 are allowed"), std::string::npos) << many;
}

TEST_F(AggregateConfigTest, CirclesAreRefused) {
  EXPECT_EQ(findings(aggregate("x", {"a", "x"})),
            "w.textproto:1:90: clusters[0].discovery.config.clusters[1]: the clusters stand for "
            "each other in a circle: \"x\" -> \"x\"; remove one of these references\n");
  const std::string two = findings(aggregate("x", {"y"}) + aggregate("y", {"a", "x"}));
  EXPECT_NE(two.find("clusters[0].discovery.config.clusters[0]: the clusters stand for each other "
                     "in a circle: \"x\" -> \"y\" -> \"x\""),
            std::string::npos)
      << two;
  EXPECT_NE(two.find("clusters[1].discovery.config.clusters[1]: "), std::string::npos) << two;
}

TEST_F(AggregateConfigTest, WhatTheOthersHaveIsNotForIt) {
  const std::string text = findings(
      "clusters { name: \"x\" max_connections: 5 connect_timeout { seconds: 1 }\n"
      "  endpoints { address: \"10.0.0.1:80\" }\n"
      "  load_balancing { config { [load_balancing/round_robin] {} } }\n"
      "  outlier_detection {}\n"
      "  discovery { config { [clusters/aggregate] { clusters: \"a\" } } } }");
  for (const char* line :
       {"w.textproto:1:39: clusters[0].max_connections: the clusters that it stands for have their "
        "own; set max_connections there\n",
        "clusters[0].connect_timeout: the clusters that it stands for have their own",
        "clusters[0].endpoints: discovery finds the endpoints", "clusters[0].load_balancing: ",
        "clusters[0].outlier_detection: this cluster has no endpoints of its own that could be "
        "taken out; put outlier_detection into the clusters that it stands for"}) {
    EXPECT_NE(text.find(line), std::string::npos) << line << "\nin\n" << text;
  }
}

}  // namespace
}  // namespace weir::extensions::clusters::aggregate
