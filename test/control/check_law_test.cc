#include "source/control/check_law.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "gtest/gtest.h"

#include "source/base/random.h"

namespace weir::control {
namespace {

using std::chrono::milliseconds;
using upstream::CheckTimes;
using upstream::Health;

// p: pass, d: degraded, f: fail, t: timeout, s: skipped, v: void
CheckResult resultOf(char letter) {
  switch (letter) {
    case 'p':
      return CheckResult::kPass;
    case 'd':
      return CheckResult::kDegraded;
    case 'f':
      return CheckResult::kFail;
    case 't':
      return CheckResult::kTimeout;
    case 's':
      return CheckResult::kSkipped;
    default:
      return CheckResult::kVoid;
  }
}

// What the results make of an endpoint: a letter for its health after each of them.
std::string made(std::string_view results, Health at_first = Health::kUnknown,
                 const CheckTimes& times = {}) {
  CheckLaw law(at_first);
  std::string letters;
  for (const char letter : results) {
    const Health before = law.health();
    const bool changed = law.take(resultOf(letter), times);
    EXPECT_EQ(changed, before != law.health()) << results;
    switch (law.health()) {
      case Health::kHealthy:
        letters += 'H';
        break;
      case Health::kDegraded:
        letters += 'D';
        break;
      case Health::kUnhealthy:
        letters += 'U';
        break;
      default:
        letters += '?';
    }
  }
  return letters;
}

TEST(CheckLaw, TheFirstResultDecidesAlone) {
  EXPECT_EQ(made("p"), "H");
  EXPECT_EQ(made("f"), "U");
  EXPECT_EQ(made("t"), "U");
  EXPECT_EQ(made("d"), "D");
  EXPECT_EQ(made("svp"), "??H");
  // Whatever it was taken for.
  EXPECT_EQ(made("sf", Health::kHealthy), "HU");
  EXPECT_EQ(made("p", Health::kUnhealthy), "H");
  EXPECT_FALSE(CheckLaw(Health::kHealthy).decided());
}

TEST(CheckLaw, ThreeFailuresAndTwoPassesInARow) {
  EXPECT_EQ(made("pfff"), "HHHU");
  EXPECT_EQ(made("pftf"), "HHHU");
  EXPECT_EQ(made("pffpffp"), "HHHHHHH");
  EXPECT_EQ(made("fpp"), "UUH");
  EXPECT_EQ(made("fpfpfpp"), "UUUUUUH");
  CheckTimes times;
  times.unhealthy_threshold = 1;
  times.healthy_threshold = 1;
  EXPECT_EQ(made("pfpf", Health::kUnknown, times), "HUHU");
}

TEST(CheckLaw, WhatIsSkippedOrVoidBreaksNoRow) {
  EXPECT_EQ(made("pfsfvf"), "HHHHHU");
  EXPECT_EQ(made("fpsvp"), "UUUUH");
}

TEST(CheckLaw, DegradedIsAPassOfItsOwnKind) {
  EXPECT_EQ(made("pdd"), "HHD");
  EXPECT_EQ(made("pdpdpd"), "HHHHHH");
  EXPECT_EQ(made("dpp"), "DDH");
  EXPECT_EQ(made("dfff"), "DDDU");
  // A failure or a degraded pass begins a row of its own.
  EXPECT_EQ(made("pffdff"), "HHHHHH");
  EXPECT_EQ(made("pdfdd"), "HHHHD");
  // From below any pass will do, and the last one says what it is.
  EXPECT_EQ(made("fdp"), "UUH");
  EXPECT_EQ(made("fpd"), "UUD");
}

TEST(CheckLaw, PausesAreShortWhileAChangeIsBeingConfirmed) {
  const CheckTimes times{.no_traffic_interval = milliseconds(60'000)};
  CheckLaw law;
  EXPECT_EQ(law.pause(times, true), times.confirm_interval) << "it has no result yet";
  law.take(CheckResult::kPass, times);
  EXPECT_EQ(law.pause(times, false), times.interval);
  EXPECT_EQ(law.pause(times, true), times.no_traffic_interval);
  law.take(CheckResult::kFail, times);
  EXPECT_TRUE(law.failing());
  EXPECT_EQ(law.pause(times, true), times.confirm_interval);
  law.take(CheckResult::kPass, times);
  EXPECT_FALSE(law.failing());
  EXPECT_EQ(law.pause(times, false), times.interval);
  for (int i = 0; i < 3; ++i) law.take(CheckResult::kFail, times);
  EXPECT_EQ(law.pause(times, false), times.interval);
  law.take(CheckResult::kPass, times);
  EXPECT_FALSE(law.failing());
  EXPECT_EQ(law.pause(times, false), times.confirm_interval);
}

TEST(CheckLaw, JitterGoesBothWays) {
  EXPECT_EQ(jittered(milliseconds(5000), 10, 0.5), milliseconds(5000));
  EXPECT_EQ(jittered(milliseconds(5000), 10, 0), milliseconds(4500));
  EXPECT_EQ(jittered(milliseconds(5000), 10, 0.9999999), milliseconds(5500));
  EXPECT_EQ(jittered(milliseconds(5000), 0, 0.1), milliseconds(5000));
}

TEST(CheckLaw, TheWorstOfSeveral) {
  EXPECT_EQ(worseHealth(Health::kHealthy, Health::kDegraded), Health::kDegraded);
  EXPECT_EQ(worseHealth(Health::kUnknown, Health::kDegraded), Health::kUnknown);
  EXPECT_EQ(worseHealth(Health::kUnknown, Health::kUnhealthy), Health::kUnhealthy);
  EXPECT_EQ(worseHealth(Health::kHealthy, Health::kHealthy), Health::kHealthy);
}

// The law by its definition, from all results so far; those that say nothing are left out.
Health defined(const std::string& results, Health at_first, const CheckTimes& times) {
  const auto serving = [](char letter) { return letter == 'p' || letter == 'd'; };
  Health health = at_first;
  size_t since = 0;  // results before it have done their work
  for (size_t end = 1; end <= results.size(); ++end) {
    const char last = results[end - 1];
    const Health said = last == 'p'   ? Health::kHealthy
                        : last == 'd' ? Health::kDegraded
                                      : Health::kUnhealthy;
    if (end == 1) {
      health = said;
      since = end;
      continue;
    }
    if (said == health) continue;
    size_t row = 0;
    for (size_t i = end; i > since; --i) {
      const char letter = results[i - 1];
      const bool counts = health == Health::kUnhealthy ? serving(letter)
                          : said == Health::kUnhealthy ? !serving(letter)
                                                       : letter == last;
      if (!counts) break;
      ++row;
    }
    const size_t needed =
        said == Health::kUnhealthy ? times.unhealthy_threshold : times.healthy_threshold;
    if (row < needed) continue;
    health = said;
    since = end;
  }
  return health;
}

TEST(CheckLaw, IsAsItIsDefined) {
  base::Random random(6);
  for (int round = 0; round < 2000; ++round) {
    CheckTimes times;
    times.unhealthy_threshold = static_cast<uint32_t>(1 + random.uniform(5));
    times.healthy_threshold = static_cast<uint32_t>(1 + random.uniform(5));
    const Health at_first = random.uniform(2) == 0 ? Health::kUnknown : Health::kHealthy;
    // Streaks, so that thresholds are met.
    std::string results, said;
    CheckLaw law(at_first);
    while (results.size() < 60) {
      const char letter = "pdftsv"[random.uniform(6)];
      for (uint64_t n = 1 + random.uniform(6); n > 0; --n) {
        results += letter;
        if (letter != 's' && letter != 'v') said += letter;
        law.take(resultOf(letter), times);
        ASSERT_EQ(law.health(), defined(said, at_first, times)) << results;
        ASSERT_LT(law.run(), std::max(times.unhealthy_threshold, times.healthy_threshold));
      }
    }
  }
}

}  // namespace
}  // namespace weir::control
