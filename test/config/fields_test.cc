#include "source/config/fields.h"

#include <gtest/gtest.h>

namespace weir::config {
namespace {

using std::chrono::milliseconds;

TEST(Fields, DurationsAreWrittenInTheLargestWholeUnit) {
  EXPECT_EQ(durationText(milliseconds(0)), "0 s");
  EXPECT_EQ(durationText(milliseconds(1)), "1 ms");
  EXPECT_EQ(durationText(milliseconds(999)), "999 ms");
  EXPECT_EQ(durationText(milliseconds(1'500)), "1.5 s");
  EXPECT_EQ(durationText(milliseconds(100'000'000)), "100000 s");
  EXPECT_EQ(durationText(milliseconds(600'000)), "10 min");
  EXPECT_EQ(durationText(milliseconds(86'400'000)), "24 h");
}

}  // namespace
}  // namespace weir::config
