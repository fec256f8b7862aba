#include "source/http/http_date.h"

#include <array>
#include <chrono>
#include <string>

#include "gtest/gtest.h"

#include "source/base/time.h"

namespace weir::http {
namespace {

// 22 Nov 2026
constexpr event::SystemTime kNow{std::chrono::seconds(1'795'300'000)};

// In the usual format; empty: it is none.
std::string read(std::string_view text) {
  const auto time = parseHttpDate(text, kNow);
  if (!time) return "";
  std::array<char, base::kHttpDateSize> bytes;
  return std::string(base::formatHttpDate(*time, bytes));
}

TEST(HttpDateTest, TheThreeFormats) {
  constexpr std::string_view kThen = "Sun, 06 Nov 1994 08:49:37 GMT";
  EXPECT_EQ(read(kThen), kThen);
  EXPECT_EQ(read("Sunday, 06-Nov-94 08:49:37 GMT"), kThen);
  EXPECT_EQ(read("Sun Nov  6 08:49:37 1994"), kThen);
  EXPECT_EQ(read("Wed Nov 16 08:49:37 1994"), "Wed, 16 Nov 1994 08:49:37 GMT");
}

TEST(HttpDateTest, TwoDigitYearsAreNearNow) {
  EXPECT_EQ(read("Friday, 01-Jan-27 00:00:00 GMT"), "Fri, 01 Jan 2027 00:00:00 GMT");
  EXPECT_EQ(read("Wednesday, 01-Jan-76 00:00:00 GMT"), "Wed, 01 Jan 2076 00:00:00 GMT");
  EXPECT_EQ(read("Saturday, 01-Jan-77 00:00:00 GMT"), "Sat, 01 Jan 1977 00:00:00 GMT");
}

TEST(HttpDateTest, LeapDaysAndSeconds) {
  EXPECT_EQ(read("Thu, 29 Feb 2024 00:00:00 GMT"), "Thu, 29 Feb 2024 00:00:00 GMT");
  EXPECT_EQ(read("Wed, 29 Feb 2023 00:00:00 GMT"), "");
  EXPECT_EQ(read("Sat, 31 Dec 2016 23:59:60 GMT"), "Sun, 01 Jan 2017 00:00:00 GMT");
}

TEST(HttpDateTest, OfFarDatesTheNearestThatTheClockHasRoomFor) {
  EXPECT_EQ(read("Fri, 31 Dec 9999 23:59:59 GMT"), "Wed, 01 Jan 2200 00:00:00 GMT");
  EXPECT_EQ(read("Sat, 01 Jan 0000 00:00:00 GMT"), "Thu, 01 Jan 1970 00:00:00 GMT");
}

TEST(HttpDateTest, WhatIsNoDate) {
  for (const char* text :
       {"", " ", "0", "-1", "120", "Sun, 06 Nov 1994 08:49:37", "Sun, 06 Nov 1994 08:49:37 GMT ",
        "Sun, 6 Nov 1994 08:49:37 GMT", "Sun, 06 Nvo 1994 08:49:37 GMT",
        "Sun, 32 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 24:49:37 GMT",
        "Sun, 06 Nov 1994 08:60:37 GMT", "Sun, 06 Nov 1994 08:49:61 GMT",
        "Sun, 06 Nov 19a4 08:49:37 GMT", "Sun, 06-Nov-1994 08:49:37 GMT", "Sun Nov 6 08:49:37 1994",
        "Sun, ", "a b", "Sun, 06 Nov 1994 08:49:37 +0100"}) {
    EXPECT_EQ(read(text), "") << text;
  }
}

}  // namespace
}  // namespace weir::http
