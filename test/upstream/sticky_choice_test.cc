// Who is followed, and who is chosen when that cannot be.

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "test/upstream/fake_stickiness.h"
#include "test/upstream/host_list.h"
#include "test/upstream/test_cluster.h"

namespace weir::upstream {
namespace {

using Outcome = StickyRequest::Outcome;

struct FakeWaiter final : StickyWaiter {
  void onStickyFound() override { ++told; }
  int told = 0;
};

class StickyChoiceTest : public ::testing::Test {
 protected:
  StickyChoiceTest() { worker_.services.put(worker_.clusters); }

  std::shared_ptr<ClusterConfig> cluster(const std::string& name, FakeBindings* bindings,
                                         const ClusterOptions& options = {}) {
    auto made = std::make_shared<ClusterConfig>(*process_.config({}, options));
    made->name = name;
    made->usage = std::make_shared<ClusterUsage>();
    if (bindings != nullptr) {
      made->stickiness = std::make_shared<FakeStickinessFactory>(*bindings);
      made->stickiness_identity = "fake";
      made->sticky_stats = StickyStats::create(process_.store, name);
    }
    return made;
  }
  // Endpoints "a", "b", "c" in these states.
  std::shared_ptr<const HostSet> hosts(const std::vector<Health>& states,
                                       const std::vector<Endpoint>& like = {}) {
    HostList list;
    for (size_t i = 0; i < states.size(); ++i) {
      Endpoint endpoint = i < like.size() ? like[i] : Endpoint();
      endpoint.id = std::string(1, static_cast<char>('a' + i));
      endpoint.address = *network::Address::parse("127.0.0.1:" + std::to_string(i + 1));
      list.add(endpoint, states[i]);
    }
    return makeHostSet(++version_, list.list(), config_->policy, *config_->load_balancer);
  }
  void start(const std::vector<Health>& states, const std::vector<Endpoint>& like = {},
             const ClusterOptions& options = {}) {
    config_ = cluster("c", &bindings_, options);
    config_->sticky_policy = policy_;
    config_->hosts = hosts(states, like);
    worker_.clusters.apply({config_});
    for (const HostSet::Host& host : config_->hosts->hosts) uids_.push_back(host.uid);
  }
  void set(const std::vector<Health>& states, const std::vector<Endpoint>& like = {}) {
    worker_.clusters.updateHosts("c", hosts(states, like));
  }
  WorkerCluster::Choice choose(StickyRequest& request, std::vector<uint32_t> tried = {},
                               const MetadataMatch* metadata = nullptr,
                               const std::string& name = "c") {
    tried_ = std::move(tried);
    PickContext context;
    context.request = &head_;
    context.sticky = &request;
    context.tried = tried_;
    context.metadata = metadata;
    if (!tried_.empty()) context.tried_in = worker_.clusters.find("c").get();
    return worker_.clusters.find(name)->choose(context);
  }
  static std::string told(const WorkerCluster::Choice& choice) {
    switch (choice.kind) {
      case Pick::Kind::kEndpoint:
        return choice.endpoint->endpoint().id;
      case Pick::Kind::kWait:
        return "wait: " + std::string(choice.reason);
      case Pick::Kind::kLookup:
        return "lookup";
      case Pick::Kind::kFailure:
        break;
    }
    return std::string(choice.reason);
  }
  std::string chosen(StickyRequest& request, std::vector<uint32_t> tried = {}) {
    return told(choose(request, std::move(tried)));
  }
  std::string chosen() {
    StickyRequest request;
    return chosen(request);
  }
  int64_t stat(const std::string& name) {
    return process_.store.valueOf("cluster_sticky_" + name + "_total", {{"cluster", "c"}});
  }

  static constexpr Health kUp = Health::kHealthy;
  static constexpr Health kDown = Health::kUnhealthy;

