#include "source/router/retry_after.h"

#include <chrono>
#include <optional>
#include <string_view>

#include "gtest/gtest.h"

namespace weir::router {
namespace {

using std::chrono::milliseconds;

// Sun, 06 Nov 1994 08:49:37.250 GMT
constexpr event::SystemTime kNow{milliseconds(784'111'777'250)};

class RetryAfterTest : public testing::Test {
 protected:
  std::optional<int64_t> read(const RetryPolicy& policy = {}) {
    const auto wait = retryAfter(policy, fields_, kNow);
    return wait ? std::optional(wait->count()) : std::nullopt;
  }
  std::optional<int64_t> after(std::string_view text) {
    fields_.clear();
    fields_.add("Retry-After", text);
    return read();
  }
  base::Arena arena_;
  http::HeaderMap fields_{arena_};
};

TEST_F(RetryAfterTest, Seconds) {
  EXPECT_EQ(read(), std::nullopt);
  EXPECT_EQ(after("0"), 0);
  EXPECT_EQ(after("2"), 2000);
  EXPECT_EQ(after(" 120 "), 120'000);
  EXPECT_EQ(after("1.5"), 2000);
  // Not around to a short time.
  EXPECT_GT(*after("99999999999999999999999999"), 1'000'000'000);
}

TEST_F(RetryAfterTest, ADate) {
  EXPECT_EQ(after("Sun, 06 Nov 1994 08:49:40 GMT"), 2750);
  EXPECT_EQ(after("Sun, 06 Nov 1994 08:49:37 GMT"), 0);
  EXPECT_EQ(after("Sat, 05 Nov 1994 08:49:37 GMT"), 0);
  EXPECT_EQ(after("Sunday, 06-Nov-94 08:49:40 GMT"), 2750);
}

TEST_F(RetryAfterTest, WhatIsNeither) {
  for (const char* text : {"", "soon", "-1", "1s", "1.", ".5", "1.x", "0x10", "1, 2", "+1"}) {
    EXPECT_EQ(after(text), std::nullopt) << text;
  }
}

TEST_F(RetryAfterTest, OtherFieldsComeFirst) {
  RetryPolicy policy;
  policy.reset_fields = {{.name = "X-RateLimit-Reset", .unix_time = true},
                         {.name = "RateLimit-Reset"}};
  fields_.add("Retry-After", "9");
  EXPECT_EQ(read(policy), 9000);
  fields_.add("ratelimit-reset", "3");
  EXPECT_EQ(read(policy), 3000);
  fields_.add("x-ratelimit-reset", "784111780");
  EXPECT_EQ(read(policy), 3000);
  fields_.set("x-ratelimit-reset", "784111790");
  EXPECT_EQ(read(policy), 13'000);
  fields_.set("x-ratelimit-reset", "5");
  EXPECT_EQ(read(policy), 0);
  fields_.set("x-ratelimit-reset", "tomorrow");
  EXPECT_EQ(read(policy), 3000);
}

}  // namespace
}  // namespace weir::router
