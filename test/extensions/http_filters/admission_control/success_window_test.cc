#include "extensions/http_filters/admission_control/success_window.h"

#include <cmath>
#include <cstdio>
#include <deque>

#include "gtest/gtest.h"

#include "source/base/random.h"

namespace weir::extensions::http_filters::admission_control {
namespace {

using event::MonotonicTime;
using std::chrono::milliseconds;
using std::chrono::seconds;

MonotonicTime at(double time) {
  return MonotonicTime(milliseconds(static_cast<int64_t>((5000 + time) * 1000)));
}

TEST(AdmissionLaw, RefusesWhatIsMissing) {
  const AdmissionLaw law{.threshold = 0.5, .max_rejection = 1};
  EXPECT_EQ(law.rejection(0, 0), 0);
  EXPECT_EQ(law.rejection(100, 100), 0);
  EXPECT_EQ(law.rejection(100, 50), 0);
  EXPECT_NEAR(law.rejection(100, 25), 50.0 / 101, 1e-9);
  EXPECT_NEAR(law.rejection(100, 0), 100.0 / 101, 1e-9);
}

TEST(AdmissionLaw, AggressionMostAndRate) {
  AdmissionLaw law{.threshold = 1, .max_rejection = 1};
  const double one = law.rejection(1000, 900);
  law.aggression = 2;
  EXPECT_NEAR(law.rejection(1000, 900), std::sqrt(one), 1e-9);
  law.max_rejection = 0.2;
  EXPECT_EQ(law.rejection(1000, 0), 0.2);
  law.rps_threshold = 100;
  EXPECT_EQ(law.rejection(2999, 0), 0);
  EXPECT_EQ(law.rejection(3000, 0), 0.2);
}

// Against a list of all that was added.
TEST(SuccessWindow, KeepsTheLastSeconds) {
  struct Entry {
    int64_t second;
    bool success;
  };
  base::Random random(4);
  SuccessWindow window(seconds(7));
  std::deque<Entry> list;
  double time = 0;
  for (int i = 0; i < 20'000; ++i) {
    time += random.uniform(50) == 0 ? random.unit() * 20 : random.unit() * 0.2;
    const auto second = static_cast<int64_t>(5000 + time);
    const bool success = random.uniform(3) != 0;
    window.add(success, at(time));
    list.push_back({second, success});
    while (list.front().second <= second - 7) list.pop_front();
    uint64_t successes = 0;
    for (const Entry& entry : list) successes += entry.success ? 1 : 0;
    const SuccessWindow::Totals totals = window.totals(at(time));
    ASSERT_EQ(totals.requests, list.size()) << i;
    ASSERT_EQ(totals.successes, successes) << i;
  }
  EXPECT_EQ(window.totals(at(time + 7)).requests, 0u);
  EXPECT_EQ(window.totals(at(time)).requests, 0u) << "a clock that goes back changes nothing";
}

struct Figures {
  int sent = 0;
  int refused = 0;
  int failed = 0;
};

// 1000 requests a second for an endpoint of which some fail.
Figures run(SuccessWindow& window, const AdmissionLaw& law, double& time, double duration,
            double failing, base::Random& random) {
  Figures figures;
  for (const double end = time + duration; time < end; time += 0.001) {
    const SuccessWindow::Totals totals = window.totals(at(time));
    if (random.unit() < law.rejection(totals.requests, totals.successes)) {
      ++figures.refused;
      continue;
    }
    const bool fails = random.unit() < failing;
    ++figures.sent;
    figures.failed += fails ? 1 : 0;
    window.add(!fails, at(time));
  }
  return figures;
}

void show(const char* what, const Figures& figures, double duration) {
  std::printf("%-28s sent %4.0f/s  refused %4.0f/s  failed %4.0f/s\n", what,
              figures.sent / duration, figures.refused / duration, figures.failed / duration);
}

TEST(AdmissionControl, SparesEndpointsThatFailAndComesBack) {
  const AdmissionLaw law;
  SuccessWindow window(law.window);
  base::Random random(8);
  double time = 0;
  const Figures well = run(window, law, time, 60, 0.01, random);
  show("1 % fail", well, 60);
  EXPECT_EQ(well.refused, 0);
  run(window, law, time, 30, 0.5, random);
  const Figures half = run(window, law, time, 60, 0.5, random);
  show("50 % fail", half, 60);
  // (1 - 0.5 / 0.95) = 47 % of all.
  EXPECT_NEAR(half.refused / 60'000.0, 0.47, 0.06);
  run(window, law, time, 30, 1, random);
  const Figures down = run(window, law, time, 60, 1, random);
  show("all fail", down, 60);
  EXPECT_NEAR(down.refused / 60'000.0, 0.8, 0.02);
  int recovery = 0;
  Figures after;
  do {
    after = run(window, law, time, 1, 0, random);
    ++recovery;
  } while (after.refused > 0 && recovery < 100);
  std::printf("well again: nothing refused after %d s\n", recovery);
  EXPECT_LE(recovery, 31);
}

}  // namespace
}  // namespace weir::extensions::http_filters::admission_control
