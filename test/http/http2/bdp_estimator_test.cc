#include "source/http/http2/bdp_estimator.h"

#include "gtest/gtest.h"

namespace weir::http::http2 {
namespace {

constexpr uint32_t kWindow = 64 * 1024;

// Bytes until the next PING.
uint64_t untilPing(BdpEstimator& bdp) {
  for (uint64_t bytes = 1024;; bytes += 1024) {
    if (bdp.onData(1024)) return bytes;
    if (bytes > uint64_t{1} << 32) return 0;
  }
}

TEST(BdpEstimatorTest, GrowsWhileTheWindowIsWhatLimits) {
  BdpEstimator bdp(kWindow, 5 * kWindow);
  EXPECT_EQ(untilPing(bdp), kWindow / 4);
  EXPECT_FALSE(bdp.onData(kWindow)) << "one PING at a time";
  EXPECT_TRUE(bdp.onPong());
  EXPECT_EQ(bdp.window(), 2 * kWindow);
  EXPECT_EQ(untilPing(bdp), kWindow / 2);
  bdp.onData(2 * kWindow);
  EXPECT_TRUE(bdp.onPong());
  EXPECT_EQ(bdp.window(), 4 * kWindow);
  untilPing(bdp);
  bdp.onData(4 * kWindow);
  EXPECT_TRUE(bdp.onPong());
  EXPECT_EQ(bdp.window(), 5 * kWindow) << "the maximum";
  EXPECT_FALSE(bdp.onData(100 * kWindow)) << "nothing left to find out";
}

TEST(BdpEstimatorTest, StaysWhenOneRoundTripCarriesLess) {
  BdpEstimator bdp(kWindow, 4 * kWindow);
  untilPing(bdp);
  bdp.onData(kWindow / 2);
  EXPECT_FALSE(bdp.onPong());
  EXPECT_EQ(bdp.window(), kWindow);
}

TEST(BdpEstimatorTest, PingsInVainBecomeRare) {
  BdpEstimator bdp(kWindow, 4 * kWindow);
  uint64_t expected = kWindow / 4;
  for (int i = 0; i < 20; ++i) {
    EXPECT_EQ(untilPing(bdp), expected) << i;
    EXPECT_FALSE(bdp.onPong());
    if (i < 10) expected *= 2;
  }
  // 10 GB, and less than a hundred PINGs.
  uint64_t pings = 0;
  for (uint64_t bytes = 0; bytes < 10'000'000'000; bytes += 16'384) {
    if (!bdp.onData(16'384)) continue;
    ++pings;
    bdp.onPong();
  }
  EXPECT_LT(pings, 1000u);
  bdp.onData(kWindow * 1024);
  bdp.onData(kWindow);
  EXPECT_TRUE(bdp.onPong());
  EXPECT_EQ(untilPing(bdp), kWindow / 2) << "growth makes it curious again";
}

TEST(BdpEstimatorTest, AnAnswerToNothingIsNothing) {
  BdpEstimator bdp(kWindow, 4 * kWindow);
  EXPECT_FALSE(bdp.onPong());
  bdp.onData(1024);
  EXPECT_FALSE(bdp.onPong());
  EXPECT_EQ(bdp.window(), kWindow);
}

TEST(BdpEstimatorTest, AMaximumBelowTheWindowChangesNothing) {
  BdpEstimator bdp(kWindow, kWindow / 2);
  EXPECT_FALSE(bdp.onData(10 * kWindow));
  EXPECT_EQ(bdp.window(), kWindow);
}

TEST(BdpEstimatorTest, TheLargestWindowsDoNotOverflow) {
  constexpr uint32_t kMost = 0x7fffffff;
  BdpEstimator bdp(kMost - 1, kMost);
  untilPing(bdp);
  bdp.onData(kMost);
  EXPECT_TRUE(bdp.onPong());
  EXPECT_EQ(bdp.window(), kMost);
}

}  // namespace
}  // namespace weir::http::http2
