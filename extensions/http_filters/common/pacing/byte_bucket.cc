#include "extensions/http_filters/common/pacing/byte_bucket.h"

#include <algorithm>
#include <chrono>

namespace weir::extensions::http_filters::common::pacing {

ByteBucket::ByteBucket(uint64_t bytes_per_second)
    : rate_(bytes_per_second),
      capacity_(std::max(1.0, static_cast<double>(bytes_per_second) *
                                  std::chrono::duration<double>(kBurst).count())),
      there_(capacity_) {}

size_t ByteBucket::take(size_t wanted, event::MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  // Workers' clocks may be a turn apart.
  if (now > as_of_) {
    const double seconds = std::chrono::duration<double>(now - as_of_).count();
    there_ = std::min(capacity_, there_ + seconds * static_cast<double>(rate_));
    as_of_ = now;
  }
  const auto whole = static_cast<size_t>(there_);
  const size_t share = waiting_ > 1 ? std::max<size_t>(whole / waiting_, 1) : whole;
  const size_t given = std::min({wanted, whole, share});
  there_ -= static_cast<double>(given);
  return given;
}

void ByteBucket::join() {
  const std::lock_guard lock(mutex_);
  ++waiting_;
}

void ByteBucket::leave() {
  const std::lock_guard lock(mutex_);
  --waiting_;
}

}  // namespace weir::extensions::http_filters::common::pacing
