#include "source/http/http2/flood_guard.h"

#include <algorithm>
#include <limits>

namespace weir::http::http2 {

FloodGuard::FloodGuard(const Options& options, const event::Dispatcher& dispatcher)
    : options_(options), dispatcher_(dispatcher), window_began_(dispatcher.now()) {}

uint32_t FloodGuard::allowed(Limit kind) const {
  switch (kind) {
    case Limit::kResets:
      return options_.max_resets;
    case Limit::kEmptyData:
      return options_.max_empty_data_frames;
    case Limit::kTinyData:
      return options_.max_tiny_data_frames;
    case Limit::kSettings:
      return options_.max_settings_frames;
    case Limit::kPings:
      return options_.max_ping_frames;
    case Limit::kPriorities:
      return options_.max_priority_frames;
    case Limit::kUnknownFrames:
      return options_.max_unknown_frames;
    case Limit::kStreams:
    case Limit::kHeadBytes:
    case Limit::kHeadFields:
    case Limit::kContinuationFrames:
    case Limit::kWindowUpdates:
    case Limit::kHeadTime:
    case Limit::kStalledWindow:
    case Limit::kKeepalive:
    case Limit::kCount:
      break;
  }
  return std::numeric_limits<uint32_t>::max();  // not counted here
}

void FloodGuard::beginWindowWhenDue() {
  const event::MonotonicTime now = dispatcher_.now();
  if (now - window_began_ < options_.flood_interval) return;
  window_began_ = now;
  counts_.fill(0);
  window_updates_left_ = std::max(window_updates_left_, kFreeWindowUpdates);
}

bool FloodGuard::count(Limit kind) {
  beginWindowWhenDue();
  uint32_t& count = counts_[static_cast<size_t>(kind)];
  const uint32_t most = allowed(kind);
  if (count >= most) return false;
  ++count;
  return true;
}

void FloodGuard::earn(uint32_t window_updates) {
  window_updates_left_ += std::min(window_updates, kMaxWindowUpdates - window_updates_left_);
}

bool FloodGuard::windowUpdate() {
  beginWindowWhenDue();
  if (window_updates_left_ == 0) return false;
  --window_updates_left_;
  return true;
}

}  // namespace weir::http::http2
