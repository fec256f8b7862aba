#include "source/upstream/learned_limit.h"

#include "gtest/gtest.h"

namespace weir::upstream {
namespace {

TEST(LearnedLimitTest, TwoConnectionsHaveToAgree) {
  LearnedLimit limit;
  EXPECT_EQ(limit.within(0), 0u);
  limit.onLeftOut(10);
  EXPECT_EQ(limit.within(0), 0u);
  limit.onLeftOut(7);  // as when a server stops in the midst of its work
  EXPECT_EQ(limit.within(0), 0u);
  limit.onLeftOut(10);
  limit.onLeftOut(10);
  EXPECT_EQ(limit.within(0), 10u);
  limit.onLeftOut(3);
  EXPECT_EQ(limit.within(0), 10u);
}

TEST(LearnedLimitTest, TheLowerOfTwoHolds) {
  LearnedLimit limit;
  EXPECT_EQ(limit.within(5), 5u);
  limit.onLeftOut(10);
  limit.onLeftOut(10);
  EXPECT_EQ(limit.within(5), 5u);
  EXPECT_EQ(limit.within(50), 10u);
}

TEST(LearnedLimitTest, IsGivenUpWhenConnectionsGoOn) {
  LearnedLimit limit;
  limit.onLeftOut(10);
  limit.onLeftOut(10);
  limit.onCarried(9);
  EXPECT_EQ(limit.within(0), 10u);
  limit.onCarried(10);
  EXPECT_EQ(limit.within(0), 20u);
  limit.onLeftOut(10);  // one alone says nothing, as at first
  EXPECT_EQ(limit.within(0), 20u);
  for (uint32_t requests = 20; requests > 0; requests = limit.within(0)) limit.onCarried(requests);
  EXPECT_EQ(limit.within(0), 0u);
  limit.onCarried(1'000'000'000);
  EXPECT_EQ(limit.within(0), 0u);
}

TEST(LearnedLimitTest, NoneAtAllIsNoLimit) {
  LearnedLimit limit;
  limit.onLeftOut(0);
  limit.onLeftOut(0);
  EXPECT_EQ(limit.within(0), 0u);
}

}  // namespace
}  // namespace weir::upstream
