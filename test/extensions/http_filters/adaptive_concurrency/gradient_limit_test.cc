#include "extensions/http_filters/adaptive_concurrency/gradient_limit.h"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdio>
#include <deque>
#include <queue>
#include <thread>
#include <vector>

#include "gtest/gtest.h"

namespace weir::extensions::http_filters::adaptive_concurrency {
namespace {

using event::MonotonicTime;

TEST(TimeHistogram, PercentilesAreRightToAStep) {
  base::Random random(5);
  for (int round = 0; round < 50; ++round) {
    TimeHistogram histogram;
    std::vector<int64_t> times;
    for (int i = 0; i < 400; ++i) {
      times.push_back(
          static_cast<int64_t>(random.uniform(uint64_t{1} << (1 + random.uniform(33)))));
      histogram.add(microseconds(times.back()));
    }
    std::sort(times.begin(), times.end());
    for (const double share : {0.1, 0.5, 0.9, 0.99}) {
      const auto exact = static_cast<double>(times[static_cast<size_t>(share * 400) - 1]);
      const auto found = static_cast<double>(histogram.percentile(share).count());
      ASSERT_GE(found, exact * 0.93 - 1) << share;
      ASSERT_LE(found, exact * 1.07 + 1) << share;
    }
  }
  TimeHistogram histogram;
  histogram.add(microseconds(-5));
  EXPECT_LE(histogram.percentile(0.5).count(), 1);
  histogram.clear();
  histogram.add(std::chrono::hours(1000));
  EXPECT_GT(histogram.percentile(0.5).count(), 0);
}

TEST(GradientLimit, NeverLetsMoreThroughThanItsLimit) {
  GradientLimit limit({.min_concurrency = 7}, 1);
  std::atomic<int> inside{0};
  std::atomic<bool> over{false};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 20'000; ++n) {
        if (!limit.enter()) continue;
        if (inside.fetch_add(1) + 1 > 7) over = true;
        inside.fetch_sub(1);
        limit.leave();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_FALSE(over);
  EXPECT_EQ(limit.state().in_flight, 0u);
}

// A service with a number of places; what finds none waits in a line. Requests come as a Poisson
// process, and count as good when their answer comes within the patience of their client. A client
// that has lost its patience is gone, but its request has to be worked off all the same.
class Plant {
 public:
  struct Figures {
    int offered = 0;
    int refused = 0;
    int good = 0;
    std::vector<double> times;  // of answers, in seconds
    double percentile(double share) {
      if (times.empty()) return 0;
      std::sort(times.begin(), times.end());
      return times[static_cast<size_t>(share * static_cast<double>(times.size() - 1))];
    }
  };

  // `limit` null: everything goes through.
  Plant(GradientLimit* limit, int places, double service_seconds)
      : limit_(limit), places_(places), service_(service_seconds) {}

  void setPlaces(int places) { places_ = places; }
  int places() const { return places_; }

  Figures run(double seconds, double rate) {
    Figures figures;
    const double end = now_ + seconds;
    double next = now_ + gap(rate);
    while (true) {
      const double done = ends_.empty() ? 1e300 : ends_.top().at;
      if (std::min(next, done) > end) break;
      if (next < done) {
        now_ = next;
        next = now_ + gap(rate);
        arrive(figures);
      } else {
        now_ = done;
        finish(figures);
      }
    }
    now_ = end;
    return figures;
  }

 private:
  static constexpr double kPatience = 0.5;
  struct End {
    double at;
    double started;
    bool operator<(const End& other) const { return at > other.at; }
  };
  double gap(double rate) { return -std::log(1 - random_.unit()) / rate; }
  static MonotonicTime time(double seconds) {
    return MonotonicTime(std::chrono::duration_cast<MonotonicTime::duration>(
        std::chrono::duration<double>(1000 + seconds)));
  }
  void arrive(Figures& figures) {
    ++figures.offered;
    if (limit_ != nullptr && !limit_->enter()) {
      ++figures.refused;
      return;
    }
    line_.push_back(now_);
    serve();
  }
  void serve() {
    while (!line_.empty() && static_cast<int>(ends_.size()) < places_) {
      ends_.push({now_ + service_ * (0.8 + 0.4 * random_.unit()), line_.front()});
      line_.pop_front();
    }
  }
  void finish(Figures& figures) {
    const End end = ends_.top();
    ends_.pop();
    const double took = now_ - end.started;
    figures.times.push_back(took);
    figures.good += took <= kPatience ? 1 : 0;
    if (limit_ != nullptr) {
      limit_->sample(time(end.started), microseconds(static_cast<int64_t>(took * 1e6)), time(now_));
      limit_->leave();
    }
    serve();
  }

