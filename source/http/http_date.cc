#include "source/http/http_date.h"

#include <algorithm>
#include <array>
#include <chrono>

namespace weir::http {
namespace {

using std::chrono::day;
using std::chrono::month;
using std::chrono::sys_days;
using std::chrono::year;
using std::chrono::year_month_day;

constexpr std::array<std::string_view, 12> kMonths = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                      "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

constexpr sys_days kFirst = year(1970) / 1 / 1;
constexpr sys_days kLast = year(2200) / 1 / 1;

// Takes a date apart from the left. Worker-confined.
class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool ok() const { return ok_; }
  bool done() const { return ok_ && text_.empty(); }
  void expect(std::string_view literal) {
    ok_ = ok_ && text_.starts_with(literal);
    if (ok_) text_.remove_prefix(literal.size());
  }
  unsigned digits(size_t count) {
    ok_ = ok_ && text_.size() >= count;
    unsigned value = 0;
    for (size_t i = 0; ok_ && i < count; ++i) {
      ok_ = text_[i] >= '0' && text_[i] <= '9';
      value = value * 10 + static_cast<unsigned>(text_[i] - '0');
    }
    if (ok_) text_.remove_prefix(count);
    return value;
  }
  // " 6" or "16".
  unsigned paddedDay() {
    if (!text_.starts_with(' ')) return digits(2);
    expect(" ");
    return digits(1);
  }
  unsigned monthName() {
    for (unsigned i = 0; ok_ && i < kMonths.size(); ++i) {
      if (!text_.starts_with(kMonths[i])) continue;
      text_.remove_prefix(kMonths[i].size());
      return i + 1;
    }
    ok_ = false;
    return 0;
  }

 private:
  std::string_view text_;
  bool ok_ = true;
};

struct Moment {
  unsigned of_year = 0, of_month = 0, of_day = 0, hour = 0, minute = 0, second = 0;
};

void readTime(Reader& reader, Moment& moment) {
  moment.hour = reader.digits(2);
  reader.expect(":");
  moment.minute = reader.digits(2);
  reader.expect(":");
  moment.second = reader.digits(2);
}

// "06 Nov 1994 08:49:37 GMT"
bool readFixdate(std::string_view text, Moment& moment) {
  Reader reader(text);
  moment.of_day = reader.digits(2);
  reader.expect(" ");
  moment.of_month = reader.monthName();
  reader.expect(" ");
  moment.of_year = reader.digits(4);
  reader.expect(" ");
  readTime(reader, moment);
  reader.expect(" GMT");
  return reader.done();
}

// "06-Nov-94 08:49:37 GMT"; the year is of a century that comes later.
bool readRfc850(std::string_view text, Moment& moment) {
  Reader reader(text);
  moment.of_day = reader.digits(2);
  reader.expect("-");
  moment.of_month = reader.monthName();
  reader.expect("-");
  moment.of_year = reader.digits(2);
  reader.expect(" ");
  readTime(reader, moment);
  reader.expect(" GMT");
  return reader.done();
}

// "Nov  6 08:49:37 1994"
bool readAsctime(std::string_view text, Moment& moment) {
  Reader reader(text);
  moment.of_month = reader.monthName();
  reader.expect(" ");
  moment.of_day = reader.paddedDay();
  reader.expect(" ");
  readTime(reader, moment);
  reader.expect(" ");
  moment.of_year = reader.digits(4);
  return reader.done();
}

unsigned yearOf(event::SystemTime time) {
  const year_month_day date(std::chrono::floor<std::chrono::days>(time));
  return static_cast<unsigned>(static_cast<int>(date.year()));
}

unsigned fullYear(unsigned two_digits, event::SystemTime now) {
  const unsigned this_year = yearOf(now);
  const unsigned full = this_year / 100 * 100 + two_digits;
  return full > this_year + 50 ? full - 100 : full;
}

std::optional<event::SystemTime> timeOf(const Moment& moment) {
  const year_month_day date(year(static_cast<int>(moment.of_year)), month(moment.of_month),
                            day(moment.of_day));
  // A leap second is the next one's first.
  if (!date.ok() || moment.hour > 23 || moment.minute > 59 || moment.second > 60) {
    return std::nullopt;
  }
  const auto of_day = std::chrono::hours(moment.hour) + std::chrono::minutes(moment.minute) +
                      std::chrono::seconds(moment.second);
  const std::chrono::sys_seconds time = sys_days(date) + of_day;
  return event::SystemTime(
      std::clamp(time, std::chrono::sys_seconds(kFirst), std::chrono::sys_seconds(kLast)));
}

}  // namespace

std::optional<event::SystemTime> parseHttpDate(std::string_view text, event::SystemTime now) {
  Moment moment;
  const size_t space = text.find(' ');
  if (space == std::string_view::npos || space < 3) return std::nullopt;
  const std::string_view rest = text.substr(space + 1);
  if (text[space - 1] != ',') {
    if (!readAsctime(rest, moment)) return std::nullopt;
  } else if (rest.size() > 2 && rest[2] == '-') {
    if (!readRfc850(rest, moment)) return std::nullopt;
    moment.of_year = fullYear(moment.of_year, now);
  } else if (!readFixdate(rest, moment)) {
    return std::nullopt;
  }
  return timeOf(moment);
}

}  // namespace weir::http
