#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>

#include "source/event/dispatcher.h"

namespace weir::extensions::http_filters::common::pacing {

// Bytes that may pass: so many each second, and after a pause those of kBurst at once. Several
// streams may share one; those that wait get equal parts. Thread-safe (a short lock).
class ByteBucket {
 public:
  // What a bucket holds at most: longer than timers of the wheel are late, so that nothing is lost.
  static constexpr std::chrono::milliseconds kBurst{100};

  explicit ByteBucket(uint64_t bytes_per_second);

  // How many of `wanted` may pass now.
  size_t take(size_t wanted, event::MonotonicTime now);
  // A stream waits for its turn / no longer.
  void join();
  void leave();
  uint64_t bytesPerSecond() const { return rate_; }

 private:
  const uint64_t rate_;
  const double capacity_;
  std::mutex mutex_;  // guards the rest
  double there_;
  event::MonotonicTime as_of_{};
  size_t waiting_ = 0;
};

}  // namespace weir::extensions::http_filters::common::pacing
