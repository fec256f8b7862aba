#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "source/event/dispatcher.h"
#include "source/http/http2/options.h"
#include "source/http/http2/stats.h"

namespace weir::http::http2 {

// Counts what a peer may send in any number, and tells when it is more than a peer in its senses
// sends (RFC 9113 10.5). Each kind is counted within windows of Options::flood_interval; window
// updates against the DATA frames that were sent. Worker-confined; no timer, no allocation.
class FloodGuard {
 public:
  FloodGuard(const Options& options, const event::Dispatcher& dispatcher);

  // One more of a counted kind: kResets, kEmptyData, kTinyData, kSettings, kPings, kPriorities,
  // kUnknownFrames. False: too many.
  bool count(Limit kind);
  void dataSent() { data_frames_sent_ += 1; }
  bool windowUpdate();  // likewise

 private:
  static constexpr uint32_t kFreeWindowUpdates = 200;
  uint32_t allowed(Limit kind) const;

  const Options& options_;
  const event::Dispatcher& dispatcher_;
  event::MonotonicTime window_began_;
  std::array<uint32_t, static_cast<size_t>(Limit::kCount)> counts_{};
  uint64_t data_frames_sent_ = 0;
  uint64_t window_updates_ = 0;
};

}  // namespace weir::http::http2
