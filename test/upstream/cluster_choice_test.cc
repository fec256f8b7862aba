// Clusters that stand for others.

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "test/upstream/host_list.h"
#include "test/upstream/test_cluster.h"

namespace weir::upstream {
namespace {

class ClusterChoiceTest : public ::testing::Test {
 protected:
  ClusterChoiceTest() { worker_.services.put(worker_.clusters); }

  std::shared_ptr<ClusterConfig> cluster(const std::string& name) {
    auto made = std::make_shared<ClusterConfig>(*process_.config({}));
    made->name = name;
    made->usage = std::make_shared<ClusterUsage>();
    return made;
  }
  // With endpoints "NAME0", "NAME1" … in these states.
  void addLeaf(const std::string& name, const std::vector<Health>& states) {
    auto made = cluster(name);
    made->hosts = hostsIn(*made, states);
    configs_.push_back(std::move(made));
  }
  std::shared_ptr<const HostSet> hostsIn(const ClusterConfig& config,
                                         const std::vector<Health>& states) {
    HostList hosts;
    for (size_t i = 0; i < states.size(); ++i) {
      hosts.add({.id = config.name + std::to_string(i),
                 .address = *network::Address::parse("127.0.0.1:" + std::to_string(i + 1))},
                states[i]);
    }
    return makeHostSet(++version_, hosts.list(), config.policy, *config.load_balancer);
  }
  void addAggregate(const std::string& name, const std::vector<std::string>& others) {
    auto made = cluster(name);
    made->clusters = others;
    configs_.push_back(std::move(made));
  }
  void apply() { worker_.clusters.apply({configs_.begin(), configs_.end()}); }
  // "CLUSTER/ENDPOINT", or why not.
  std::string choose(const std::string& name, const PickContext& context = {}) {
    const WorkerCluster::Choice choice = worker_.clusters.find(name)->choose(context);
    if (choice.kind != Pick::Kind::kEndpoint) return std::string(choice.reason);
    return std::string(choice.cluster->name()) + "/" + choice.endpoint->endpoint().id;
  }

  static constexpr Health kUp = Health::kHealthy;
  static constexpr Health kDown = Health::kUnhealthy;

  TestProcess process_;
  TestWorker worker_{process_};
  std::vector<std::shared_ptr<const ClusterConfig>> configs_;
  uint64_t version_ = 0;
};

TEST_F(ClusterChoiceTest, TheFirstThatHasAnEndpointServes) {
  addLeaf("a", {kUp});
  addLeaf("b", {kUp});
  addLeaf("empty", {});
  addAggregate("ab", {"a", "b"});
  addAggregate("eb", {"empty", "b"});
  addAggregate("e", {"empty"});
  apply();
  EXPECT_EQ(choose("ab"), "a/a0");
  EXPECT_EQ(choose("eb"), "b/b0");
  EXPECT_EQ(choose("e"), "no_eligible_endpoint");
  EXPECT_EQ(choose("a"), "a/a0");
}

TEST_F(ClusterChoiceTest, OneInPanicServesWhenAllOthersHaveNothing) {
  addLeaf("sick", {kDown, kDown});
  addLeaf("well", {kUp});
  addLeaf("empty", {});
  addAggregate("first", {"sick", "empty", "well"});
  addAggregate("last", {"empty", "sick"});
  apply();
  EXPECT_EQ(choose("first"), "well/well0");
  EXPECT_EQ(choose("last").substr(0, 5), "sick/");
}

TEST_F(ClusterChoiceTest, FollowsTheRoutingState) {
  addLeaf("a", {kUp});
  addLeaf("b", {kUp});
  addAggregate("ab", {"a", "b"});
  apply();
  EXPECT_EQ(choose("ab"), "a/a0");
  worker_.clusters.updateHosts("a", hostsIn(*configs_[0], {kDown}));
  EXPECT_EQ(choose("ab"), "b/b0");
  worker_.clusters.updateHosts("a", hostsIn(*configs_[0], {kUp}));
  EXPECT_EQ(choose("ab"), "a/a0");
}

TEST_F(ClusterChoiceTest, ARetryGoesOnToTheNextWhenAllWereTried) {
  addLeaf("a", {kUp, kUp});
  addLeaf("b", {kUp});
  addAggregate("ab", {"a", "b"});
  apply();
  PickContext retry;
  const auto a = worker_.clusters.find("a");
  const auto b = worker_.clusters.find("b");
  const std::vector<uint32_t> one{0};
  retry.tried = one;
  retry.tried_in = a.get();
  EXPECT_EQ(choose("ab", retry), "a/a1");
  const std::vector<uint32_t> both{0, 1};
  retry.tried = both;
  EXPECT_EQ(choose("ab", retry), "b/b0");
  retry.tried = one;
  retry.tried_in = b.get();
  EXPECT_EQ(choose("ab", retry).substr(0, 2), "a/") << "what was tried of b says nothing of a";
  EXPECT_EQ(choose("b", retry), "b/b0") << "there is no other";
}

TEST_F(ClusterChoiceTest, WhenEverythingWasTriedItIsTriedAgain) {
  addLeaf("a", {kUp});
  addLeaf("empty", {});
  addAggregate("ae", {"a", "empty"});
  apply();
  const auto a = worker_.clusters.find("a");
  const std::vector<uint32_t> one{0};
  PickContext retry;
  retry.tried = one;
  retry.tried_in = a.get();
  EXPECT_EQ(choose("ae", retry), "a/a0");
}

TEST_F(ClusterChoiceTest, TheyMayBeNested) {
  addLeaf("a", {kDown});
  addLeaf("b", {});
  addLeaf("c", {kUp});
  addAggregate("inner", {"a", "b"});
  addAggregate("outer", {"inner", "c"});
  apply();
  EXPECT_EQ(choose("inner"), "a/a0") << "in panic, and there is nobody else";
  EXPECT_EQ(choose("outer"), "c/c0");
  configs_.clear();
  addLeaf("a", {});
  addLeaf("b", {});
  addLeaf("c", {kUp});
  addAggregate("inner", {"a", "b"});
  addAggregate("outer", {"inner", "c"});
  apply();
  EXPECT_EQ(choose("outer"), "c/c0");
}

TEST_F(ClusterChoiceTest, FindsTheOthersOfTheConfigurationThatRuns) {
  addLeaf("a", {kUp});
  addLeaf("b", {kUp});
  addAggregate("x", {"a", "b"});
  apply();
  EXPECT_EQ(choose("x"), "a/a0");
  configs_.erase(configs_.begin());
  configs_.pop_back();
  addAggregate("x", {"b"});
  apply();
  EXPECT_EQ(choose("x"), "b/b0");
}

}  // namespace
}  // namespace weir::upstream
