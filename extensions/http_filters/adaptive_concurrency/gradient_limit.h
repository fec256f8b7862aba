#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "source/base/random.h"
#include "source/event/dispatcher.h"

namespace weir::extensions::http_filters::adaptive_concurrency {

using std::chrono::microseconds;
using std::chrono::milliseconds;

// Value; part of the configuration.
struct GradientSettings {
  uint32_t min_concurrency = 3;
  uint32_t max_concurrency = 1000;
  milliseconds update_interval{100};
  double percentile = 0.5;
  double buffer = 0.25;  // of the time without load
  milliseconds min_rtt_interval{60'000};
  double jitter = 0.15;  // of the interval
  uint32_t min_rtt_requests = 50;

  bool operator==(const GradientSettings&) const = default;
};

// Times of answers by size: 16 steps for each power of two, so that a percentile is right to 6 %,
// and better between the steps. Value.
class TimeHistogram {
 public:
  void add(microseconds time);
  void clear();
  uint32_t count() const { return count_; }
  // Unless there are none.
  microseconds percentile(double share) const;

 private:
  static constexpr int kSteps = 16;
  static constexpr int kPowers = 32;
  static constexpr size_t kCells = (kPowers + 1) * kSteps;
  static size_t cellOf(uint64_t time);
  static uint64_t lowerBound(size_t cell);

  std::array<uint32_t, kCells> cells_{};
  uint32_t count_ = 0;
};

// A limit of requests under way that follows the answer times: the law of Netflix's
// concurrency-limits (Gradient) as Envoy has it. Each interval
//
//     gradient = time without load x (1 + buffer) / time now, within 0.5 and 2
//     limit    = limit x gradient + sqrt(limit)
//
// where the root is what may queue, so that the limit can grow. It does not grow while half of it
// is not used: who needs little proves nothing. The time without load is measured now and then by
// letting only min_concurrency requests through; not when that few were under way of themselves.
// When the limit has stayed at its least for kLeastWindows, the endpoints may have become slower
// for good: it is measured at once.
//
// All workers share one, for the time without load can only be seen when all of them hold back.
// What is per request is two atomic operations; a lock is taken for each answer. Thread-safe.
class GradientLimit {
 public:
  static constexpr int kLeastWindows = 5;

  GradientLimit(const GradientSettings& settings, uint64_t seed);
  GradientLimit(const GradientLimit&) = delete;
  GradientLimit& operator=(const GradientLimit&) = delete;

  // A request wants through. True: it is under way, until leave().
  bool enter();
  // It is over.
  void leave() { in_flight_.fetch_sub(1, std::memory_order_relaxed); }
  // An answer that says something about the endpoints took `took` from `started`, while its request
  // is still under way.
  void sample(event::MonotonicTime started, microseconds took, event::MonotonicTime now);

  struct State {
    uint32_t limit = 0;
    uint32_t in_flight = 0;
    bool measuring = false;
    microseconds min_rtt{0};  // 0: not known yet
  };
  State state() const;

 private:
  void endMeasurement(event::MonotonicTime now);
  void beginMeasurement(event::MonotonicTime now);
  void endWindow(event::MonotonicTime now);
  void setMinRtt(microseconds time, event::MonotonicTime now);
  void resetWindow(event::MonotonicTime now);

  const GradientSettings settings_;
  alignas(64) std::atomic<uint32_t> in_flight_{0};
  std::atomic<uint32_t> limit_;
  std::atomic<uint32_t> peak_{0};  // of in_flight_, in this window
  mutable std::mutex mutex_;       // guards what follows
  base::Random random_;
  TimeHistogram times_;
  microseconds min_rtt_{0};
  bool measuring_ = true;
  event::MonotonicTime measuring_since_;
  event::MonotonicTime window_end_;
  event::MonotonicTime measure_at_;
  uint32_t before_ = 0;  // the limit in front of a measurement
  int least_windows_ = 0;
};

}  // namespace weir::extensions::http_filters::adaptive_concurrency
