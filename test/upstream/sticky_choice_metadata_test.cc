// Clients that belong to an endpoint, and routes that want endpoints with certain metadata.

#include <memory>
#include <vector>

#include "gtest/gtest.h"

#include "extensions/load_balancing/round_robin/round_robin.h"
#include "extensions/load_balancing/subset/subset.h"
#include "test/upstream/sticky_choice_fixture.h"

namespace weir::upstream {
namespace {

namespace subset = extensions::load_balancing::subset;
using extensions::load_balancing::round_robin::RoundRobinFactory;
using Outcome = StickyRequest::Outcome;

class StickyChoiceMetadataTest : public StickyChoiceTest {
 protected:
  // Endpoints "a" of version 1 and "b" of version 2, for a balancer that looks at that.
  static std::vector<Endpoint> versions() {
    return {{.metadata = {{"version", "1"}}}, {.metadata = {{"version", "2"}}}};
  }
  void startWithVersions(const std::vector<Health>& states) {
    uids_.clear();
    start(states, versions(),
          {.load_balancer = std::make_shared<subset::SubsetFactory>(
               subset::SubsetConfig{.selectors = {{{"version"}, subset::Fallback::kFail}}},
               std::make_shared<RoundRobinFactory>())});
  }
};

TEST_F(StickyChoiceMetadataTest, WhatARouteWantsDoesNotMatterToABalancerWithoutMetadata) {
  start({kUp, kUp});
  bindings_.bound = uids_[0];
  const MetadataMatch wanted = {{"version", "2"}};
  StickyRequest request;
  EXPECT_EQ(told(choose(request, {}, &wanted)), "a");
}

TEST_F(StickyChoiceMetadataTest, ARouteThatWantsOthersKeepsTheBinding) {
  const MetadataMatch one = {{"version", "1"}}, two = {{"version", "2"}}, none = {};
  for (const bool strict : {false, true}) {
    policy_.strict = strict;
    startWithVersions({kUp, kUp});
    bindings_.bound = uids_[0];
    StickyRequest request;
    EXPECT_EQ(told(choose(request, {}, &two)), "b");
    EXPECT_EQ(request.outcome, Outcome::kElsewhere);
    EXPECT_EQ(bindings_.bound, uids_[0]);
    for (const MetadataMatch* wanted : {&one, &none, static_cast<const MetadataMatch*>(nullptr)}) {
      StickyRequest again;
      EXPECT_EQ(told(choose(again, {}, wanted)), "a");
      EXPECT_EQ(again.outcome, Outcome::kFollowed);
    }
  }
  EXPECT_EQ(stat("elsewhere"), 2);
  EXPECT_EQ(stat("followed"), 6);
  EXPECT_EQ(stat("rebound"), 0);
}

TEST_F(StickyChoiceMetadataTest, WhatARouteWantsAndNobodyHasFailsAndKeepsTheBinding) {
  startWithVersions({kUp, kUp});
  bindings_.bound = uids_[0];
  const MetadataMatch three = {{"version", "3"}};
  StickyRequest request;
  const WorkerCluster::Choice choice = choose(request, {}, &three);
  EXPECT_EQ(choice.kind, Pick::Kind::kFailure) << told(choice);
  EXPECT_EQ(bindings_.bound, uids_[0]);
  EXPECT_EQ(stat("elsewhere"), 0);
}

TEST_F(StickyChoiceMetadataTest, AClientIsBoundToOneThatItsRouteWants) {
  const MetadataMatch one = {{"version", "1"}}, two = {{"version", "2"}};
  startWithVersions({kUp, kUp});
  StickyRequest request;
  EXPECT_EQ(told(choose(request, {}, &two)), "b");
  EXPECT_EQ(request.outcome, Outcome::kNew);
  EXPECT_EQ(bindings_.bound, uids_[1]);
  // Its endpoint is down: which part it was of does not matter any more.
  set({kUp, kDown}, versions());
  StickyRequest rebound;
  EXPECT_EQ(told(choose(rebound, {}, &one)), "a");
  EXPECT_EQ(bindings_.bound, uids_[0]);
  EXPECT_EQ(stat("rebound"), 1);
}

}  // namespace
}  // namespace weir::upstream
