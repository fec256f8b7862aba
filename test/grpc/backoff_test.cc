#include "source/grpc/backoff.h"

#include "gtest/gtest.h"

namespace weir::grpc {
namespace {

using std::chrono::milliseconds;

TEST(BackoffTest, GrowsAsTheDocumentSays) {
  base::Random random(1);
  Backoff backoff({.jitter = 0}, random);
  EXPECT_EQ(backoff.next(), milliseconds(1'000));
  EXPECT_EQ(backoff.next(), milliseconds(1'600));
  EXPECT_EQ(backoff.next(), milliseconds(2'560));
  EXPECT_EQ(backoff.next(), milliseconds(4'096));
  for (int i = 0; i < 20; ++i) backoff.next();
  EXPECT_EQ(backoff.next(), milliseconds(120'000));
  backoff.reset();
  EXPECT_EQ(backoff.next(), milliseconds(1'000));
}

TEST(BackoffTest, SpreadsByItsJitter) {
  base::Random random(2);
  milliseconds least = milliseconds::max();
  milliseconds most = milliseconds::min();
  for (int i = 0; i < 1'000; ++i) {
    Backoff backoff({}, random);
    const milliseconds delay = backoff.next();
    least = std::min(least, delay);
    most = std::max(most, delay);
  }
  EXPECT_GE(least, milliseconds(800));
  EXPECT_LE(least, milliseconds(810));
  EXPECT_LE(most, milliseconds(1'200));
  EXPECT_GE(most, milliseconds(1'190));
}

TEST(BackoffTest, StaysWithinItsMaximumFromTheStart) {
  base::Random random(3);
  Backoff backoff({.initial = milliseconds(500), .jitter = 0, .maximum = milliseconds(100)},
                  random);
  EXPECT_EQ(backoff.next(), milliseconds(100));
  EXPECT_EQ(backoff.next(), milliseconds(100));
}

}  // namespace
}  // namespace weir::grpc
