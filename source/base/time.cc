#include "source/base/time.h"

#include <algorithm>
#include <cstdint>

namespace weir::base {
namespace {

using std::chrono::system_clock;

struct Civil {
  int year, month, day, hour, minute, second, millisecond;
  int weekday;  // 0: Sunday
};

Civil civilOf(system_clock::time_point time) {
  namespace chrono = std::chrono;
  // 0000-01-01 to 9999-12-31 in milliseconds, which system_clock's nanoseconds need not reach.
  constexpr int64_t kFirst = -62'167'219'200'000;
  constexpr int64_t kLast = 253'402'300'799'999;
  const int64_t since = chrono::floor<chrono::milliseconds>(time).time_since_epoch().count();
  const chrono::sys_time<chrono::milliseconds> moment{
      chrono::milliseconds(std::clamp(since, kFirst, kLast))};
  const auto day = chrono::floor<chrono::days>(moment);
  const chrono::year_month_day date(day);
  const int64_t ms = (moment - day).count();
  return {static_cast<int>(date.year()),
          static_cast<int>(static_cast<unsigned>(date.month())),
          static_cast<int>(static_cast<unsigned>(date.day())),
          static_cast<int>(ms / 3'600'000),
          static_cast<int>(ms / 60'000 % 60),
          static_cast<int>(ms / 1000 % 60),
          static_cast<int>(ms % 1000),
          static_cast<int>(chrono::weekday(day).c_encoding())};
}

// Fills a text from left to right.
class Writer {
 public:
  explicit Writer(char* to) : to_(to) {}
  Writer& text(std::string_view text) {
    to_ = std::copy(text.begin(), text.end(), to_);
    return *this;
  }
  Writer& number(int value, int digits) {
    for (int i = digits - 1; i >= 0; --i, value /= 10) to_[i] = static_cast<char>('0' + value % 10);
    to_ += digits;
    return *this;
  }

 private:
  char* to_;
};

}  // namespace

std::string_view formatRfc3339(system_clock::time_point time, std::span<char, kRfc3339Size> text) {
  const Civil at = civilOf(time);
  Writer(text.data())
      .number(at.year, 4)
      .text("-")
      .number(at.month, 2)
      .text("-")
      .number(at.day, 2)
      .text("T")
      .number(at.hour, 2)
      .text(":")
      .number(at.minute, 2)
      .text(":")
      .number(at.second, 2)
      .text(".")
      .number(at.millisecond, 3)
      .text("Z");
  return {text.data(), text.size()};
}

std::string_view formatHttpDate(system_clock::time_point time,
                                std::span<char, kHttpDateSize> text) {
  constexpr std::string_view kDays = "SunMonTueWedThuFriSat";
  constexpr std::string_view kMonths = "JanFebMarAprMayJunJulAugSepOctNovDec";
  const Civil at = civilOf(time);
  Writer(text.data())
      .text(kDays.substr(static_cast<size_t>(at.weekday) * 3, 3))
      .text(", ")
      .number(at.day, 2)
      .text(" ")
      .text(kMonths.substr(static_cast<size_t>(at.month - 1) * 3, 3))
      .text(" ")
      .number(at.year, 4)
      .text(" ")
      .number(at.hour, 2)
      .text(":")
      .number(at.minute, 2)
      .text(":")
      .number(at.second, 2)
      .text(" GMT");
  return {text.data(), text.size()};
}

system_clock::time_point wallClock() {
  return system_clock::now();
}

std::chrono::steady_clock::time_point coarseNow() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &time);
  return std::chrono::steady_clock::time_point(std::chrono::seconds(time.tv_sec) +
                                               std::chrono::nanoseconds(time.tv_nsec));
}

}  // namespace weir::base
