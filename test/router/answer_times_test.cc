#include "source/router/answer_times.h"

#include <chrono>

#include "gtest/gtest.h"

namespace weir::router {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;

constexpr event::MonotonicTime kStart{std::chrono::hours(1)};

TEST(AnswerTimesTest, WithoutAnyThereIsNone) {
  EXPECT_EQ(AnswerTimes().quantile(0.95), microseconds(0));
  EXPECT_EQ(AnswerTimes().samples(), 0u);
}

// Never below the true one, and by at most an eighth above it.
TEST(AnswerTimesTest, AQuantileIsNearTheTrueOne) {
  for (const int64_t unit : {100, 1'000, 33'333, 1'000'000}) {
    AnswerTimes times;
    for (int64_t i = 1; i <= 1000; ++i) times.add(microseconds(i * unit), kStart);
    for (const double quantile : {0.5, 0.9, 0.95, 0.99}) {
      const double truth = quantile * 1000 * static_cast<double>(unit);
      const auto told = static_cast<double>(times.quantile(quantile).count());
      EXPECT_GE(told, truth);
      EXPECT_LE(told, truth * 1.13 + 64);
    }
  }
}

TEST(AnswerTimesTest, AnyTimeHasItsPlace) {
  AnswerTimes times;
  for (const int64_t time : {int64_t{-5}, int64_t{0}, int64_t{1}, int64_t{63}, int64_t{64},
                             int64_t{65}, int64_t{1} << 36, int64_t{1} << 62}) {
    times.add(microseconds(time), kStart);
  }
  EXPECT_EQ(times.samples(), 8u);
  EXPECT_EQ(times.quantile(0.1), microseconds(64));
  EXPECT_GE(times.quantile(1), microseconds(int64_t{1} << 36));
}

TEST(AnswerTimesTest, WhatIsOldCountsForLess) {
  AnswerTimes times;
  for (int i = 0; i < 10'000; ++i) times.add(milliseconds(1), kStart);
  EXPECT_LE(times.samples(), AnswerTimes::kMostSamples);
  EXPECT_LT(times.quantile(0.95), milliseconds(2));
  for (int i = 0; i < 10'000; ++i) times.add(milliseconds(50), kStart);
  EXPECT_GE(times.quantile(0.5), milliseconds(50));
}

TEST(AnswerTimesTest, AndSoItDoesAfterALongTime) {
  AnswerTimes times;
  for (int i = 0; i < 1000; ++i) times.add(milliseconds(1), kStart);
  for (int i = 1; i <= 12; ++i) times.add(milliseconds(50), kStart + i * AnswerTimes::kHalfLife);
  EXPECT_LT(times.samples(), 20u);
  EXPECT_GE(times.quantile(0.95), milliseconds(50));
}

}  // namespace
}  // namespace weir::router
