// Who is followed, and who is chosen when that cannot be.

#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"

#include "test/upstream/sticky_choice_fixture.h"

namespace weir::upstream {
namespace {

using Outcome = StickyRequest::Outcome;

struct FakeWaiter final : StickyWaiter {
  void onStickyFound() override { ++told; }
  int told = 0;
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
