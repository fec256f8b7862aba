#include "source/http/http2/bdp_estimator.h"

#include <algorithm>

namespace weir::http::http2 {

bool BdpEstimator::onData(uint32_t bytes) {
  if (window_ >= max_window_) return false;
  received_ += bytes;
  if (measuring_) return false;
  // A quarter of the window at the least: less than that does not feel its limit. Twice as much
  // after each measurement in vain.
  if (received_ < (uint64_t{window_} / 4) << quiet_) return false;
  measuring_ = true;
  received_ = 0;
  return true;
}

bool BdpEstimator::onPong() {
  if (!measuring_) return false;
  measuring_ = false;
  const bool limits = received_ >= uint64_t{window_} / 3 * 2;
  received_ = 0;
  if (!limits) {
    quiet_ = std::min(quiet_ + 1, kMaxQuiet);
    return false;
  }
  quiet_ = 0;
  window_ = static_cast<uint32_t>(std::min<uint64_t>(uint64_t{window_} * 2, max_window_));
  return true;
}

}  // namespace weir::http::http2