  GradientLimit* limit_;
  int places_;
  const double service_;
  double now_ = 0;
  base::Random random_{99};
  std::deque<double> line_;  // when each came
  std::priority_queue<End> ends_;
};

void show(const char* what, Plant::Figures& figures, double seconds) {
  std::printf("%-34s offered %6.0f/s  refused %6.0f/s  good %6.0f/s  p50 %7.1f ms  p99 %7.1f ms\n",
              what, figures.offered / seconds, figures.refused / seconds, figures.good / seconds,
              figures.percentile(0.5) * 1e3, figures.percentile(0.99) * 1e3);
}

// 20 places of 10 ms: 2000 requests a second; three times that comes.
TEST(GradientLimit, KeepsGoodputUnderThreefoldOverload) {
  Plant bare(nullptr, 20, 0.010);
  bare.run(5, 1000);
  Plant::Figures without = bare.run(20, 6000);
  show("3x overload, without", without, 20);

  GradientLimit limit({}, 1);
  Plant limited(&limit, 20, 0.010);
  Plant::Figures before = limited.run(5, 1000);
  show("half load, with", before, 5);
  Plant::Figures with = limited.run(20, 6000);
  show("3x overload, with", with, 20);
  std::printf("limit %u\n", limit.state().limit);

  EXPECT_LT(without.good, 20 * 2000 / 4);
  EXPECT_GT(with.good, 20 * 2000 * 85 / 100);
  EXPECT_LT(with.percentile(0.99), 0.060);
  EXPECT_LT(before.refused, before.offered / 10) << "the first measurement costs some";

  // Load as before again: nothing is refused but while it is measured.
  limited.run(2, 1000);
  Plant::Figures after = limited.run(20, 1000);
  show("half load again, with", after, 20);
  EXPECT_LT(after.refused, after.offered / 50);
}

TEST(GradientLimit, FollowsTheCapacityDownAndUp) {
  GradientLimit limit({}, 1);
  Plant plant(&limit, 20, 0.010);
  plant.run(10, 1600);
  plant.setPlaces(5);  // 500 requests a second
  plant.run(5, 1600);
  Plant::Figures poor = plant.run(20, 1600);
  show("a quarter of the capacity", poor, 20);
  std::printf("limit %u\n", limit.state().limit);
  EXPECT_GT(poor.good, 20 * 500 * 80 / 100);
  EXPECT_LT(limit.state().limit, 20u);
  plant.setPlaces(20);
  plant.run(5, 1600);
  Plant::Figures again = plant.run(20, 1600);
  show("all of it again", again, 20);
  std::printf("limit %u\n", limit.state().limit);
  EXPECT_GT(again.good, 20 * 1600 * 90 / 100);
}

TEST(GradientLimit, StaysWithinItsBounds) {
  GradientLimit limit({.min_concurrency = 2, .max_concurrency = 40}, 1);
  Plant plant(&limit, 1000, 0.010);
  plant.run(10, 20'000);
  EXPECT_EQ(limit.state().limit, 40u);
  plant.setPlaces(1);
  for (int i = 0; i < 100; ++i) {
    plant.run(0.1, 20'000);
    EXPECT_GE(limit.state().limit, 2u);
    EXPECT_LE(limit.state().limit, 40u);
  }
}

TEST(GradientLimit, DoesNotGrowWhileLittleIsUsed) {
  GradientLimit limit({}, 1);
  Plant plant(&limit, 1000, 0.010);
  plant.run(60, 500);  // about five at a time
  EXPECT_LT(limit.state().limit, 50u);
}

// So few are under way that the time without load is seen all the time.
TEST(GradientLimit, NeedsNoMeasurementUnderLowLoad) {
  GradientLimit limit(
      {.min_concurrency = 10, .min_rtt_interval = milliseconds(1000), .min_rtt_requests = 5}, 1);
  Plant plant(&limit, 1000, 0.010);
  plant.run(2, 100);
  bool measured = false;
  for (int i = 0; i < 200; ++i) {
    plant.run(0.1, 100);
    measured |= limit.state().measuring;
  }
  EXPECT_FALSE(measured);
}

TEST(GradientLimit, OldRequestsSayNothingOfTheTimeWithoutLoad) {
  GradientLimit limit({.min_rtt_interval = milliseconds(1000), .jitter = 0, .min_rtt_requests = 2},
                      1);
  MonotonicTime now(std::chrono::seconds(1000));
  const auto sample = [&](int back_ms, int took_ms) {
    limit.sample(now - milliseconds(back_ms), milliseconds(took_ms), now);
  };
  sample(10, 10);
  sample(10, 10);
  EXPECT_FALSE(limit.state().measuring);
  EXPECT_NEAR(static_cast<double>(limit.state().min_rtt.count()), 10'000, 700);
  now += milliseconds(1500);
  for (int i = 0; i < 10; ++i) limit.enter();  // more than so few
  sample(50, 50);
  now += milliseconds(150);
  sample(50, 50);
  ASSERT_TRUE(limit.state().measuring);
  now += milliseconds(10);
  for (int i = 0; i < 10; ++i) sample(500, 500);
  EXPECT_TRUE(limit.state().measuring) << "begun before";
  sample(5, 5);
  sample(5, 5);
  EXPECT_FALSE(limit.state().measuring);
  EXPECT_NEAR(static_cast<double>(limit.state().min_rtt.count()), 5'000, 400);
}

}  // namespace
}  // namespace weir::extensions::http_filters::adaptive_concurrency
