#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "source/event/dispatcher.h"
#include "source/http/http2/options.h"
#include "source/http/http2/stats.h"

namespace weir::http::http2 {

// Counts what a peer may send in any number, and tells when it is more than a peer in its senses
// sends (RFC 9113 10.5). Each kind is counted within windows of Options::flood_interval. Window
// updates have a budget that grows with what was sent to the peer and the streams that were begun,
// and is filled up to a free part with each window. Worker-confined; no timer, no allocation.
class FloodGuard {
 public:
  FloodGuard(const Options& options, const event::Dispatcher& dispatcher);

  // One more of a counted kind: kResets, kEmptyData, kTinyData, kSettings, kPings, kPriorities,
  // kUnknownFrames. False: too many.
  bool count(Limit kind);
  // Each of these allows the peer some more window updates.
  void dataSent() { earn(options_.window_updates_per_data_frame); }
  void streamBegan() { earn(kWindowUpdatesPerStream); }
  // One more of them. False: too many.
  bool windowUpdate();

 private:
  static constexpr uint32_t kFreeWindowUpdates = 200;
  // Some clients open the window of each stream that they begin.
  static constexpr uint32_t kWindowUpdatesPerStream = 2;
  static constexpr uint32_t kMaxWindowUpdates = 100'000;

  uint32_t allowed(Limit kind) const;
  void beginWindowWhenDue();
  void earn(uint32_t window_updates);

  const Options& options_;
  const event::Dispatcher& dispatcher_;
  event::MonotonicTime window_began_;
  std::array<uint32_t, static_cast<size_t>(Limit::kCount)> counts_{};
  uint32_t window_updates_left_ = kFreeWindowUpdates;
};

}  // namespace weir::http::http2
