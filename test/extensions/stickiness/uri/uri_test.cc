#include "extensions/stickiness/uri/uri.h"

#include "gtest/gtest.h"

namespace weir::extensions::stickiness::uri {
namespace {

TEST(UriTest, LeadingSegments) {
  EXPECT_EQ(leadingSegments("/a/b/c", 0), "/a/b/c");
  EXPECT_EQ(leadingSegments("/a/b/c", 1), "/a");
  EXPECT_EQ(leadingSegments("/a/b/c", 2), "/a/b");
  EXPECT_EQ(leadingSegments("/a/b/c", 3), "/a/b/c");
  EXPECT_EQ(leadingSegments("/a/b/c", 64), "/a/b/c");
  EXPECT_EQ(leadingSegments("/a/", 1), "/a");
  EXPECT_EQ(leadingSegments("/a/", 2), "/a/");
  EXPECT_EQ(leadingSegments("//x", 1), "/");
  EXPECT_EQ(leadingSegments("/", 1), "/");
  EXPECT_EQ(leadingSegments("*", 1), "*");
  EXPECT_EQ(leadingSegments("", 1), "");
}

}  // namespace
}  // namespace weir::extensions::stickiness::uri
