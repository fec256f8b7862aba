#include "source/control/ejections.h"

#include <chrono>

#include "gtest/gtest.h"

namespace weir::control {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr event::MonotonicTime kNow = event::MonotonicTime(hours(1));

TEST(EjectionsTest, APartOfTheEndpointsMayBeOutAndOneInAnyCase) {
  EXPECT_EQ(mostEjected(10, 0), 1u);
  EXPECT_EQ(mostEjected(10, 3), 1u);
  EXPECT_EQ(mostEjected(10, 19), 1u);
  EXPECT_EQ(mostEjected(10, 20), 2u);
  EXPECT_EQ(mostEjected(10, 29), 2u);
  EXPECT_EQ(mostEjected(100, 7), 7u);
  EXPECT_EQ(mostEjected(0, 1000), 0u);
  EXPECT_EQ(mostEjected(33, 10'000), 3300u);
}

TEST(EjectionsTest, EachOneInARowIsLonger) {
  Ejections ejections;
  const Ejections::Policy policy;  // 30 s to 300 s
  EXPECT_FALSE(ejections.out());
  for (int i = 1; i <= 10; ++i) {
    ejections.begin(policy, kNow);
    EXPECT_TRUE(ejections.out());
    EXPECT_EQ(ejections.time(), seconds(30 * i));
    EXPECT_EQ(ejections.until(), kNow + seconds(30 * i));
    ejections.end();
    EXPECT_FALSE(ejections.out());
  }
  for (int i = 0; i < 5; ++i) {
    ejections.begin(policy, kNow);
    EXPECT_EQ(ejections.time(), seconds(300));
    EXPECT_EQ(ejections.inARow(), 10u) << "what makes it no longer is not counted";
    ejections.end();
  }
}

TEST(EjectionsTest, OneIsForgottenForEachWholeIntervalInside) {
  Ejections ejections;
  const Ejections::Policy policy;
  ejections.begin(policy, kNow);
  ejections.end();
  ejections.begin(policy, kNow);
  ejections.intervalOver();
  ejections.intervalOver();
  EXPECT_EQ(ejections.inARow(), 2u) << "it is out";
  ejections.end();
  ejections.intervalOver();
  EXPECT_EQ(ejections.inARow(), 2u) << "it was out for a part of it";
  ejections.intervalOver();
  EXPECT_EQ(ejections.inARow(), 1u);
  ejections.begin(policy, kNow);
  EXPECT_EQ(ejections.time(), seconds(60));
  ejections.end();
  for (int i = 0; i < 5; ++i) ejections.intervalOver();
  EXPECT_EQ(ejections.inARow(), 0u);
  ejections.begin(policy, kNow);
  EXPECT_EQ(ejections.time(), seconds(30));
}

TEST(EjectionsTest, ALongestTimeThatIsTheBaseStaysTheBase) {
  Ejections ejections;
  Ejections::Policy policy;
  policy.base_ejection_time = policy.max_ejection_time = milliseconds(100);
  for (int i = 0; i < 3; ++i) {
    ejections.begin(policy, kNow);
    EXPECT_EQ(ejections.time(), milliseconds(100));
    EXPECT_EQ(ejections.inARow(), 1u);
    ejections.end();
  }
  // Another policy takes over what has been counted.
  policy.max_ejection_time = milliseconds(250);
  ejections.begin(policy, kNow);
  EXPECT_EQ(ejections.time(), milliseconds(200));
  ejections.begin(policy, kNow);
  EXPECT_EQ(ejections.time(), milliseconds(250));
}

}  // namespace
}  // namespace weir::control