  TestProcess process_;
  TestWorker worker_{process_};
  http::RequestHead head_;
  FakeBindings bindings_;
  StickyPolicy policy_;
  std::shared_ptr<ClusterConfig> config_;
  std::vector<uint64_t> uids_;
  std::vector<uint32_t> tried_;
  uint64_t version_ = 0;
};

TEST_F(StickyChoiceTest, ABoundOneIsFollowedWhateverTheAlgorithmSays) {
  start({kUp, kUp, kUp});
  for (size_t i = 0; i < 3; ++i) {
    bindings_.bound = uids_[i];
    StickyRequest request;
    EXPECT_EQ(chosen(request), std::string(1, static_cast<char>('a' + i)));
    EXPECT_EQ(request.outcome, Outcome::kFollowed);
  }
  EXPECT_EQ(stat("followed"), 3);
  EXPECT_EQ(stat("rebound"), 0);
}

TEST_F(StickyChoiceTest, WhoIsNotBoundIsBoundToTheOneThatIsChosen) {
  start({kUp, kUp, kUp});
  StickyRequest request;
  const std::string first = chosen(request);
  EXPECT_EQ(request.outcome, Outcome::kNew);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(chosen(), first);
}

// What keeps a client, by the states of its endpoint: "a" of three, or of one.
TEST_F(StickyChoiceTest, OnlyWhatIsFitIsFollowed) {
  start({kUp, kUp, kUp});
  bindings_.bound = uids_[0];
  const auto followed = [&](Health health, const Endpoint& like = {}) {
    bindings_.bound = uids_[0];
    set({health, kUp, kUp}, {like});
    StickyRequest request;
    chosen(request);
    return request.outcome == Outcome::kFollowed;
  };
  EXPECT_TRUE(followed(Health::kHealthy));
  EXPECT_TRUE(followed(Health::kUnknown));
  EXPECT_TRUE(followed(Health::kDegraded));
  EXPECT_TRUE(followed(Health::kDraining));
  EXPECT_FALSE(followed(Health::kUnhealthy));
  EXPECT_FALSE(followed(Health::kDisabled));
  EXPECT_TRUE(followed(Health::kHealthy, {.priority = 1})) << "of a priority that is not used";
  EXPECT_TRUE(followed(Health::kHealthy, {.weight = 0}));
  set({kDown, kDown, kDown});
  bindings_.bound = uids_[0];
  EXPECT_EQ(chosen(), "a") << "in panic it is as good as others";
}

TEST_F(StickyChoiceTest, DrainingOnesAreLeftIfSaidSo) {
  policy_.keep_draining = false;
  start({Health::kDraining, kUp});
  bindings_.bound = uids_[0];
  EXPECT_EQ(chosen(), "b");
  EXPECT_EQ(bindings_.bound, uids_[1]);
  set({kUp, kUp}, {{.weight = 0}});
  bindings_.bound = uids_[0];
  EXPECT_EQ(chosen(), "b");
}

TEST_F(StickyChoiceTest, WhoseEndpointIsGoneMoves) {
  start({kUp, kUp});
  bindings_.bound = 12345;
  StickyRequest request;
  EXPECT_NE(chosen(request), "");
  EXPECT_EQ(request.outcome, Outcome::kNew);
  EXPECT_EQ(request.found, 12345u);
  EXPECT_EQ(stat("rebound"), 1);
}

TEST_F(StickyChoiceTest, StrictOnesFailInstead) {
  policy_.strict = true;
  start({kUp, kUp});
  bindings_.bound = 12345;
  EXPECT_EQ(chosen(), kStickyEndpointDown);
  bindings_.bound = uids_[0];
  set({kDown, kUp, kUp});
  EXPECT_EQ(chosen(), kStickyEndpointDown);
  EXPECT_EQ(stat("strict_failures"), 2);
  EXPECT_EQ(bindings_.bound, uids_[0]);
}

TEST_F(StickyChoiceTest, ATriedOneIsLeft) {
  start({kUp, kUp});
  bindings_.bound = uids_[0];
  StickyRequest request;
  EXPECT_EQ(chosen(request), "a");
  EXPECT_EQ(chosen(request, {0}), "b");
  EXPECT_EQ(bindings_.bound, uids_[1]);
  EXPECT_EQ(chosen(), "b");
}

TEST_F(StickyChoiceTest, ATriedOneStaysWhenItWasTheConnection) {
  start({kUp, kUp});
  bindings_.bound = uids_[0];
  StickyRequest request;
  EXPECT_EQ(chosen(request), "a");
  request.stay = true;
  EXPECT_EQ(chosen(request, {0}), "a");
}

TEST_F(StickyChoiceTest, StrictOnesAreTriedAgain) {
  policy_.strict = true;
  start({kUp, kUp});
  bindings_.bound = uids_[0];
  StickyRequest request;
  EXPECT_EQ(chosen(request), "a");
  EXPECT_EQ(chosen(request, {0}), "a");
}

// It has never been served there.
TEST_F(StickyChoiceTest, WhatARequestItselfHasBoundHoldsNobody) {
  policy_.strict = true;
  start({kUp, kUp});
  StickyRequest request;
  const std::string first = chosen(request);
  const std::string second = chosen(request, {first == "a" ? 0u : 1u});
  EXPECT_NE(second, first);
  EXPECT_EQ(chosen(), second);
  EXPECT_EQ(stat("rebound"), 0);
}

TEST_F(StickyChoiceTest, AFullOneSendsElsewhereAndKeeps) {
  start({kUp, kUp}, {{.max_requests = 1}});
  bindings_.bound = uids_[0];
  StickyRequest one;
  const WorkerCluster::Choice held = choose(one);
  EXPECT_EQ(told(held), "a");
  StickyRequest other;
  EXPECT_EQ(chosen(other), "b");
  EXPECT_EQ(other.outcome, Outcome::kElsewhere);
  EXPECT_EQ(bindings_.bound, uids_[0]);
  EXPECT_EQ(stat("elsewhere"), 1);
}

TEST_F(StickyChoiceTest, AFullOneMakesStrictOnesWait) {
  policy_.strict = true;
  start({kUp, kUp}, {{.max_requests = 1}});
  bindings_.bound = uids_[0];
  StickyRequest one;
  {
    const WorkerCluster::Choice held = choose(one);
    EXPECT_EQ(chosen(), "wait: sticky_endpoint_full");
  }
  EXPECT_EQ(chosen(), "a");
}

TEST_F(StickyChoiceTest, ARouteThatWantsOthersKeepsTheBinding) {
  // The balancer of these tests does not look at metadata: then nobody minds.
  start({kUp, kUp});
  bindings_.bound = uids_[0];
  const MetadataMatch wanted = {{"version", "2"}};
  StickyRequest request;
  EXPECT_EQ(told(choose(request, {}, &wanted)), "a");
}

TEST_F(StickyChoiceTest, WhoIsOvertakenGoesWhereTheOtherWent) {
  start({kUp, kUp, kUp}, {}, {.max_requests = 1});
  for (int i = 0; i < 6; ++i) {
    bindings_.bound = 0;
    bindings_.overtakes = uids_[2];
    EXPECT_EQ(chosen(), "c");
    EXPECT_EQ(bindings_.bound, uids_[2]);
  }
  StickyRequest request;
  const WorkerCluster::Choice held = choose(request);
  EXPECT_EQ(told(held), "c");
  EXPECT_EQ(chosen(), "wait: max_requests_reached") << "one place is taken, and no more";
}

TEST_F(StickyChoiceTest, WhoIsOvertakenByOneThatCannotBeHadStays) {
  start({kUp, kDown, kUp});
  bindings_.overtakes = uids_[1];
  StickyRequest request;
  EXPECT_NE(chosen(request), "b");
  EXPECT_EQ(request.outcome, Outcome::kElsewhere);
}

// --- Lookups ---

TEST_F(StickyChoiceTest, AStoreIsAskedOnce) {
  bindings_.asks = true;
  start({kUp, kUp});
  FakeWaiter waiter;
  StickyRequest request{.waiter = &waiter};
  EXPECT_EQ(chosen(request), "lookup");
  EXPECT_EQ(chosen(request), "lookup") << "still";
  EXPECT_EQ(bindings_.asked, 1);
  bindings_.answer(uids_[1]);
  EXPECT_EQ(waiter.told, 1);
  EXPECT_EQ(chosen(request), "b");
  EXPECT_EQ(request.outcome, Outcome::kFollowed);
  StickyRequest hasty;
  EXPECT_NE(chosen(hasty), "lookup") << "who cannot wait does not";
  EXPECT_EQ(hasty.outcome, Outcome::kNew);
}

TEST_F(StickyChoiceTest, AnswersThatKnowNothingLeaveItToTheAlgorithm) {
  bindings_.asks = true;
  start({kUp, kUp});
  FakeWaiter waiter;
  StickyRequest request{.waiter = &waiter};
  EXPECT_EQ(chosen(request), "lookup");
  bindings_.answer(0);
  EXPECT_NE(chosen(request), "lookup");
  EXPECT_EQ(request.outcome, Outcome::kNew);
}

TEST_F(StickyChoiceTest, WhoWaitsMayGiveUp) {
  bindings_.asks = true;
  start({kUp});
  FakeWaiter waiter;
  StickyRequest request{.waiter = &waiter};
  EXPECT_EQ(chosen(request), "lookup");
  request.cancel();
  request.cancel();
  EXPECT_EQ(request.lookup, nullptr);
  bindings_.answer(0);
  EXPECT_EQ(waiter.told, 0);
}

// --- Configurations ---

TEST_F(StickyChoiceTest, ItComesAndGoesWithTheConfiguration) {
  start({kUp, kUp});
  bindings_.bound = uids_[1];
  EXPECT_EQ(chosen(), "b");
  auto without = cluster("c", nullptr);
  without->usage = config_->usage;
  without->hosts = config_->hosts;
  worker_.clusters.apply({without});
  EXPECT_EQ(worker_.cluster().stickiness(), nullptr);
  StickyRequest request;
  EXPECT_NE(chosen(request), chosen(request)) << "round robin";
  worker_.clusters.apply({config_});
  EXPECT_EQ(chosen(), "b");
  worker_.run();
}

TEST_F(StickyChoiceTest, TheSameGoesOn) {
  start({kUp, kUp});
  Stickiness* const before = worker_.cluster().stickiness();
  auto same = std::make_shared<ClusterConfig>(*config_);
  same->stickiness = std::make_shared<FakeStickinessFactory>(bindings_);
  worker_.clusters.apply({same});
  EXPECT_EQ(worker_.cluster().stickiness(), before);
  auto other = std::make_shared<ClusterConfig>(*same);
  other->stickiness = std::make_shared<FakeStickinessFactory>(bindings_);
  other->stickiness_identity = "another";
  worker_.clusters.apply({other});
  EXPECT_NE(worker_.cluster().stickiness(), before);
}

// --- Clusters that stand for others ---

TEST_F(StickyChoiceTest, AnAggregateFollowsTheInnerBindings) {
  FakeBindings second;
  start({kUp, kUp});
  auto inner = cluster("d", &second);
  inner->hosts = config_->hosts;
  auto outer = cluster("both", nullptr);
  outer->clusters = {"c", "d"};
  worker_.clusters.apply({config_, inner, outer});
  bindings_.bound = uids_[1];
  second.bound = uids_[0];
  StickyRequest request;
  for (int i = 0; i < 3; ++i) EXPECT_EQ(told(choose(request, {}, nullptr, "both")), "b");
  EXPECT_EQ(request.of, worker_.clusters.find("c").get());
  set({kDown, kDown, Health::kDisabled});
  StickyRequest other;
  EXPECT_EQ(told(choose(other, {}, nullptr, "both")), "a");
  EXPECT_EQ(other.of, worker_.clusters.find("d").get());
}

TEST_F(StickyChoiceTest, AnAggregateDoesNotPassOverAStrictFailure) {
  policy_.strict = true;
  start({kUp, kUp});
  FakeBindings second;
  auto inner = cluster("d", &second);
  inner->hosts = config_->hosts;
  auto outer = cluster("both", nullptr);
  outer->clusters = {"c", "d"};
  worker_.clusters.apply({config_, inner, outer});
  bindings_.bound = 12345;
  StickyRequest request;
  EXPECT_EQ(told(choose(request, {}, nullptr, "both")), kStickyEndpointDown);
}

// Both would ask their stores, again and again.
TEST_F(StickyChoiceTest, LookupsOfAnAggregateAreBounded) {
  FakeBindings second;
  bindings_.asks = second.asks = true;
  start({kDown, kDown});
  config_->policy.panic_percent = 0;
  config_->hosts = hosts({kDown, kDown});
  auto inner = cluster("d", &second);
  inner->hosts = config_->hosts;
  inner->policy.panic_percent = 0;
  auto outer = cluster("both", nullptr);
  outer->clusters = {"c", "d"};
  worker_.clusters.apply({config_, inner, outer});
  FakeWaiter waiter;
  StickyRequest request{.waiter = &waiter};
  int lookups = 0;
  while (told(choose(request, {}, nullptr, "both")) == "lookup" && lookups < 10) {
    ++lookups;
    bindings_.answer(0);
    second.answer(0);
  }
  EXPECT_LE(lookups, 2);
}

}  // namespace
}  // namespace weir::upstream
