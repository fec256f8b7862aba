#include "source/router/hedging.h"

#include <chrono>
#include <memory>
#include <vector>

#include "gtest/gtest.h"

#include "test/upstream/test_cluster.h"

namespace weir::router {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

class HedgingTest : public testing::Test {
 protected:
  struct Waiter final : HedgeWaiter {
    void onHedgeDue() override { ++told; }
    int told = 0;
  };
  RouteHedging& route(const HedgePolicy& policy) {
    policies_.push_back(std::make_shared<Resilience>(Resilience{{}, {}, policy}));
    return *hedging_.find(policies_.back(), worker_.dispatcher);
  }
  void measure(RouteHedging& route, int count, microseconds time) {
    for (int i = 0; i < count; ++i) route.measured(time);
  }
  upstream::TestProcess process_;
  upstream::TestWorker worker_{process_};
  Hedging hedging_{worker_.services};
  std::vector<std::shared_ptr<const Resilience>> policies_;
};

TEST_F(HedgingTest, BeforeEnoughIsMeasuredThereIsNoDelay) {
  RouteHedging& measured = route({.min_samples = 10});
  measure(measured, 9, milliseconds(8));
  EXPECT_EQ(measured.delay(), microseconds(0));
  Waiter waiter;
  measured.enter(waiter);
  worker_.dispatcher.advance(milliseconds(60'000));
  EXPECT_EQ(waiter.told, 0);
  measured.measured(milliseconds(8));
  EXPECT_GE(measured.delay(), milliseconds(8));
  EXPECT_LE(measured.delay(), milliseconds(10));
}

TEST_F(HedgingTest, UnlessTheRouteHasOne) {
  EXPECT_EQ(route({.initial_delay = milliseconds(20), .min_samples = 10}).delay(),
            milliseconds(20));
}

TEST_F(HedgingTest, TheDelayIsWithinItsLimits) {
  RouteHedging& least = route({.min_delay = milliseconds(5), .min_samples = 10});
  measure(least, 100, microseconds(300));
  EXPECT_EQ(least.delay(), milliseconds(5));
  RouteHedging& most = route({.max_delay = milliseconds(50), .min_samples = 10});
  measure(most, 100, milliseconds(300));
  EXPECT_EQ(most.delay(), milliseconds(50));
}

TEST_F(HedgingTest, TheDelayFollowsWhatIsMeasured) {
  RouteHedging& measured = route({.min_samples = 10});
  measure(measured, 1000, milliseconds(2));
  EXPECT_LE(measured.delay(), milliseconds(3));
  measure(measured, 1000, milliseconds(40));
  EXPECT_GE(measured.delay(), milliseconds(40));
}

TEST_F(HedgingTest, WhoWaitsIsToldWhenItIsTime) {
  RouteHedging& measured = route({.initial_delay = milliseconds(20)});
  Waiter first, second, left;
  measured.enter(first);
  worker_.dispatcher.advance(milliseconds(10));
  measured.enter(left);
  measured.enter(second);
  worker_.dispatcher.advance(milliseconds(9));
  EXPECT_EQ(first.told, 0);
  worker_.dispatcher.advance(milliseconds(2));
  EXPECT_EQ(first.told, 1);
  EXPECT_EQ(second.told, 0);
  left.unlink();
  worker_.dispatcher.advance(milliseconds(12));
  EXPECT_EQ(second.told, 1);
  EXPECT_EQ(left.told, 0);
  worker_.dispatcher.advance(milliseconds(100));
  EXPECT_EQ(first.told + second.told, 2);
}

TEST_F(HedgingTest, TheBudgetIsAPartOfTheRequests) {
  RouteHedging& measured = route({.budget = 0.1});
  EXPECT_FALSE(measured.spend());
  int spent = 0;
  for (int i = 0; i < 1000; ++i) {
    Waiter waiter;
    measured.enter(waiter);
    spent += measured.spend() ? 1 : 0;
  }
  EXPECT_GE(spent, 98);
  EXPECT_LE(spent, 100);
}

TEST_F(HedgingTest, LittleIsSavedUp) {
  RouteHedging& measured = route({.budget = 0.5});
  for (int i = 0; i < 1000; ++i) {
    Waiter waiter;
    measured.enter(waiter);
  }
  int spent = 0;
  while (measured.spend()) ++spent;
  EXPECT_EQ(spent, 10);
}

TEST_F(HedgingTest, RoutesAreApart) {
  RouteHedging& one = route({});
  RouteHedging& other = route({});
  EXPECT_NE(&one, &other);
  EXPECT_EQ(&one, hedging_.find(policies_[0], worker_.dispatcher));
  EXPECT_EQ(&other, hedging_.find(policies_[1], worker_.dispatcher));
}

}  // namespace
}  // namespace weir::router
