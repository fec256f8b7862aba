#include "extensions/http_filters/adaptive_concurrency/gradient_limit.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace weir::extensions::http_filters::adaptive_concurrency {

// --- TimeHistogram ---

size_t TimeHistogram::cellOf(uint64_t time) {
  if (time < kSteps) return static_cast<size_t>(time);
  const int power = std::min(static_cast<int>(std::bit_width(time)) - 5, kPowers - 1);
  const uint64_t step = std::min<uint64_t>(time >> power, 2 * kSteps - 1) - kSteps;
  return static_cast<size_t>((power + 1) * kSteps) + static_cast<size_t>(step);
}

uint64_t TimeHistogram::lowerBound(size_t cell) {
  if (cell < kSteps) return cell;
  const size_t power = cell / kSteps - 1;
  return (kSteps + cell % kSteps) << power;
}

void TimeHistogram::add(microseconds time) {
  ++cells_[cellOf(static_cast<uint64_t>(std::max<int64_t>(0, time.count())))];
  ++count_;
}

void TimeHistogram::clear() {
  if (count_ == 0) return;
  cells_.fill(0);
  count_ = 0;
}

microseconds TimeHistogram::percentile(double share) const {
  const double wanted = share * count_;
  double below = 0;
  for (size_t i = 0; i + 1 < kCells; ++i) {
    if (cells_[i] == 0 || below + cells_[i] < wanted) {
      below += cells_[i];
      continue;
    }
    const auto least = static_cast<double>(lowerBound(i));
    const auto most = static_cast<double>(lowerBound(i + 1));
    const double into = (wanted - below) / cells_[i];
    return microseconds(static_cast<int64_t>(least + (most - least) * into));
  }
  return microseconds(static_cast<int64_t>(lowerBound(kCells - 1)));
}

// --- GradientLimit ---

GradientLimit::GradientLimit(const GradientSettings& settings, uint64_t seed)
    : settings_(settings), limit_(settings.min_concurrency), random_(seed) {}

bool GradientLimit::enter() {
  const uint32_t limit = limit_.load(std::memory_order_relaxed);
  uint32_t now = in_flight_.load(std::memory_order_relaxed);
  do {
    if (now >= limit) return false;
  } while (!in_flight_.compare_exchange_weak(now, now + 1, std::memory_order_relaxed));
  // Seldom more than a load.
  uint32_t peak = peak_.load(std::memory_order_relaxed);
  while (peak < now + 1 && !peak_.compare_exchange_weak(peak, now + 1, std::memory_order_relaxed)) {
  }
  return true;
}

void GradientLimit::sample(event::MonotonicTime started, microseconds took,
                           event::MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  if (measuring_) {
    // What was begun before has seen the load of before.
    if (started < measuring_since_) return;
    times_.add(took);
    if (times_.count() >= settings_.min_rtt_requests) endMeasurement(now);
    return;
  }
  times_.add(took);
  if (now < window_end_) return;
  endWindow(now);
  if (now >= measure_at_ || least_windows_ >= kLeastWindows) beginMeasurement(now);
}

void GradientLimit::beginMeasurement(event::MonotonicTime now) {
  before_ = limit_.load(std::memory_order_relaxed);
  limit_.store(settings_.min_concurrency, std::memory_order_relaxed);
  measuring_ = true;
  measuring_since_ = now;
  least_windows_ = 0;
  times_.clear();
}

void GradientLimit::endMeasurement(event::MonotonicTime now) {
  setMinRtt(times_.percentile(settings_.percentile), now);
  measuring_ = false;
  limit_.store(std::max(before_, settings_.min_concurrency), std::memory_order_relaxed);
  resetWindow(now);
}

void GradientLimit::setMinRtt(microseconds time, event::MonotonicTime now) {
  min_rtt_ = std::max(time, microseconds(1));
  const double spread = 1 + settings_.jitter * random_.unit();
  const auto wait = static_cast<double>(settings_.min_rtt_interval.count()) * spread;
  measure_at_ = now + milliseconds(static_cast<int64_t>(wait));
}

void GradientLimit::endWindow(event::MonotonicTime now) {
  const uint32_t peak = peak_.load(std::memory_order_relaxed);
  const microseconds time = times_.percentile(settings_.percentile);
  // So few were under way that this is the time without load.
  if (peak <= settings_.min_concurrency && times_.count() >= settings_.min_rtt_requests) {
    setMinRtt(time, now);
  }
  const auto limit = static_cast<double>(limit_.load(std::memory_order_relaxed));
  const double allowed = static_cast<double>(min_rtt_.count()) * (1 + settings_.buffer);
  const double gradient =
      std::clamp(allowed / std::max(1.0, static_cast<double>(time.count())), 0.5, 2.0);
  double next = limit * gradient + std::sqrt(limit);
  if (next > limit && peak < limit / 2) next = limit;
  next = std::clamp(next, static_cast<double>(settings_.min_concurrency),
                    static_cast<double>(settings_.max_concurrency));
  limit_.store(static_cast<uint32_t>(next), std::memory_order_relaxed);
  const bool least = static_cast<uint32_t>(next) <= settings_.min_concurrency;
  least_windows_ = least ? least_windows_ + 1 : 0;
  resetWindow(now);
}

void GradientLimit::resetWindow(event::MonotonicTime now) {
  times_.clear();
  window_end_ = now + settings_.update_interval;
  peak_.store(in_flight_.load(std::memory_order_relaxed), std::memory_order_relaxed);
}

GradientLimit::State GradientLimit::state() const {
  const std::lock_guard lock(mutex_);
  return {.limit = limit_.load(std::memory_order_relaxed),
          .in_flight = in_flight_.load(std::memory_order_relaxed),
          .measuring = measuring_,
          .min_rtt = min_rtt_};
}

}  // namespace weir::extensions::http_filters::adaptive_concurrency
