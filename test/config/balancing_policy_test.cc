// What a cluster says about which of its endpoints are picked: taken over, or refused with the
// place.

#include "source/config/balancing_policy.h"

#include <chrono>
#include <memory>
#include <string>
#include <string_view>

#include "gtest/gtest.h"

#include "source/base/concat.h"
#include "source/config/snapshot.h"
#include "test/config/fake_extensions.h"

namespace weir::config {
namespace {

using std::chrono::milliseconds;
using upstream::LocalityMode;

class BalancingPolicyTest : public testing::Test {
 protected:
  // The first cluster; null: see findings_.
  std::shared_ptr<const upstream::ClusterConfig> load(std::string_view cluster,
                                                      std::string_view rest = {}) {
    const auto registry = fakeRegistry();
    stats::Store store;
    Loader loader(*registry, store);
    Diagnostics diagnostics;
    const std::string text = base::concat(
        "admin { address: \"127.0.0.1:1\" }\nclusters { name: \"c\"\n", cluster, "\n}\n", rest);
    const auto snapshot = loader.loadText(text, "w", 1, diagnostics);
    findings_ = diagnostics.toString();
    return snapshot == nullptr ? nullptr : snapshot->clusters.front();
  }
  std::string findings(std::string_view cluster, std::string_view rest = {}) {
    EXPECT_EQ(load(cluster, rest), nullptr);
    return findings_;
  }
  std::string findings_;
};

TEST_F(BalancingPolicyTest, HasDefaults) {
  const auto cluster = load("endpoints { address: \"10.0.0.1:80\" }");
  ASSERT_NE(cluster, nullptr) << findings_;
  EXPECT_EQ(cluster->policy, upstream::EligibilityPolicy());
  EXPECT_EQ(cluster->policy.overprovisioning_percent, 140u);
  EXPECT_EQ(cluster->policy.panic_percent, 50u);
  EXPECT_EQ(cluster->policy.locality_mode, LocalityMode::kNone);
  EXPECT_EQ(cluster->slow_start.window, milliseconds(0));
  const upstream::Endpoint& endpoint = *cluster->hosts->hosts[0].endpoint;
  EXPECT_EQ(endpoint.priority, 0u);
  EXPECT_EQ(endpoint.locality, "");
  EXPECT_TRUE(endpoint.metadata.empty());
}

TEST_F(BalancingPolicyTest, TakesWhatIsGiven) {
  const auto cluster = load(R"(
    endpoints { address: "10.0.0.1:80" priority: 127 locality: "eu/a"
                metadata { key: "version" value: "2" } metadata { key: "stage" value: "" } }
    endpoints { address: "10.0.0.2:80" priority: 3 locality: "eu/b" }
    endpoints { address: "10.0.0.3:80" }
    overprovisioning_percent: 200 panic_percent: 0
    locality { mode: MODE_WEIGHTED weights { locality: "eu/a" weight: 3 }
               weights { weight: 0 } }
    slow_start { window { seconds: 30 } aggression_percent: 250 min_share_percent: 5 })");
  ASSERT_NE(cluster, nullptr) << findings_;
  EXPECT_EQ(cluster->policy.overprovisioning_percent, 200u);
  EXPECT_EQ(cluster->policy.panic_percent, 0u);
  EXPECT_EQ(cluster->policy.locality_mode, LocalityMode::kWeighted);
  EXPECT_EQ(cluster->policy.locality_weights.at("eu/a"), 3u);
  EXPECT_EQ(cluster->policy.locality_weights.at(""), 0u);
  EXPECT_EQ(cluster->slow_start.window, milliseconds(30'000));
  EXPECT_EQ(cluster->slow_start.aggression, 2.5);
  EXPECT_EQ(cluster->slow_start.min_share, 0.05);
  const upstream::Endpoint& endpoint = *cluster->hosts->hosts[0].endpoint;
  EXPECT_EQ(endpoint.priority, 127u);
  EXPECT_EQ(endpoint.locality, "eu/a");
  EXPECT_EQ(endpoint.metadata.at("version"), "2");
  EXPECT_EQ(endpoint.metadata.at("stage"), "");
  // The host set follows the policy from the start.
  ASSERT_EQ(cluster->hosts->groups.size(), 1u);
  EXPECT_EQ(cluster->hosts->hosts[cluster->hosts->eligible[0]].endpoint->id, "10.0.0.2:80");
}

TEST_F(BalancingPolicyTest, KnowsWhereTheNodeIs) {
  const auto cluster = load(R"(endpoints { address: "10.0.0.1:80" locality: "eu/a" }
    locality { mode: MODE_PREFER_OWN least_endpoints: 1 })",
                            "node { locality: \"eu/a\" }");
  ASSERT_NE(cluster, nullptr) << findings_;
  EXPECT_EQ(cluster->policy.locality_mode, LocalityMode::kPreferOwn);
  EXPECT_EQ(cluster->policy.own_locality, "eu/a");
  EXPECT_EQ(cluster->policy.prefer_own_from, 1u);
}

TEST_F(BalancingPolicyTest, NumbersOutOfRange) {
  EXPECT_EQ(findings("endpoints { address: \"10.0.0.1:80\" priority: 128 }\n"
                     "overprovisioning_percent: 99\n"
                     "panic_percent: 101\n"
                     "slow_start { window { } aggression_percent: 9 min_share_percent: 0 }"),
            "w:3:46: clusters[0].endpoints[0].priority: 128 is out of range; it must be 0 to 127\n"
            "w:4:27: clusters[0].overprovisioning_percent: 99 is out of range; it must be 100 to "
            "1000\n"
            "w:5:16: clusters[0].panic_percent: 101 is out of range; it must be 0 to 100\n"
            "w:6:14: clusters[0].slow_start.window: 0 s is out of range; it must be 1 ms to 1 h\n"
            "w:6:45: clusters[0].slow_start.aggression_percent: 9 is out of range; it must be 10 "
            "to 1000\n"
            "w:6:66: clusters[0].slow_start.min_share_percent: 0 is out of range; it must be 1 to "
            "100\n");
  EXPECT_EQ(findings("endpoints { address: \"10.0.0.1:80\" }\nslow_start { }"),
            "w:4:1: clusters[0].slow_start.window: is required; write window { seconds: 30 }\n");
}

TEST_F(BalancingPolicyTest, LocalitiesThatCannotBe) {
  constexpr std::string_view kEndpoints =
      "endpoints { address: \"10.0.0.1:80\" locality: \"east\" }\n";
  EXPECT_EQ(findings(base::concat(kEndpoints, "locality { }")),
            "w:4:1: clusters[0].locality.mode: is required; write mode: MODE_WEIGHTED or "
            "MODE_PREFER_OWN\n");
  EXPECT_EQ(findings(base::concat(kEndpoints, "locality { mode: MODE_PREFER_OWN }")),
            "w:4:18: clusters[0].locality.mode: nobody knows where this node is; add node { "
            "locality: \"...\" } to the file\n");
  EXPECT_EQ(findings(base::concat(kEndpoints,
                                  "locality { mode: MODE_PREFER_OWN\n"
                                  "weights { locality: \"east\" weight: 2 } }"),
                     "node { locality: \"east\" }"),
            "w:5:1: clusters[0].locality.weights[0]: weights have no meaning with "
            "MODE_PREFER_OWN; use MODE_WEIGHTED or remove them\n");
  EXPECT_EQ(findings(base::concat(kEndpoints,
                                  "locality { mode: MODE_WEIGHTED\n"
                                  "least_endpoints: 3\n"
                                  "weights { locality: \"east\" weight: 1000001 }\n"
                                  "weights { locality: \"east\" weight: 1 }\n"
                                  "weights { locality: \"eats\" weight: 1 } }")),
            "w:5:18: clusters[0].locality.least_endpoints: is for MODE_PREFER_OWN; use "
            "MODE_PREFER_OWN or remove least_endpoints\n"
            "w:6:36: clusters[0].locality.weights[0].weight: 1000001 is out of range; it must be 0 "
            "to 1000000\n"
            "w:7:21: clusters[0].locality.weights[1].locality: there is another weight for the "
            "locality \"east\"; the first is number 1, each needs its own\n"
            "w:8:21: clusters[0].locality.weights[2].locality: no endpoint is in the locality "
            "\"eats\"; did you mean \"east\"?\n");
  EXPECT_EQ(findings(base::concat(kEndpoints,
                                  "locality { mode: MODE_WEIGHTED\n"
                                  "weights { locality: \"east\" weight: 0 } }")),
            "w:5:1: clusters[0].locality.weights: every endpoint is in a locality of weight 0; "
            "give at least one a weight of 1 or more\n");
}

TEST_F(BalancingPolicyTest, WhatIsTooLong) {
  const std::string longer(257, 'x');
  EXPECT_EQ(
      findings(base::concat("endpoints { address: \"10.0.0.1:80\"\nlocality: \"", longer,
                            "\"\nmetadata { key: \"\" value: \"1\" } }"),
               base::concat("node {\nlocality: \"", longer, "\" }")),
      "w:4:11: clusters[0].endpoints[0].locality: a locality of 257 bytes is too long; it may "
      "have 256\n"
      "w:5:1: clusters[0].endpoints[0].metadata: a key has 0 bytes; it must have 1 to 256\n"
      "w:8:11: node.locality: a locality of 257 bytes is too long; it may have 256\n");
  std::string many = "endpoints { address: \"10.0.0.1:80\"\n";
  for (int i = 0; i < 65; ++i) {
    many += base::concat("metadata { key: \"k", i, "\" value: \"v\" }\n");
  }
  EXPECT_EQ(findings(many + "}"),
            "w:4:1: clusters[0].endpoints[0].metadata: has 65 keys; at most 64 are allowed\n");
  EXPECT_EQ(findings(base::concat("endpoints { address: \"10.0.0.1:80\"\nmetadata { key: \"k\" "
                                  "value: \"",
                                  std::string(4097, 'v'), "\" } }")),
            "w:4:1: clusters[0].endpoints[0].metadata: the value of \"k\" has 4097 bytes; it may "
            "have 4096\n");
}

TEST_F(BalancingPolicyTest, AnIdThatIsAnAddressElsewhere) {
  EXPECT_EQ(findings("endpoints { address: \"10.0.0.1:80\" id: \"10.0.0.2:80\" }\n"
                     "endpoints { address: \"10.0.0.2:80\" }"),
            "w:4:22: clusters[0].endpoints[1].address: there is another endpoint \"10.0.0.2:80\"; "
            "the first is number 1, each needs its own\n");
  EXPECT_EQ(findings("endpoints { address: \"10.0.0.1:80\" }\n"
                     "endpoints { address: \"10.0.0.1:80\" }"),
            "w:4:22: clusters[0].endpoints[1].address: there is another endpoint with the address "
            "\"10.0.0.1:80\"; the first is number 1, each needs its own\n");
}

}  // namespace
}  // namespace weir::config
