#include "source/base/keyed_hash.h"

#include <gtest/gtest.h>

#include <string>

namespace weir::base {
namespace {

// What CPython 3.11 says with PYTHONHASHSEED=0, whose key is zero: hash(b"weir") % 2**64.
TEST(KeyedHash, IsSipHash13) {
  EXPECT_EQ(keyedHash("a", {}), 0x407448d2b89b1813u);
  EXPECT_EQ(keyedHash("weir", {}), 0xafd841259e24ac48u);
  EXPECT_EQ(keyedHash("12345678", {}), 0x3489982430560a87u);
  EXPECT_EQ(keyedHash("a key of twenty bytes", {}), 0x696de799e9ca9ebau);
  std::string bytes;
  for (int i = 0; i < 64; ++i) bytes.push_back(static_cast<char>(i));
  EXPECT_EQ(keyedHash(bytes, {}), 0x75e05fd5bbc870c6u);
}

TEST(KeyedHash, DependsOnTheWholeKey) {
  EXPECT_NE(keyedHash("a", {1, 0}), keyedHash("a", {}));
  EXPECT_NE(keyedHash("a", {0, 1}), keyedHash("a", {}));
  EXPECT_NE(keyedHash("a", newHashKey()), keyedHash("a", newHashKey()));
}

}  // namespace
}  // namespace weir::base
