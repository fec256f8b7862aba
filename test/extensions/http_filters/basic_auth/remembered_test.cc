#include "extensions/http_filters/basic_auth/remembered.h"

#include <string>

#include "gtest/gtest.h"

namespace weir::extensions::http_filters::basic_auth {
namespace {

using std::chrono::milliseconds;

TEST(Remembered, ForAWhile) {
  Remembered remembered(milliseconds(1000));
  const event::MonotonicTime now{};
  const auto digest = remembered.digest("a", "b", "hash");
  EXPECT_FALSE(remembered.has(digest, now));
  remembered.add(digest, now);
  EXPECT_TRUE(remembered.has(digest, now + milliseconds(999)));
  EXPECT_FALSE(remembered.has(digest, now + milliseconds(1000)));
  EXPECT_FALSE(remembered.has(remembered.digest("ab", "", "hash"), now));
  EXPECT_FALSE(remembered.has(remembered.digest("a", "b", "hash2"), now));
  EXPECT_NE(Remembered(milliseconds(1)).digest("a", "b", "hash"), digest);  // another key
}

TEST(Remembered, NothingWithoutATime) {
  Remembered remembered(milliseconds(0));
  remembered.add(remembered.digest("a", "b", "h"), {});
  EXPECT_FALSE(remembered.has(remembered.digest("a", "b", "h"), {}));
}

TEST(Remembered, TheOldestGoes) {
  Remembered remembered(milliseconds(1000));
  const auto digest = [&](size_t i) { return remembered.digest(std::to_string(i), "p", "h"); };
  for (size_t i = 0; i <= Remembered::kMaxEntries; ++i) remembered.add(digest(i), {});
  EXPECT_FALSE(remembered.has(digest(0), {}));
  EXPECT_TRUE(remembered.has(digest(1), {}));
  EXPECT_TRUE(remembered.has(digest(Remembered::kMaxEntries), {}));
}

}  // namespace
}  // namespace weir::extensions::http_filters::basic_auth
