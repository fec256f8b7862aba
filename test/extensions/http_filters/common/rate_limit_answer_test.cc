#include "extensions/http_filters/common/rate_limit_answer.h"

#include <string>

#include "gtest/gtest.h"

#include "source/base/arena.h"

namespace weir::extensions::http_filters {
namespace {

using std::chrono::milliseconds;

constexpr RateLimitStanding kStanding{.name = "client",
                                      .quota = 100,
                                      .window = milliseconds(60'000),
                                      .left = 7,
                                      .until_full = milliseconds(11'001)};

std::string told(RateLimitAnswer::Fields style, const RateLimitStanding& standing = kStanding) {
  base::Arena arena;
  http::HeaderMap fields(arena);
  fields.add("RateLimit", "of an endpoint");
  RateLimitAnswer(429, "", style, true).tell(standing, fields);
  std::string text;
  fields.forEach([&](const http::HeaderMap::Field& field) {
    text.append(field.name).append(": ").append(field.value).append("\n");
  });
  return text;
}

TEST(RateLimitAnswer, FieldsOfTheDraftReplaceThoseOfEndpoints) {
  const std::string text = told(RateLimitAnswer::Fields::kStandard);
  EXPECT_NE(text.find("imit: \"client\";r=7;t=12\n"), std::string::npos) << text;
  EXPECT_NE(text.find("ratelimit-policy: \"client\";q=100;w=60\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("of an endpoint"), std::string::npos) << text;
}

TEST(RateLimitAnswer, FieldsOfCustom) {
  EXPECT_EQ(told(RateLimitAnswer::Fields::kX),
            "RateLimit: of an endpoint\nx-ratelimit-limit: 100\nx-ratelimit-remaining: 7\n"
            "x-ratelimit-reset: 12\n");
}

TEST(RateLimitAnswer, WindowsUnderASecondHaveNoLength) {
  RateLimitStanding standing = kStanding;
  standing.window = milliseconds(500);
  standing.left = 0;
  standing.until_next = milliseconds(1);
  const std::string text = told(RateLimitAnswer::Fields::kBoth, standing);
  EXPECT_NE(text.find("ratelimit-policy: \"client\";q=100\n"), std::string::npos) << text;
  EXPECT_NE(text.find("\"client\";r=0;t=1\n"), std::string::npos) << text;
  EXPECT_NE(text.find("x-ratelimit-reset: 1\n"), std::string::npos) << text;
}

TEST(RateLimitAnswer, NamesAsLongAsTheyMayBeFit) {
  RateLimitStanding standing = kStanding;
  const std::string name(64, 'n');
  standing.name = name;
  standing.quota = standing.left = ~uint64_t{0};
  const std::string text = told(RateLimitAnswer::Fields::kStandard, standing);
  EXPECT_NE(text.find(";r=18446744073709551615;t=12\n"), std::string::npos) << text;
  EXPECT_NE(text.find(";q=18446744073709551615;w=60\n"), std::string::npos) << text;
}

TEST(RateLimitAnswer, TheTighterOneIsTold) {
  RateLimitStanding waits = kStanding;
  waits.until_next = milliseconds(10);
  EXPECT_TRUE(waits.tighterThan(kStanding));
  EXPECT_FALSE(kStanding.tighterThan(waits));
  RateLimitStanding less = kStanding;
  less.left = 6;
  EXPECT_TRUE(less.tighterThan(kStanding));
}

}  // namespace
}  // namespace weir::extensions::http_filters
